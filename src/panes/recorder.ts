import { randomInt } from "node:crypto";
import type { Kind, KindCounts, Vantage } from "../model/access.ts";
import { keptKeySlot, keyId } from "../model/key.ts";
import { COMMANDS_PER_ENTRY, type PanePart, type PaneTotals } from "../model/pane.ts";
import { bucketOfSlot, SLOT_COUNT, type SlotRange } from "../model/slot.ts";
import { type EntryRow, entriesOf } from "./entries.ts";
import { HyperLogLog } from "./hyperloglog.ts";
import { Sketch } from "./sketch.ts";
import { Steepness } from "./steepness.ts";

/** Columns of an entry: the kinds, then a source's classes of maybes, then notes of the recorder. */
export const READ_COLUMN = 0;
export const WRITE_COLUMN = 1;
export const MISS_COLUMN = 2;
export const FIRST_MAYBE_COLUMN = 3;

/** Entries below this share of the pane's total are not published. */
const PUBLISH_SHARE = 2e-4;

export interface RecorderOptions {
  readonly agent: string;
  readonly cluster: string;
  readonly target: string;
  readonly vantage: Vantage;
  readonly lengthMs: number;
  /** Keys tracked in one pane. */
  readonly capacity: number;
  /** Limit of the memory of one pane, in bytes. */
  readonly bytesMax: number;
  /** Entries published of one pane at most. */
  readonly publishMax: number;
  readonly buckets: number;
  readonly maybeClasses: readonly MaybeClass[];
  /** Names of commands by id; id 0 is none. */
  readonly commandNames: readonly string[];
  /** Keys that are counted but never reported. */
  readonly ignored: (key: Uint8Array) => boolean;
}

/** Events of one class may have been accesses of their own, of `kind`. */
export interface MaybeClass {
  readonly kind: Exclude<Kind, "read">;
}

/** Of the maybes of a class in a pane, at least `total - derivedMax` and at most `ownMax` were accesses. */
export interface MaybeBudget {
  readonly ownMax: number;
  readonly derivedMax: number;
}

export const UNKNOWN_BUDGET: MaybeBudget = {
  ownMax: Number.POSITIVE_INFINITY,
  derivedMax: Number.POSITIVE_INFINITY,
};

/** What the source knows of a pane when it closes. */
export interface PaneVerdict {
  readonly sees: readonly Kind[];
  readonly complete: boolean;
  readonly slots: readonly SlotRange[] | null;
  readonly totals: PaneTotals | null;
  /** One for each class of maybes. */
  readonly budgets: readonly MaybeBudget[];
}

/** A pane that takes no more accesses and waits for its verdict. */
export interface ClosingPane {
  readonly startMs: number;
  readonly observed: KindCounts;
  /** Maybes seen, by class. */
  readonly maybes: readonly number[];
  /** Its parts, one for each bucket that the slots touch. Call once: the pane's memory is used again afterwards. */
  publish(verdict: PaneVerdict): PanePart[];
}

interface OpenPane {
  readonly sketch: Sketch;
  startMs: number;
  epoch: number;
  readonly observed: KindCounts;
  readonly maybes: Float64Array;
  /** Parts sent so far, by bucket. */
  readonly partsSent: Map<number, number>;
  lastRoundMs: number;
}

/**
 * Summarises the accesses of one target and vantage in panes: open, early parts, closed, published.
 *
 * Two summaries take turns, so that a pane can wait for the server's totals while the next one is filling.
 */
export class PaneRecorder {
  readonly #options: RecorderOptions;
  readonly #markColumn: number;
  readonly #sentColumn: number;
  readonly #rateColumn: number;
  readonly #steepness: Steepness;
  readonly #distinct = new HyperLogLog();
  #open: OpenPane;
  #spare: OpenPane | null;
  #closing: OpenPane | null = null;
  #distinctEstimate = 0;

  constructor(options: RecorderOptions, startMs: number, epoch: number) {
    this.#options = options;
    this.#markColumn = FIRST_MAYBE_COLUMN + options.maybeClasses.length;
    this.#sentColumn = this.#markColumn + 1;
    this.#rateColumn = this.#markColumn + 2;
    this.#steepness = new Steepness(options.lengthMs);
    const seed = randomInt(2 ** 31);
    this.#open = this.#newPane(seed);
    this.#spare = this.#newPane(seed);
    this.#begin(this.#open, startMs, epoch);
  }

  get openStartMs(): number {
    return this.#open.startMs;
  }

  /** Distinct keys of the last closed pane (an estimate). */
  get distinctKeys(): number {
    return this.#distinctEstimate;
  }

