import type { Cluster, Redis } from "ioredis";

/** One command on its way to the server. */
export interface GatedCall {
  readonly name: string;
  /** Its first key. */
  readonly key: string;
}

type Arg = string | Buffer | number;

const SCRIPTS = new Set(["EVAL", "EVALSHA"]);

/**
 * What remedies take for a client of ioredis: each command first passes `gate`, which may hold it back, or refuse it by
 * throwing, and which learns when it has been answered.
 */
export function gatedClient(
  redis: Redis | Cluster,
  gate: (call: GatedCall) => Promise<(() => void) | undefined> | undefined,
): object {
  return {
    options: {},
    isCluster: redis.isCluster,
    get slots() {
      return "slots" in redis ? redis.slots : undefined;
    },
    defineCommand: () => {},
    async callBuffer(name: string, ...args: Arg[]): Promise<unknown> {
      // `EVAL text 2 key ...`
      const key = String(args[SCRIPTS.has(name) ? 2 : 0]);
      const answered = await gate({ name, key });
      try {
        return await redis.callBuffer(name, ...args);
      } finally {
        answered?.();
      }
    },
  };
}
