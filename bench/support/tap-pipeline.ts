import type { PaneVerdict } from "../../src/panes/closing-parts.ts";
import { PaneRecorder } from "../../src/panes/recorder.ts";
import { EventTable } from "../../src/sources/keyspace/event-table.ts";
import { FrameReader } from "../../src/sources/keyspace/frames.ts";
import { Tap } from "../../src/sources/keyspace/tap.ts";

/** As `panes` in the config has them by default. */
export const SKETCH_KEYS = 8192;
const PANE_BYTES_MAX = 4 * 1024 * 1024;
const PUBLISH_MAX = 1000;

/** Of a pane in which nothing went wrong, at a server that tells no counters. */
export const VERDICT: PaneVerdict = {
  sees: ["write", "miss"],
  complete: true,
  writesInDoubt: false,
  slots: null,
  totals: null,
  budgets: [],
};

/** The agent's path from the subscription's bytes to the open pane, without the socket. */
export interface TapPipeline {
  readonly reader: FrameReader;
  readonly tap: Tap;
  readonly recorder: PaneRecorder;
}

export function tapPipeline(): TapPipeline {
  const table = new EventTable({ flavor: "redis", version: [7, 0] });
  const recorder = new PaneRecorder(
    {
      agent: "agent-a",
      cluster: "default",
      target: "10.0.0.1:6379",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: SKETCH_KEYS,
      bytesMax: PANE_BYTES_MAX,
      publishMax: PUBLISH_MAX,
      buckets: 12,
      maybeClasses: table.maybes,
      commandNames: table.names.slice(1),
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  const tap = new Tap(table, recorder);
  const replies = {
    reply: () => {},
    error: (message: string) => {
      throw new Error(message);
    },
  };
  const reader = new FrameReader(tap, replies, {
    keyPlace: "payload",
    codeOf: (name) => table.codeOf(name),
    unknownCode: table.unknownCode,
  });
  return { reader, tap, recorder };
}

/** A keyspace event as the server sends it to `PSUBSCRIBE __keyevent@*__:*`. The key must be ASCII. */
export function setFrame(key: string): string {
  return `*4\r\n$8\r\npmessage\r\n$16\r\n__keyevent@*__:*\r\n$18\r\n__keyevent@0__:set\r\n$${key.length}\r\n${key}\r\n`;
}
