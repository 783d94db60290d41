import type { Kind, KindCounts } from "../model/access.ts";
import { rawKeySlot } from "../model/key.ts";
import type { PanePart, PaneTotals } from "../model/pane.ts";
import { bucketOfSlot, bucketsOfSlots, type SlotRange } from "../model/slot.ts";
import type { Coins } from "./coins.ts";
import { noteColumns } from "./columns.ts";
import { type EntryRow, entriesOf } from "./entries.ts";
import type { RecorderOptions } from "./recorder-options.ts";
import type { Sketch } from "./sketch.ts";

/** How much of what happens is taken in. */
export interface Intake {
  /** Each access is counted with this probability. */
  readonly probability: number;
  /** Share of the time that is watched on purpose. */
  readonly watchedShare: number;
}

/** A pane that opens: its aligned start, its epoch, and the time now (all but `epoch` in ms since 1970). */
export interface PaneOpening {
  readonly startMs: number;
  readonly epoch: number;
  readonly nowMs: number;
  /** Left out: everything. */
  readonly intake?: Intake;
}

/** A pane while it counts, and while it waits to be published. */
export class OpenPane {
  readonly sketch: Sketch;
  readonly observed: KindCounts = { read: 0, write: 0, miss: 0 };
  readonly maybes: Float64Array;
  startMs = 0;
  epoch = 0;
  lastRoundMs = 0;
  /** Of each access to be counted, a power of two; the counters are raw. */
  probability = 1;
  /** Share of its time that was watched on purpose. */
  watchedShare = 1;
  /** Parts sent so far, by bucket. */
  readonly #partsSent = new Map<number, number>();
  readonly #options: RecorderOptions;

  constructor(sketch: Sketch, options: RecorderOptions) {
    this.sketch = sketch;
    this.maybes = new Float64Array(options.maybeClasses.length);
    this.#options = options;
  }

  /** `nowMs`: when it began to count, which is later than `startMs` where the pane before was closed late. */
  begin({ startMs, epoch, nowMs, intake }: PaneOpening): void {
    this.startMs = startMs;
    this.epoch = epoch;
    this.lastRoundMs = nowMs;
    this.probability = intake?.probability ?? 1;
    this.watchedShare = intake?.watchedShare ?? 1;
  }

  /** Halves the probability of all that was counted, and of what will be. */
  thin(coins: Coins): void {
    this.probability /= 2;
    this.sketch.thin(coins);
    this.observed.read = coins.heads(this.observed.read);
    this.observed.write = coins.heads(this.observed.write);
    this.observed.miss = coins.heads(this.observed.miss);
    for (let i = 0; i < this.maybes.length; i++) this.maybes[i] = coins.heads(this.maybes[i]!);
    const { mark } = noteColumns(this.maybes.length);
    for (let entry = 0; entry < this.sketch.size; entry++) {
      this.sketch.note(entry, mark, Math.round(this.sketch.counter(entry, mark) / 2));
    }
  }

  /** What a count stands for, together with what was sent early (scaled by its probability already). */
  scaled(count: number, sent: number): number {
    return (count / this.probability + sent) / this.watchedShare;
  }

  /** Empties the pane for its next turn. */
  reset(): void {
    this.sketch.reset();
    this.observed.read = 0;
    this.observed.write = 0;
    this.observed.miss = 0;
    this.maybes.fill(0);
    this.#partsSent.clear();
  }

  bucketOf(key: Uint8Array, slots: readonly SlotRange[] | null): number {
    return slots === null ? 0 : bucketOfSlot(rawKeySlot(key), this.#options.buckets);
  }

  /** Every bucket that the slots touch: an empty part is the heartbeat of its bucket. */
  bucketsOf(slots: readonly SlotRange[] | null): Set<number> {
    return bucketsOfSlots(slots, this.#options.buckets);
  }

  /** The next part of a bucket. */
  part(bucket: number, rows: readonly EntryRow[], content: PartContent): PanePart {
    const part = this.#partsSent.get(bucket) ?? 0;
    this.#partsSent.set(bucket, part + 1);
    const { agent, cluster, target, vantage, lengthMs, buckets, commandNames } = this.#options;
    const { startMs, epoch, probability, watchedShare } = this;
    const identity = { agent, epoch, cluster, target, vantage, startMs, lengthMs, bucket, buckets, part };
    return {
      type: "part",
      ...identity,
      ...content,
      parts: content.closing ? part + 1 : 0,
      probability,
      watchedShare,
      entries: entriesOf(rows, commandNames),
    };
  }
}

export interface PartContent {
  readonly closing: boolean;
  readonly floor: number;
  readonly total: KindCounts;
  readonly sees: readonly Kind[];
  readonly complete: boolean;
  readonly slots: readonly SlotRange[] | null;
  readonly totals: PaneTotals | null;
}

/** Rows by bucket. */
export class RowsByBucket {
  readonly #rows = new Map<number, EntryRow[]>();

  add(bucket: number, row: EntryRow): void {
    const list = this.#rows.get(bucket);
    if (list) list.push(row);
    else this.#rows.set(bucket, [row]);
  }

  of(bucket: number): readonly EntryRow[] {
    return this.#rows.get(bucket) ?? [];
  }

  buckets(): Iterable<number> {
    return this.#rows.keys();
  }
}

export function addCounts(total: KindCounts, { read, write, miss }: KindCounts): void {
  total.read += read;
  total.write += write;
  total.miss += miss;
}
