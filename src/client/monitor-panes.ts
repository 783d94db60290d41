import type { Kind } from "../model/access.ts";
import { KEPT_KEY_BYTES_MAX, keep } from "../model/key.ts";
import type { PanePart } from "../model/pane.ts";
import { MISS_COLUMN, READ_COLUMN, WRITE_COLUMN } from "../panes/columns.ts";
import { KeyHasher, viewOf } from "../panes/key-words.ts";
import { PaneRecorder } from "../panes/recorder.ts";
import type { Clock } from "../runtime/clock.ts";
import { PaneClock } from "../sources/pane-clock.ts";
import { DistinctKeys } from "./distinct-keys.ts";

const KEYS = 4096;
const BYTES_MAX = 2 * 1024 * 1024;
const PUBLISH_MAX = 1000;
const SEES: readonly Kind[] = ["read", "write", "miss"];
const NO_COMMAND = 0;

/** Who tells the windows of what: there is but one of each. */
export const MONITOR_NAMES = { agent: "monitor", cluster: "process", target: "process" } as const;

interface PaneTotals {
  readonly startMs: number;
  accesses: number;
  readonly distinct: DistinctKeys;
}

/** The accesses of one process in panes, as an agent records those of a server; all of them, so panes are complete. */
export class MonitorPanes {
  readonly #clock: PaneClock;
  readonly #recorder: PaneRecorder;
  readonly #windowMs: number;
  readonly #lengthMs: number;
  readonly #hasher = new KeyHasher();
  readonly #key = new Uint8Array(KEPT_KEY_BYTES_MAX);
  readonly #view = viewOf(this.#key);
  /** Of the panes in the window, newest last: the last is open. */
  #totals: PaneTotals[];

  constructor(clock: Clock, windowMs: number, lengthMs: number) {
    this.#clock = new PaneClock(clock, lengthMs);
    this.#windowMs = windowMs;
    this.#lengthMs = lengthMs;
    const startMs = this.#clock.openMs;
    this.#recorder = new PaneRecorder(
      {
        ...MONITOR_NAMES,
        vantage: "server-events",
        lengthMs,
        capacity: KEYS,
        bytesMax: BYTES_MAX,
        publishMax: PUBLISH_MAX,
        buckets: 1,
        maybeClasses: [],
        commandNames: [],
        ignored: () => false,
      },
      { startMs, epoch: this.#clock.epoch, nowMs: clock.now() },
    );
    this.#totals = [newTotals(startMs)];
  }

  record(key: string | Uint8Array, kind: Kind, weight: number): void {
    const length = this.#take(key);
    const open = this.#totals[this.#totals.length - 1]!;
    open.accesses += weight;
    open.distinct.add(this.#hasher.hash(0, this.#view, 0, length));
    const entry = this.#recorder.enter(0, this.#view, 0, length);
    if (kind === "write") this.#recorder.count(entry, WRITE_COLUMN, weight, NO_COMMAND);
    else {
      this.#recorder.count(entry, READ_COLUMN, weight, NO_COMMAND);
      if (kind === "miss") this.#recorder.count(entry, MISS_COLUMN, weight, NO_COMMAND);
    }
  }

  /** Accesses and distinct keys (beyond 256 an estimate, 2.3%) of the window that ends with the open pane. */
  totals(): { readonly accesses: number; readonly distinct: number } {
    const distinct = new DistinctKeys();
    let accesses = 0;
    for (const pane of this.#totals) {
      accesses += pane.accesses;
      distinct.addAll(pane.distinct);
    }
    return { accesses, distinct: distinct.count() };
  }

  /** What leaves now: steep keys of the open pane, and all of one that is over. */
  round(): PanePart[] {
    const { nowMs, opens, epoch } = this.#clock.tick();
    if (opens === null) return this.#recorder.earlyParts(nowMs, SEES, null);
    const closing = this.#recorder.rotate({ startMs: opens, epoch, nowMs });
    this.#totals.push(newTotals(opens));
    const fromMs = opens + this.#lengthMs - this.#windowMs;
    this.#totals = this.#totals.filter(({ startMs }) => startMs >= fromMs && startMs <= opens);
    return closing.publish({
      sees: SEES,
      complete: true,
      writesInDoubt: false,
      slots: null,
      totals: null,
      budgets: [],
    });
  }

  /** All that was counted so far. */
  soFar(nowMs: number): PanePart[] {
    return this.#recorder.partsSoFar(nowMs, SEES, null);
  }

  /** Writes a key in its kept form; returns its length. */
  #take(key: string | Uint8Array): number {
    const bytes = keep(typeof key === "string" ? Buffer.from(key) : key);
    this.#key.set(bytes);
    return bytes.length;
  }
}

function newTotals(startMs: number): PaneTotals {
  return { startMs, accesses: 0, distinct: new DistinctKeys() };
}