  /** The summary of the open pane: valid until the pane closes. */
  get sketch(): Sketch {
    return this.#open.sketch;
  }

  /** The entry of a key in the open pane, tracked from now on. Void after the next purge or close. */
  enter(db: number, bytes: Uint8Array, start: number, end: number): number {
    const sketch = this.#open.sketch;
    const hash = sketch.hash(db, bytes, start, end);
    const entry = sketch.find(hash, db, bytes, start, end);
    if (entry >= 0) return entry;
    this.#distinct.add(hash);
    return sketch.enter(hash, db, bytes, start, end);
  }

  /** Counts one access, or one maybe, of an entry. */
  count(entry: number, column: number, weight: number, commandId: number): void {
    const { sketch, observed, maybes } = this.#open;
    sketch.count(entry, column, weight, commandId);
    if (column === WRITE_COLUMN) observed.write += weight;
    else if (column === MISS_COLUMN) observed.miss += weight;
    else if (column === READ_COLUMN) observed.read += weight;
    else maybes[column - FIRST_MAYBE_COLUMN]! += weight;
  }

  /** Turns one miss of an entry into a maybe. Nothing happens where that miss has already been sent. */
  doubtMiss(entry: number, column: number): void {
    if (!this.#open.sketch.move(entry, MISS_COLUMN, column, 1)) return;
    this.#open.observed.miss -= 1;
    this.#open.maybes[column - FIRST_MAYBE_COLUMN]! += 1;
  }

  /** Takes one miss off again: the agent's own look-up caused it. */
  forgiveMiss(db: number, key: Uint8Array): void {
    const sketch = this.#open.sketch;
    const entry = sketch.find(sketch.hash(db, key, 0, key.length), db, key, 0, key.length);
    if (entry >= 0 && sketch.takeBack(entry, MISS_COLUMN, 1)) this.#open.observed.miss -= 1;
  }

  /** Counts of steep keys since they were last sent, as early parts. At most one round each 200 ms. */
  earlyParts(nowMs: number, sees: readonly Kind[], slots: readonly SlotRange[] | null): PanePart[] {
    const pane = this.#open;
    const spanMs = nowMs - pane.lastRoundMs;
    if (spanMs <= 0) return [];
    pane.lastRoundMs = nowMs;
    const rows = new Map<number, EntryRow[]>();
    for (let entry = 0; entry < pane.sketch.size; entry++) {
      const row = this.#steepRow(pane, entry, spanMs);
      if (row) pushTo(rows, this.#bucketOf(row.key, slots), row);
    }
    return Array.from(rows, ([bucket, bucketRows]) => this.#earlyPart(pane, bucket, bucketRows, sees, slots));
  }

  /** Closes the open pane and opens the next. `last` (an entry) is tracked there too; its new number is returned. */
  rotate(startMs: number, epoch: number, last: number): { closing: ClosingPane; last: number } {
    const closed = this.#open;
    if (!this.#spare) throw new Error("the pane before has not been published");
    const opened = this.#spare;
    this.#spare = null;
    this.#closing = closed;
    this.#begin(opened, startMs, epoch);
    this.#open = opened;
    this.#distinctEstimate = this.#distinct.estimate();
    this.#distinct.reset();
    return { closing: this.#closingPane(closed), last: this.#carryOver(closed.sketch, last) };
  }

  /** Whether a closed pane still waits for its verdict. */
  get isClosing(): boolean {
    return this.#closing !== null;
  }

  #newPane(seed: number): OpenPane {
    const { capacity, bytesMax, maybeClasses } = this.#options;
    const columns = FIRST_MAYBE_COLUMN + maybeClasses.length + 3;
    return {
      sketch: new Sketch({ capacity, bytesMax: Math.floor(bytesMax / 2), columns, seed }),
      startMs: 0,
      epoch: 0,
      observed: { read: 0, write: 0, miss: 0 },
      maybes: new Float64Array(maybeClasses.length),
      partsSent: new Map(),
      lastRoundMs: 0,
    };
  }

  #begin(pane: OpenPane, startMs: number, epoch: number): void {
    pane.startMs = startMs;
    pane.epoch = epoch;
    pane.lastRoundMs = startMs;
  }

  #carryOver(from: Sketch, last: number): number {
    if (last < 0) return -1;
    const key = from.key(last);
    return this.enter(from.db(last), key, 0, key.length);
  }

  #steepRow(pane: OpenPane, entry: number, spanMs: number): EntryRow | null {
    const { sketch } = pane;
    const sure = sureCount(sketch, entry);
    const ratePerSecond = ((sure - sketch.counter(entry, this.#markColumn)) * 1000) / spanMs;
    sketch.note(entry, this.#rateColumn, ratePerSecond);
    sketch.note(entry, this.#markColumn, sure);
    if (!this.#steepness.couldBeSteep(ratePerSecond)) return null;
    const key = sketch.key(entry);
    if (this.#options.ignored(key) || !this.#steepness.isSteep(keyId(sketch.db(entry), key), ratePerSecond))
      return null;
    const row = this.#row(sketch, entry, {
      write: 0,
      miss: 0,
      maybe: 0,
      error: 0,
      currentPerSecond: ratePerSecond,
    });
    this.#takeOut(sketch, entry, sure);
    return row;
  }

  #takeOut(sketch: Sketch, entry: number, sure: number): void {
    for (const column of [READ_COLUMN, WRITE_COLUMN, MISS_COLUMN]) {
      sketch.takeBack(entry, column, sketch.counter(entry, column));
    }
    sketch.note(entry, this.#markColumn, 0);
    sketch.note(entry, this.#sentColumn, sketch.counter(entry, this.#sentColumn) + sure);
    sketch.clearCommands(entry);
  }

  #earlyPart(
    pane: OpenPane,
    bucket: number,
    rows: EntryRow[],
    sees: readonly Kind[],
    slots: readonly SlotRange[] | null,
  ): PanePart {
    const part = pane.partsSent.get(bucket) ?? 0;
    pane.partsSent.set(bucket, part + 1);
    return {
      ...this.#identity(pane, bucket, part),
      closing: false,
      parts: 0,
      floor: 0,
      total: totalOf(rows),
      sees,
      complete: true,
      slots,
      totals: null,
      entries: entriesOf(rows, this.#options.commandNames),
    };
  }

  #identity(pane: OpenPane, bucket: number, part: number) {
    const { agent, cluster, target, vantage, lengthMs, buckets } = this.#options;
    const { startMs, epoch } = pane;
    return {
      type: "part",
      agent,
      epoch,
      cluster,
      target,
      vantage,
      startMs,
      lengthMs,
      bucket,
      buckets,
      part,
      probability: 1,
    } as const;
  }

  #closingPane(pane: OpenPane): ClosingPane {
    return {
      startMs: pane.startMs,
      observed: { ...pane.observed },
      maybes: Array.from(pane.maybes),
      publish: (verdict) => this.#publish(pane, verdict),
    };
  }

  #publish(pane: OpenPane, verdict: PaneVerdict): PanePart[] {
    const { rows, floor, sums } = this.#select(pane, verdict);
    const parts = Array.from(this.#bucketsOf(verdict.slots), (bucket) => {
      const bucketRows = rows.get(bucket) ?? [];
      const part = pane.partsSent.get(bucket) ?? 0;
      return {
        ...this.#identity(pane, bucket, part),
        closing: true,
        parts: part + 1,
        floor,
        total: sums.get(bucket) ?? { read: 0, write: 0, miss: 0 },
        sees: verdict.sees,
        complete: verdict.complete,
        slots: verdict.slots,
        totals: verdict.totals,
        entries: entriesOf(bucketRows, this.#options.commandNames),
      };
    });
    this.#recycle(pane);
    return parts;
  }

  /** The entries worth publishing, by bucket, and the floor that covers all others. */
  #select(pane: OpenPane, verdict: PaneVerdict) {
    const { sketch, observed } = pane;
    const total = observed.read + observed.write + observed.miss;
    const threshold = Math.max(sketch.floor, PUBLISH_SHARE * total);
    const candidates: { row: EntryRow; upper: number }[] = [];
    const sums = new Map<number, KindCounts>();
    const remembered = new Map<string, number>();
    let floor = sketch.floor;
    for (let entry = 0; entry < sketch.size; entry++) {
      const row = this.#closingRow(sketch, entry, verdict.budgets);
      addTo(sums, this.#bucketOf(row.key, verdict.slots), row);
      const paneCount = sureOf(row) + sketch.counter(entry, this.#sentColumn);
      if (this.#steepness.isRemembered(paneCount)) remembered.set(keyId(row.db, row.key), paneCount);
      if (this.#options.ignored(row.key)) continue;
      const upper = sureOf(row) + row.maybe + row.error;
      if (upper > threshold) candidates.push({ row, upper });
      else floor = Math.max(floor, upper);
    }
    this.#steepness.closePane(remembered);
    candidates.sort((a, b) => b.upper - a.upper);
    const leftOut = candidates[this.#options.publishMax];
    if (leftOut) floor = Math.max(floor, leftOut.upper);
    const rows = new Map<number, EntryRow[]>();
    for (const { row } of candidates.slice(0, this.#options.publishMax)) {
      pushTo(rows, this.#bucketOf(row.key, verdict.slots), row);
    }
    return { rows, floor, sums };
  }

  #closingRow(sketch: Sketch, entry: number, budgets: readonly MaybeBudget[]): EntryRow {
    const resolved = { write: 0, miss: 0, maybe: 0 };
    this.#options.maybeClasses.forEach(({ kind }, index) => {
      const count = sketch.counter(entry, FIRST_MAYBE_COLUMN + index);
      if (count === 0) return;
      const { ownMax, derivedMax } = budgets[index] ?? UNKNOWN_BUDGET;
      const most = Math.min(count, ownMax);
      const least = Math.min(most, Math.max(0, count - derivedMax));
      resolved[kind] += least;
      resolved.maybe += most - least;
    });
    const paneCount =
      sureCount(sketch, entry) + resolved.write + resolved.miss + sketch.counter(entry, this.#sentColumn);
    const paneRate = (paneCount * 1000) / this.#options.lengthMs;
    const currentPerSecond = Math.max(paneRate, sketch.counter(entry, this.#rateColumn));
    return this.#row(sketch, entry, { ...resolved, error: sketch.error(entry), currentPerSecond });
  }

  /** A row of what an entry counted, with what was found out besides. */
  #row(
    sketch: Sketch,
    entry: number,
    extra: { write: number; miss: number; maybe: number; error: number; currentPerSecond: number },
  ): EntryRow {
    const commands: [number, number][] = [];
    for (let place = 0; place < COMMANDS_PER_ENTRY; place++) {
      const id = sketch.commandId(entry, place);
      if (id > 0) commands.push([id - 1, sketch.commandCount(entry, place)]);
    }
    return {
      db: sketch.db(entry),
      key: sketch.key(entry),
      read: sketch.counter(entry, READ_COLUMN),
      write: sketch.counter(entry, WRITE_COLUMN) + extra.write,
      miss: sketch.counter(entry, MISS_COLUMN) + extra.miss,
      maybe: extra.maybe,
      error: extra.error,
      currentPerSecond: extra.currentPerSecond,
      commands,
    };
  }

  #bucketOf(key: Uint8Array, slots: readonly SlotRange[] | null): number {
    return slots === null ? 0 : bucketOfSlot(keptKeySlot(key), this.#options.buckets);
  }

  /** Every bucket that the slots touch: an empty part is the heartbeat of its bucket. */
  #bucketsOf(slots: readonly SlotRange[] | null): Set<number> {
    if (slots === null) return new Set([0]);
    const { buckets } = this.#options;
    const touched = new Set<number>();
    for (const [first, last] of slots) {
      const lastBucket = bucketOfSlot(Math.min(last, SLOT_COUNT - 1), buckets);
      for (let bucket = bucketOfSlot(first, buckets); bucket <= lastBucket; bucket++) touched.add(bucket);
    }
    return touched;
  }

  #recycle(pane: OpenPane): void {
    pane.sketch.reset();
    pane.observed.read = 0;
    pane.observed.write = 0;
    pane.observed.miss = 0;
    pane.maybes.fill(0);
    pane.partsSent.clear();
    this.#closing = null;
    this.#spare = pane;
  }
}

/** Accesses surely seen. Where a vantage sees no reads, misses stand for them; else reads hold the misses. */
function sureOf(row: { read: number; write: number; miss: number }): number {
  return row.write + Math.max(row.read, row.miss);
}

function sureCount(sketch: Sketch, entry: number): number {
  const read = Math.max(sketch.counter(entry, READ_COLUMN), sketch.counter(entry, MISS_COLUMN));
  return read + sketch.counter(entry, WRITE_COLUMN);
}

function totalOf(rows: readonly EntryRow[]): KindCounts {
  const total = { read: 0, write: 0, miss: 0 };
  for (const row of rows) addRow(total, row);
  return total;
}

function addTo(sums: Map<number, KindCounts>, bucket: number, row: EntryRow): void {
  let sum = sums.get(bucket);
  if (!sum) {
    sum = { read: 0, write: 0, miss: 0 };
    sums.set(bucket, sum);
  }
  addRow(sum, row);
}

function addRow(total: KindCounts, row: EntryRow): void {
  total.read += row.read;
  total.write += row.write;
  total.miss += row.miss;
}

function pushTo(rows: Map<number, EntryRow[]>, bucket: number, row: EntryRow): void {
  const list = rows.get(bucket);
  if (list) list.push(row);
  else rows.set(bucket, [row]);
}
