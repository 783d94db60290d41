import { randomInt } from "node:crypto";
import { KEPT_KEY_BYTES_MAX } from "../../model/key.ts";
import { Coins } from "../../panes/coins.ts";
import { MISS_COLUMN, WRITE_COLUMN } from "../../panes/columns.ts";
import { copyKey, isSameKey } from "../../panes/key-words.ts";
import type { PaneOpening } from "../../panes/open-pane.ts";
import type { ClosingPane, PaneRecorder } from "../../panes/recorder.ts";
import type { StageBooks } from "../../runtime/accounting.ts";
import { DOUBT_MISS, type EventTable, NO_ACCESS, TOUCH_ONLY } from "./event-table.ts";
import type { EventSink } from "./frame-sink.ts";
import { OwnMisses } from "./own-misses.ts";

const UNKNOWN_NAMES_MAX = 64;
/** Code of the event before where there was none, or it was of another key. */
const NO_EVENT = 0;

/** Events since the start, by code: all that were seen, and those that surely were accesses. */
export interface EventCounts {
  readonly seen: Float64Array;
  readonly sure: Float64Array;
}

/**
 * Turns keyspace events into accesses of the open pane: one step from the socket's bytes to the summary.
 *
 * The event right before tells what an event means, if it was of the same key; keys are compared only where that would
 * change anything.
 */
export class Tap implements EventSink {
  readonly counts: EventCounts;
  /** At a replica, whose writes are its primary's. */
  takesMissesOnly = false;
  readonly #table: EventTable;
  readonly #recorder: PaneRecorder;
  readonly #missCode: number;
  readonly #ownMisses = new OwnMisses();
  readonly #unknownNames = new Map<string, number>();
  #lastCode = NO_EVENT;
  #lastDb = 0;
  /** The key of the event before: where it came in, until that is overwritten, then in `#keptKey`. */
  #lastKeys: DataView;
  #lastStart = 0;
  #lastEnd = 0;
  readonly #keptKey = new DataView(new ArrayBuffer(KEPT_KEY_BYTES_MAX));
  #kept = 0;
  #withoutAccess = 0;
  #foreign = 0;
  #notSampled = 0;
  readonly #coins = new Coins(randomInt(1, 2 ** 31));
  /** An event is skipped where one of the coins under this mask comes up heads; 0: none is. */
  #skipMask = 0;

  constructor(table: EventTable, recorder: PaneRecorder) {
    this.#table = table;
    this.#recorder = recorder;
    this.#lastKeys = this.#keptKey;
    this.#missCode = table.codeOf("keymiss");
    this.counts = { seen: new Float64Array(table.names.length), sure: new Float64Array(table.names.length) };
  }

