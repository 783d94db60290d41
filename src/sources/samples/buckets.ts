import type { KindCounts } from "../../model/access.ts";
import { rawKeySlot } from "../../model/key.ts";
import { bucketOfSlot, type SlotRange } from "../../model/slot.ts";

/** How a target's keys are divided. */
export interface Division {
  /** Slots of the target; `null` outside Cluster mode: then there is one bucket. */
  readonly slots: readonly SlotRange[] | null;
  readonly buckets: number;
}

/** `key`: kept form, one character a byte. */
export function bucketOfKey(key: string, { slots, buckets }: Division): number {
  return slots === null ? 0 : bucketOfSlot(rawKeySlot(Buffer.from(key, "latin1")), buckets);
}

/** Counts of a bucket, from 0 on. */
export function totalIn(totals: Map<number, KindCounts>, bucket: number): KindCounts {
  let total = totals.get(bucket);
  if (!total) {
    total = { read: 0, write: 0, miss: 0 };
    totals.set(bucket, total);
  }
  return total;
}
