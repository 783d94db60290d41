import type { PanePart } from "../../src/model/pane.ts";
import { SLOT_COUNT, type SlotRange, slotOf } from "../../src/model/slot.ts";
import type { TargetReport } from "../../src/model/target.ts";
import { makePart, makeReport } from "../../test/support/parts.ts";

/** What one target of a Redis Cluster sends each second. */
export interface FleetMember {
  partAt(startMs: number): PanePart;
  reportAt(nowMs: number): TargetReport;
}

const SEEDS_MAX = 1_000_000;

/** `targets` shards of one Redis Cluster that share the slots, each with `entries` hot keys that stay the same. */
export function fleet(targets: number, entries: number): FleetMember[] {
  const shards = Array.from({ length: targets }, (_, index) => ({
    target: `10.0.${index >> 8}.${index & 255}:6379`,
    slots: [[firstSlot(index, targets), firstSlot(index + 1, targets) - 1]] as SlotRange[],
    keys: [] as string[],
  }));
  let missing = targets;
  for (let seed = 0; missing > 0 && seed < SEEDS_MAX; seed++) {
    const slot = slotOf(Buffer.from(`${seed}`));
    const shard = shards[Math.floor(((slot + 1) * targets - 1) / SLOT_COUNT)];
    if (!shard || shard.keys.length > 0) continue;
    // One hash tag for all keys of a shard: they lie where their shard is.
    shard.keys = Array.from({ length: entries }, (_, i) => `{${seed}}:user:${i}`);
    missing -= 1;
  }
  return shards.map(({ target, slots, keys }) => {
    const rows = keys.map((key, i) => ({
      key,
      write: 1 + (i % 97),
      error: 1,
      commands: { set: 1 + (i % 97) },
    }));
    const template = makePart({ target, slots, rows, floor: 1 });
    const report = makeReport({ target, slots });
    return {
      partAt: (startMs) => ({ ...template, startMs }),
      reportAt: (atMs) => ({ ...report, atMs }),
    };
  });
}

function firstSlot(index: number, targets: number): number {
  return Math.floor((index * SLOT_COUNT) / targets);
}
