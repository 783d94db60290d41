import { MISS_COLUMN, WRITE_COLUMN } from "../../panes/columns.ts";
import type { ClosingPane, PaneOpening, PaneRecorder } from "../../panes/recorder.ts";
import type { StageBooks } from "../../runtime/accounting.ts";
import { DOUBT_MISS, type EventTable, NO_ACCESS, TOUCH_ONLY } from "./event-table.ts";
import type { FrameSink } from "./frames.ts";
import { OwnMisses } from "./own-misses.ts";

const UNKNOWN_NAMES_MAX = 64;
const NO_ENTRY = -1;

/** Takes what comes over the connection that is not an event. */
export interface TapReplies {
  reply(items: readonly string[]): void;
  error(message: string): void;
}

/** Events since the start, by code: all that were seen, and those that surely were accesses. */
export interface EventCounts {
  readonly seen: Float64Array;
  readonly sure: Float64Array;
}

/**
 * Turns keyspace events into accesses of the open pane: one step from the socket's bytes to the summary.
 *
 * The event right before tells what an event means; the two are of the same key if they have the same entry. An entry's
 * number changes with a purge, but a purge happens only when a new key enters, which is another key than the last.
 */
export class Tap {
  readonly counts: EventCounts;
  /** At a replica, whose writes are its primary's. */
  takesMissesOnly = false;
  readonly #table: EventTable;
  readonly #recorder: PaneRecorder;
  readonly #missCode: number;
  readonly #ownMisses = new OwnMisses();
  readonly #unknownNames = new Map<string, number>();
  #lastEntry = NO_ENTRY;
  #lastCode = 0;
  #kept = 0;
  #withoutAccess = 0;
  #foreign = 0;

  constructor(table: EventTable, recorder: PaneRecorder) {
    this.#table = table;
    this.#recorder = recorder;
    this.#missCode = table.codeOf("keymiss");
    this.counts = { seen: new Float64Array(table.names.length), sure: new Float64Array(table.names.length) };
  }

  /** A sink for the frames of one connection. */
  listenTo(replies: TapReplies): FrameSink {
    return {
      event: (db, code, bytes, start, end) => this.event(db, code, bytes, start, end),
      unknownEvent: (name) => this.#countUnknown(name),
      foreign: () => {
        this.#foreign += 1;
      },
      reply: (items) => replies.reply(items),
      error: (message) => replies.error(message),
    };
  }

  /** One event of the key `bytes[start, end)`. */
  event(db: number, code: number, bytes: Uint8Array, start: number, end: number): void {
    this.counts.seen[code]! += 1;
    if (code === this.#missCode && !this.#ownMisses.isEmpty && this.#isOwnMiss(db, bytes, start, end)) return;
    const isIgnored = this.takesMissesOnly && code !== this.#missCode;
    if (isIgnored || this.#table.columnOf(code, 0) === NO_ACCESS) {
      this.#withoutAccess += 1;
      return;
    }
    const recorder = this.#recorder;
    const purges = recorder.sketch.purges;
    const entry = recorder.enter(db, bytes, start, end);
    const isSameKey = entry === this.#lastEntry && purges === recorder.sketch.purges;
    const column = this.#table.columnOf(code, isSameKey ? this.#lastCode : 0);
    this.#lastEntry = entry;
    this.#lastCode = this.#table.predecessorOf(code, column);
    if (column === TOUCH_ONLY) this.#withoutAccess += 1;
    else this.#count(entry, column, code);
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
    this.#lastEntry = NO_ENTRY;
    this.#lastCode = 0;
  }

  /** Closes the open pane; the event before is remembered across, for an event of the same command may follow. */
  rotate(opening: PaneOpening): ClosingPane {
    const { closing, last } = this.#recorder.rotate(opening, this.#lastEntry);
    this.#lastEntry = last;
    return closing;
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
      received: this.#kept + this.#withoutAccess + this.#foreign,
      kept: this.#kept,
      dropped: { "no-access": this.#withoutAccess, foreign: this.#foreign },
    };
  }

  /** A held miss is not received yet: the answer to the look-up decides. */
  #isOwnMiss(db: number, bytes: Uint8Array, start: number, end: number): boolean {
    const verdict = this.#ownMisses.judge(db, bytes, start, end);
    if (verdict === "own") this.#withoutAccess += 1;
    return verdict !== "others";
  }

  #countHeldMiss(db: number, key: Uint8Array): void {
    const recorder = this.#recorder;
    const { sketch } = recorder;
    const { purges } = sketch;
    const entry = recorder.enter(db, key, 0, key.length);
    // A purge gives entries other numbers: the event before is then not known any more.
    if (purges !== sketch.purges) this.forgetPredecessor();
    this.#count(entry, MISS_COLUMN, this.#missCode);
  }

  #count(entry: number, column: number, code: number): void {
    this.#kept += 1;
    if (column === DOUBT_MISS) this.#recorder.doubtMiss(entry, this.#table.mergeMissColumn);
    const counted = column === DOUBT_MISS ? WRITE_COLUMN : column;
    this.#recorder.count(entry, counted, 1, this.#table.isCommand(counted) ? code : 0);
    if (counted === WRITE_COLUMN || counted === MISS_COLUMN) this.counts.sure[code]! += 1;
  }

  #countUnknown(name: string): void {
    const isListed = this.#unknownNames.has(name) || this.#unknownNames.size < UNKNOWN_NAMES_MAX;
    const listed = isListed ? name : "other";
    this.#unknownNames.set(listed, (this.#unknownNames.get(listed) ?? 0) + 1);
  }
}
