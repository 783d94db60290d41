import { PacedSets } from "./paced-sets.ts";
import { PIPELINE_DEPTH, pipelineSets } from "./pipelined-sets.ts";
import type { PackedNames } from "./zipf-keys.ts";

/** With one the server sends the events of each pipeline by themselves; with fifty, as redis-benchmark has, many at once. */
const CONNECTIONS = [1, 8, 50];
const PACE = { perSecond: 100_000, connections: 8 };

/** SETs as clients send them. */
export interface LiveLoad {
  readonly what: string;
  /** Resolves when all of them are answered. */
  readonly send: (port: number, sets: PackedNames, commands: number) => Promise<void>;
}

/** Those as fast as they are answered change with the subscriber's speed; the paced one is the same for all. */
export const LIVE_LOADS: readonly LiveLoad[] = [
  {
    what: `${PACE.perSecond} a second, in bursts of ${PIPELINE_DEPTH} on ${PACE.connections} connections in turn`,
    send: async (port, sets, commands) => {
      const paced = await PacedSets.open({ ...PACE, port, sets });
      paced.start(commands);
      await paced.finished;
    },
  },
  ...CONNECTIONS.map((connections) => ({
    what: `${PIPELINE_DEPTH}-deep on each of ${connections} connection(s), as fast as they are answered`,
    send: async (port: number, sets: PackedNames, commands: number) => {
      await pipelineSets(port, sets, commands, connections);
    },
  })),
];
