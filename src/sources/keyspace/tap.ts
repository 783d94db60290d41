import { type ClosingPane, MISS_COLUMN, type PaneRecorder, WRITE_COLUMN } from "../../panes/recorder.ts";
import type { StageBooks } from "../../runtime/accounting.ts";
import { DOUBT_MISS, type EventTable, NO_ACCESS, TOUCH_ONLY } from "./event-table.ts";
import type { FrameSink } from "./frames.ts";

const UNKNOWN_NAMES_MAX = 64;
const NO_ENTRY = -1;

/** What a tap hands on that is not an event. */
export interface TapReplies {
  reply(items: readonly string[]): void;
  error(message: string): void;
}

/** Events seen, since the start, by code; and of those the ones that surely were accesses. */
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
export class Tap implements FrameSink {
  readonly counts: EventCounts;
  readonly #table: EventTable;
  readonly #recorder: PaneRecorder;
  readonly #replies: TapReplies;
  readonly #unknownNames = new Map<string, number>();
  #lastEntry = NO_ENTRY;
  #lastCode = 0;
  #kept = 0;
  #withoutAccess = 0;
  #foreign = 0;

  constructor(table: EventTable, recorder: PaneRecorder, replies: TapReplies) {
    this.#table = table;
    this.#recorder = recorder;
    this.#replies = replies;
    this.counts = { seen: new Float64Array(table.names.length), sure: new Float64Array(table.names.length) };
  }

  event(db: number, code: number, bytes: Uint8Array, start: number, end: number): void {
    this.counts.seen[code]! += 1;
    if (this.#table.columnOf(code, 0) === NO_ACCESS) {
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
    if (column === TOUCH_ONLY) {
      this.#withoutAccess += 1;
      return;
    }
    this.#kept += 1;
    if (column === DOUBT_MISS) recorder.doubtMiss(entry, this.#table.mergeMissColumn);
    const counted = column === DOUBT_MISS ? WRITE_COLUMN : column;
    recorder.count(entry, counted, 1, code);
    if (counted === WRITE_COLUMN || counted === MISS_COLUMN) this.counts.sure[code]! += 1;
  }

  unknownEvent(name: string): void {
    const known = this.#unknownNames.has(name) || this.#unknownNames.size < UNKNOWN_NAMES_MAX;
    const shown = known ? name : "other";
    this.#unknownNames.set(shown, (this.#unknownNames.get(shown) ?? 0) + 1);
  }

  reply(items: readonly string[]): void {
    this.#replies.reply(items);
  }

  error(message: string): void {
    this.#replies.error(message);
  }

  foreign(): void {
    this.#foreign += 1;
  }

  /** After a gap the event before is not known. */
  forgetPredecessor(): void {
    this.#lastEntry = NO_ENTRY;
    this.#lastCode = 0;
  }

  /** Closes the open pane; the event before is remembered across, for an event of the same command may follow. */
  rotate(startMs: number, epoch: number): ClosingPane {
    const { closing, last } = this.#recorder.rotate(startMs, epoch, this.#lastEntry);
    this.#lastEntry = last;
    return closing;
  }

  /** Events by name since the start, with those that the table does not know under their own name. */
  eventsByName(): Record<string, number> {
    const events: Record<string, number> = {};
    this.#table.names.forEach((name, code) => {
      const count = this.counts.seen[code]!;
      if (count > 0 && code !== this.#table.unknownCode) events[name] = count;
    });
    for (const [name, count] of this.#unknownNames) events[name] = (events[name] ?? 0) + count;
    return events;
  }

  /** received = kept + dropped: events that are no access are dropped as such. */
  books(): StageBooks {
    const dropped = { "no-access": this.#withoutAccess, foreign: this.#foreign };
    return {
      stage: "tap",
      received: this.#kept + this.#withoutAccess + this.#foreign,
      kept: this.#kept,
      dropped,
    };
  }
}
