import type { PanePart } from "../model/pane.ts";
import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";
import type { ClientRows } from "./client-rows.ts";
import type { NamedRows } from "./named-rows.ts";

/**
 * A part as the engine keeps it while a window covers it: what was added by it is taken off again from here, with
 * no second look-up of its keys.
 */
export interface StoredPart {
  /** Entries kept. */
  readonly length: number;
  /** Accesses over all keys of the part, also those that were left out, scaled where they were sampled. */
  readonly load: number;
  /** First the handles, then one run of `length` counts for each of `columns`. */
  readonly data: Int32Array | Float64Array;
  /** Cell columns that hold anything but zeros, in the order of their runs. */
  readonly columns: readonly number[];
  /** The part's floor, raised where entries had to be left out. */
  readonly floor: number;
  /** Slots that the floor speaks of; `null`: all. */
  readonly floorRanges: readonly SlotRange[] | null;
  /** `null`: nothing was left out on purpose. */
  readonly sampling: PartSampling | null;
  readonly commands: NamedRows | null;
  /** `null`: it is of another vantage, or none of its keys is hot. */
  readonly clients: ClientRows | null;
  /** What was taken from the budget. */
  readonly bytes: number;
}

/** How a part was sampled: one of the two is below 1. */
export interface PartSampling {
  readonly probability: number;
  readonly watchedShare: number;
  /** Slots that its counts may be from; `null`: any. */
  readonly ranges: readonly SlotRange[] | null;
}

/** How many accesses stand behind one that the part counts, as far as can be estimated. */
export function scaleOf({ probability, watchedShare }: PanePart): number {
  return 1 / (probability * watchedShare);
}

/** Slots that a part speaks of: those of its target that lie in its bucket; `null`: all. */
export function rangesOf({ slots, bucket, buckets }: PanePart): readonly SlotRange[] | null {
  if (slots === null) return null;
  const bucketFirst = Math.ceil((bucket * SLOT_COUNT) / buckets);
  const bucketLast = Math.ceil(((bucket + 1) * SLOT_COUNT) / buckets) - 1;
  return slots
    .map(([first, last]): SlotRange => [Math.max(first, bucketFirst), Math.min(last, bucketLast)])
    .filter(([first, last]) => first <= last);
}
