import type { PanePart } from "../../src/model/pane.ts";
import { bucketOfSlot, bucketsOfSlots, coversSlot, type SlotRange, slotOf } from "../../src/model/slot.ts";
import type { Message } from "../../src/transport/transport.ts";
import { makePart, makeReport, type Row } from "./parts.ts";

const BUCKETS = 12;
const KEYS = 40;
const LENGTH_MS = 1000;
/** Three primaries of a Redis Cluster. */
const TARGETS: readonly { readonly target: string; readonly slots: readonly SlotRange[] }[] = [
  { target: "10.0.0.1:6379", slots: [[0, 5460]] },
  { target: "10.0.0.2:6379", slots: [[5461, 10_922]] },
  { target: "10.0.0.3:6379", slots: [[10_923, 16_383]] },
];

/**
 * What agents of a cluster tell of one second: reports, and for each bucket an early part and a closing one of the
 * server's vantage, and one of the clients'. `draw(n)`: a whole number below n.
 */
export function shardedSecond(startMs: number, draw: (below: number) => number): Message[] {
  return TARGETS.flatMap(({ target, slots }): Message[] => {
    const source = {
      state: "up",
      sinceMs: startMs - 600_000,
      gaps: 0,
      probability: 1,
      reason: null,
    } as const;
    const report = makeReport({
      target,
      slots,
      atMs: startMs + LENGTH_MS,
      sources: [{ ...source, source: "keyspace" }],
    });
    const parts = [...bucketsOfSlots(slots, BUCKETS)].flatMap((bucket) => {
      const common = { target, slots, startMs, bucket, buckets: BUCKETS };
      return [...serverParts(common, draw), clientsPart(common, draw)];
    });
    return [report, ...parts];
  });
}

type Common = Required<
  Pick<PanePart, "target" | "startMs" | "bucket" | "buckets"> & { slots: readonly SlotRange[] }
>;

function serverParts(common: Common, draw: (below: number) => number): PanePart[] {
  const rows = () => rowsOf(common, (key) => ({ key, write: 1 + draw(200), miss: draw(50) }));
  return [
    makePart({ ...common, rows: rows(), closing: false, part: 0 }),
    makePart({ ...common, rows: rows(), part: 1, parts: 2 }),
  ];
}

function clientsPart(common: Common, draw: (below: number) => number): PanePart {
  const rows = rowsOf(common, (key) => ({
    key,
    read: 1 + draw(500),
    commands: { get: 1 },
    services: { shop: 1 },
  }));
  return makePart({ ...common, rows, agent: "agent-b", vantage: "clients", sees: ["read", "write"] });
}

function rowsOf({ slots, bucket }: Common, rowOf: (key: string) => Row): Row[] {
  return Array.from({ length: KEYS }, (_, i) => `item:${i}`)
    .filter((key) => {
      const slot = slotOf(Buffer.from(key));
      return bucketOfSlot(slot, BUCKETS) === bucket && coversSlot(slots, slot);
    })
    .map(rowOf);
}
