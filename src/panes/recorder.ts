import { randomInt } from "node:crypto";
import type { Kind, KindCounts } from "../model/access.ts";
import type { PanePart } from "../model/pane.ts";
import type { SlotRange } from "../model/slot.ts";
import { closingParts, type PaneVerdict } from "./closing-parts.ts";
import { Coins } from "./coins.ts";
import {
  countedColumns,
  FIRST_MAYBE_COLUMN,
  MISS_COLUMN,
  NOTE_COUNT,
  type NoteColumns,
  noteColumns,
  READ_COLUMN,
  WRITE_COLUMN,
} from "./columns.ts";
import { takeEarlyParts } from "./early-parts.ts";
import { HyperLogLog } from "./hyperloglog.ts";
import { KeyHasher } from "./key-words.ts";
import { OpenPane, type PaneOpening } from "./open-pane.ts";
import type { RecorderOptions } from "./recorder-options.ts";
import { Sketch } from "./sketch.ts";
import { Steepness } from "./steepness.ts";

/** A pane that takes no more accesses and waits for its verdict. */
export interface ClosingPane {
  readonly startMs: number;
  readonly observed: KindCounts;
  /** Events in doubt, by class. */
  readonly maybes: readonly number[];
  /** Its parts. Call once: the pane's memory is used again afterwards. */
  publish(verdict: PaneVerdict): PanePart[];
}

/**
 * Summarises the accesses of one target and vantage in panes: open, early parts, closed, published.
 *
 * Two summaries take turns, so that a pane can wait for the server's totals while the next one is filling.
 */
export class PaneRecorder {
  readonly #options: RecorderOptions;
  readonly #notes: NoteColumns;
  readonly #steepness: Steepness;
  readonly #distinct = new HyperLogLog();
  readonly #hasher = new KeyHasher();
  readonly #coins = new Coins(randomInt(1, 2 ** 31));
  #open: OpenPane;
  #spare: OpenPane | null;
  #distinctEstimate = 0;

  /** `epoch` of the first pane, which starts at `startMs` and counts from `nowMs` on. */
  constructor(options: RecorderOptions, opening: PaneOpening) {
    this.#options = options;
    this.#notes = noteColumns(options.maybeClasses.length);
    this.#steepness = new Steepness(options.lengthMs);
    this.#open = this.#newPane();
    this.#spare = this.#newPane();
    this.#open.begin(opening);
  }

  /** Distinct keys of the last closed pane (an estimate). */
  get distinctKeys(): number {
    return this.#distinctEstimate;
  }

  /** The entry of the key `keys[start, end)` in the open pane, tracked from now on. Void after the next one enters. */
  enter(db: number, keys: DataView, start: number, end: number): number {
    const sketch = this.#open.sketch;
    const entry = sketch.find(db, keys, start, end);
    if (entry >= 0) return entry;
    this.#distinct.add(sketch.lastHash);
    return sketch.enter(db, keys, start, end);
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

  /** Turns one miss of a key into a maybe. Nothing happens where that miss has already been sent. */
  doubtMiss(db: number, keys: DataView, start: number, end: number, column: number): void {
    const entry = this.#open.sketch.find(db, keys, start, end);
    if (entry < 0 || !this.#open.sketch.move(entry, MISS_COLUMN, column, 1)) return;
    // The sum was thinned by coins of its own: it may be less than its keys' misses.
    if (this.#open.observed.miss > 0) this.#open.observed.miss -= 1;
    this.#open.maybes[column - FIRST_MAYBE_COLUMN]! += 1;
  }

  /** Of each access to be counted in the open pane. */
  get probability(): number {
    return this.#open.probability;
  }

  /** Samples half as many accesses in the open pane: what was counted so far is thinned likewise. */
  thin(): void {
    this.#open.thin(this.#coins);
  }

  /** Nothing was counted between the last round and `fromMs`: rates are measured from there. */
  beginRound(fromMs: number): void {
    this.#open.lastRoundMs = Math.max(this.#open.lastRoundMs, fromMs);
  }

  /** Counts of steep keys since they were last sent, as early parts. At most one round each 200 ms. */
  earlyParts(nowMs: number, sees: readonly Kind[], slots: readonly SlotRange[] | null): PanePart[] {
    return this.#takeEarly(nowMs, sees, slots, this.#steepness);
  }

  /** The same of all keys: what was counted so far, for who wants to know it now. */
  partsSoFar(nowMs: number, sees: readonly Kind[], slots: readonly SlotRange[] | null): PanePart[] {
    return this.#takeEarly(nowMs, sees, slots, null);
  }

  /**
   * Closes the open pane and opens the next.
   *
   * `watchedShare`: how much of its time it was really watched. Throws: Error when the pane before has not been
   * published.
   */
  rotate(opening: PaneOpening, watchedShare = 1): ClosingPane {
    const closed = this.#open;
    const opened = this.#spare;
    if (!opened) throw new Error("the pane before has not been published");
    this.#spare = null;
    this.#open = opened;
    opened.begin(opening);
    closed.watchedShare = watchedShare;
    this.#distinctEstimate = this.#distinct.estimate();
    this.#distinct.reset();
    return this.#closing(closed);
  }

  #takeEarly(
    nowMs: number,
    sees: readonly Kind[],
    slots: readonly SlotRange[] | null,
    steepness: Steepness | null,
  ): PanePart[] {
    const { ignored } = this.#options;
    return takeEarlyParts(this.#open, { nowMs, sees, slots, notes: this.#notes, steepness, ignored });
  }

  #newPane(): OpenPane {
    const { capacity, bytesMax, maybeClasses } = this.#options;
    const sketch = new Sketch({
      capacity,
      bytesMax: Math.floor(bytesMax / 2),
      columns: countedColumns(maybeClasses.length),
      notes: NOTE_COUNT,
      hasher: this.#hasher,
    });
    return new OpenPane(sketch, this.#options);
  }

  #closing(pane: OpenPane): ClosingPane {
    return {
      startMs: pane.startMs,
      observed: { ...pane.observed },
      maybes: Array.from(pane.maybes),
      publish: (verdict) => {
        const parts = closingParts(pane, verdict, this.#options, this.#notes, this.#steepness);
        pane.reset();
        this.#spare = pane;
        return parts;
      },
    };
  }
}