  event(db: number, code: number, keys: DataView, start: number, end: number): void {
    const table = this.#table;
    this.counts.seen[code]! += 1;
    if (code === this.#missCode && !this.#ownMisses.isEmpty && this.#isOwnMiss(db, keys, start, end)) return;
    const plainColumn = table.columnOf(code, NO_EVENT);
    if (plainColumn === NO_ACCESS || (this.takesMissesOnly && code !== this.#missCode)) {
      this.#withoutAccess += 1;
      return;
    }
    let column = table.columnOf(code, this.#lastCode);
    if (column !== plainColumn && !this.#isLastKey(db, keys, start, end)) column = plainColumn;
    this.#lastCode = table.predecessorOf(code, column);
    this.#lastDb = db;
    this.#lastKeys = keys;
    this.#lastStart = start;
    this.#lastEnd = end;
    if (column === TOUCH_ONLY) {
      this.#withoutAccess += 1;
      return;
    }
    if (column === DOUBT_MISS) {
      this.#recorder.doubtMiss(db, keys, start, end, table.mergeMissColumn);
      column = WRITE_COLUMN;
    }
    // The server's counters, which resolve what is in doubt, speak of all events: so do the sure ones.
    if (column === WRITE_COLUMN || column === MISS_COLUMN) this.counts.sure[code]! += 1;
    // Tossed also while nothing is sampled: code that first runs in an overload would be slow at the worst moment.
    const isSkipped = (this.#coins.next() & this.#skipMask) !== 0;
    this.#notSampled += isSkipped ? 1 : 0;
    if (isSkipped) return;
    this.#kept += 1;
    const commandId = table.isCommand(column) ? code : 0;
    this.#recorder.count(this.#recorder.enter(db, keys, start, end), column, 1, commandId);
  }

  unknownEvent(name: string): void {
    const isListed = this.#unknownNames.has(name) || this.#unknownNames.size < UNKNOWN_NAMES_MAX;
    const listed = isListed ? name : "other";
    this.#unknownNames.set(listed, (this.#unknownNames.get(listed) ?? 0) + 1);
  }

  foreign(): void {
    this.#foreign += 1;
  }

  endOfRead(): void {
    if (this.#lastKeys === this.#keptKey) return;
    const length = this.#lastEnd - this.#lastStart;
    copyKey(this.#lastKeys, this.#lastStart, this.#keptKey, 0, length);
    this.#lastKeys = this.#keptKey;
    this.#lastStart = 0;
    this.#lastEnd = length;
  }

  /**
   * The agent itself is about to look up a key, which may make a miss. The returned function takes what came of it:
   * whether the key was missing, at which monotonic time in ms.
   */
  beginLookUp(db: number, key: Uint8Array): (wasMiss: boolean, nowMs: number) => void {
    const lookUp = this.#ownMisses.begin(db, key);
    return (wasMiss, nowMs) => {
      const held = this.#ownMisses.answer(lookUp, wasMiss, nowMs);
      if (held === "own") this.#withoutAccess += 1;
      else if (held === "others") this.#countHeldMiss(db, lookUp.key);
    };
  }

  /** Gives up misses of look-ups that have not come; once a pane is enough. `nowMs` is monotonic. */
  expireLookUps(nowMs: number): void {
    this.#ownMisses.expire(nowMs);
  }

  /** After a gap the event before is not known. */
  forgetPredecessor(): void {
    this.#lastCode = NO_EVENT;
  }

  /** Closes the open pane; the event before is remembered across, for an event of the same command may follow. */
  rotate(opening: PaneOpening, watchedShare = 1): ClosingPane {
    const closing = this.#recorder.rotate(opening, watchedShare);
    this.#skipMask = skipMaskOf(this.#recorder.probability);
    return closing;
  }

  /** Counts each event with `probability` (a power of two) from now on: in the open pane only if that is less. */
  sample(probability: number): void {
    while (this.#recorder.probability > probability) this.#recorder.thin();
    this.#skipMask = skipMaskOf(this.#recorder.probability);
  }

  /** Events by name since the start; those that the table does not know under their own name. */
  eventsByName(): Record<string, number> {
    // Unknown names are anybody's choice: `constructor` and `__proto__` too.
    const events = new Map<string, number>();
    this.#table.names.forEach((name, code) => {
      const count = this.counts.seen[code]!;
      if (count > 0 && code !== this.#table.unknownCode) events.set(name, count);
    });
    for (const [name, count] of this.#unknownNames) events.set(name, (events.get(name) ?? 0) + count);
    return Object.fromEntries(events);
  }

  /** Whether a miss has ever come. */
  get hasSeenMisses(): boolean {
    return this.counts.seen[this.#missCode]! > 0;
  }

  /** received = kept + dropped: events that are no access are dropped as such. */
  books(): StageBooks {
    return {
      stage: "tap",
      received: this.#kept + this.#withoutAccess + this.#foreign + this.#notSampled,
      kept: this.#kept,
      dropped: { "no-access": this.#withoutAccess, foreign: this.#foreign, "not-sampled": this.#notSampled },
    };
  }

  #isLastKey(db: number, keys: DataView, start: number, end: number): boolean {
    const length = end - start;
    if (db !== this.#lastDb || length !== this.#lastEnd - this.#lastStart) return false;
    return isSameKey(keys, start, this.#lastKeys, this.#lastStart, length);
  }

  /** A held miss is not received yet: the answer to the look-up decides. */
  #isOwnMiss(db: number, keys: DataView, start: number, end: number): boolean {
    const verdict = this.#ownMisses.judge(db, keys, start, end);
    if (verdict === "own") this.#withoutAccess += 1;
    return verdict !== "others";
  }

  #countHeldMiss(db: number, key: DataView): void {
    this.#kept += 1;
    this.counts.sure[this.#missCode]! += 1;
    const entry = this.#recorder.enter(db, key, 0, key.byteLength);
    this.#recorder.count(entry, MISS_COLUMN, 1, this.#missCode);
  }
}

function skipMaskOf(probability: number): number {
  return Math.round(1 / probability) - 1;
}
