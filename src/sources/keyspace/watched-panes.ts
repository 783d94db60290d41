import type { Kind } from "../../model/access.ts";
import type { PanePart } from "../../model/pane.ts";
import type { SlotRange } from "../../model/slot.ts";
import type { Role } from "../../model/target.ts";
import type { PaneOpening } from "../../panes/open-pane.ts";
import { type ClosingPane, PaneRecorder } from "../../panes/recorder.ts";
import type { RecorderOptions } from "../../panes/recorder-options.ts";
import { budgetsOf } from "./budgets.ts";
import { type EventDialect, EventTable } from "./event-table.ts";
import { Tap } from "./tap.ts";
import type { TargetView, ViewHistory } from "./target-view.ts";

/** Events that come later than this may belong to another pane than the server's counters say. */
const LAG_MS_MAX = 500;
/** Fewer writes may all have changed nothing, or be the next pane's. */
const SILENT_WRITES_MIN = 20;

/** How a pane was watched, as its source knows when it closes. Times are monotonic, in ms. */
export interface PaneWatch {
  /** Since when the subscription has been unbroken; `null`: there is none. */
  readonly sinceMs: number | null;
  /** The server does not answer: events may be held back. */
  readonly isStalled: boolean;
  /** Only some keys are subscribed to. */
  readonly isFiltered: boolean;
  /** Share of its time that the subscription was up on purpose. */
  readonly watchedShare: number;
  /** By how much events were late at most. */
  readonly lagMs: number;
  readonly role: Role;
  readonly runId: string | null;
}

/** What the target is when the pane is published. */
export interface PanePlace {
  readonly sees: readonly Kind[];
  readonly slots: readonly SlotRange[] | null;
}

interface ClosedPane {
  readonly closing: ClosingPane;
  /** None of its events is older: neither those that came late, nor those from before the subscription. */
  readonly eventsFromMs: number;
  readonly wasWatched: boolean;
  readonly watch: PaneWatch;
  readonly sureEvents: Float64Array;
}

export type WatchedPanesOptions = Omit<RecorderOptions, "maybeClasses" | "commandNames" | "vantage">;

/**
 * Panes of one target's keyspace events: says of each whether it was watched from end to end, and resolves its events in
 * doubt by the server's counters around it.
 */
export class WatchedPanes {
  readonly table: EventTable;
  readonly tap: Tap;
  readonly dialect: EventDialect;
  readonly #recorder: PaneRecorder;
  #closed: ClosedPane | null = null;
  #sureAtStart: Float64Array;
  #startedMs: number;
  #eventsFromMs: number | null = null;

  constructor(dialect: EventDialect, options: WatchedPanesOptions, nowMs: number, monotonicMs: number) {
    const { lengthMs } = options;
    this.dialect = dialect;
    this.table = new EventTable(dialect);
    this.#recorder = new PaneRecorder(
      {
        ...options,
        vantage: "server-events",
        maybeClasses: this.table.maybes,
        commandNames: this.table.names.slice(1),
      },
      { startMs: Math.floor(nowMs / lengthMs) * lengthMs, epoch: nowMs, nowMs },
    );
    this.tap = new Tap(this.table, this.#recorder);
    this.#sureAtStart = new Float64Array(this.table.names.length);
    this.#startedMs = monotonicMs;
  }

  get distinctKeys(): number {
    return this.#recorder.distinctKeys;
  }

  isFor({ flavor, version }: EventDialect): boolean {
    return this.dialect.flavor === flavor && this.dialect.version.every((part, i) => part === version[i]);
  }

  /** Events come from now on (monotonic). */
  begin(nowMs: number): void {
    this.#eventsFromMs ??= nowMs;
    this.tap.forgetPredecessor();
  }

  beginRound(fromMs: number): void {
    this.#recorder.beginRound(fromMs);
  }

  earlyParts(nowMs: number, { sees, slots }: PanePlace): PanePart[] {
    return this.#recorder.earlyParts(nowMs, sees, slots);
  }

  /** Closes the open pane; `publish` gives its parts. */
  rotate(opening: PaneOpening, watch: PaneWatch, monotonicMs: number): void {
    const { sure } = this.tap.counts;
    this.#closed = {
      closing: this.tap.rotate(opening, watch.watchedShare),
      eventsFromMs: this.#eventsFromMs ?? monotonicMs,
      wasWatched: !watch.isStalled && watch.sinceMs !== null && watch.sinceMs <= this.#startedMs,
      watch,
      sureEvents: sure.map((count, code) => count - (this.#sureAtStart[code] ?? 0)),
    };
    this.#sureAtStart = sure.slice();
    this.#startedMs = monotonicMs;
    this.tap.expireLookUps(monotonicMs);
    this.#eventsFromMs = watch.sinceMs === null ? null : Math.max(monotonicMs - LAG_MS_MAX, watch.sinceMs);
  }

  /** The parts of the pane that `rotate` closed. `view`: the target right after; `null`: it did not answer. */
  publish(view: TargetView | null, views: ViewHistory, { sees, slots }: PanePlace): PanePart[] {
    const closed = this.#closed;
    this.#closed = null;
    if (!closed) return [];
    const { closing, wasWatched, watch } = closed;
    const isSameServer = view !== null && view.runId === watch.runId;
    const isSameRole = view !== null && view.role === watch.role && views.latest?.role === view.role;
    const parts = closing.publish({
      sees,
      complete: wasWatched && isSameRole && isSameServer && !isSilent(closed, view),
      writesInDoubt: view?.role === "replica" && watch.role === "primary",
      slots,
      totals: { observed: closing.observed, ran: view?.ran ?? { read: null, write: null } },
      budgets: this.#budgets(closed, isSameServer ? view : null, views),
    });
    // Nobody watched: no part at all, so that the window is known to be incomplete.
    return !wasWatched && watch.sinceMs === null && isEmpty(closing) ? [] : parts;
  }

  #budgets({ eventsFromMs, watch, sureEvents }: ClosedPane, view: TargetView | null, views: ViewHistory) {
    const before = views.until(eventsFromMs);
    const isComparable = before?.runId === view?.runId && watch.lagMs <= LAG_MS_MAX;
    return budgetsOf(
      this.table,
      (name) => sureEvents[this.table.codeOf(name)] ?? 0,
      isComparable ? (before?.calls ?? null) : null,
      view?.calls ?? null,
    );
  }
}

/** Writes ran and no event came: the flags may be gone, which only the next look will tell. */
function isSilent({ closing, watch }: ClosedPane, { ran }: TargetView): boolean {
  const isTold = watch.role === "primary" && !watch.isFiltered && watch.watchedShare === 1;
  return isTold && (ran.write ?? 0) >= SILENT_WRITES_MIN && isEmpty(closing);
}

function isEmpty({ observed, maybes }: ClosingPane): boolean {
  return observed.read + observed.write + observed.miss === 0 && maybes.every((count) => count === 0);
}
