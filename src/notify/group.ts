import type { Clock } from "../runtime/clock.ts";
import { MessageBudget } from "./budget.ts";
import { eventOf, type Notice, spendsBudget } from "./notice.ts";
import type { Pace } from "./route.ts";

/** What leaves together: one cluster, one receiver, one severity of firings or all resolves. */
interface Lane {
  readonly waiting: Set<Notice>;
  readonly budget: MessageBudget;
  pace: Pace;
  flushAtMs: number;
  cancelFlush: () => void;
}

/**
 * Makes groups of notices: what fires within `groupWait` leaves as one.
 *
 * Each (cluster, receiver, severity) has a budget of `burst` groups, refilled by one each `groupInterval`; beyond it,
 * what fires waits for the refill and leaves as one. Reminders and resolves spend nothing and wait for nothing.
 */
export class Grouper {
  readonly #clock: Clock;
  readonly #leave: (notices: readonly Notice[]) => void;
  readonly #recheck: (notice: Notice) => void;
  readonly #lanes = new Map<string, Lane>();

  /** `recheck` is called for each notice just before it might leave, and may take it back. */
  constructor(
    clock: Clock,
    leave: (notices: readonly Notice[]) => void,
    recheck: (notice: Notice) => void = () => {},
  ) {
    this.#clock = clock;
    this.#leave = leave;
    this.#recheck = recheck;
  }

  add(notice: Notice, pace: Pace): void {
    const lane = this.#laneOf(notice, pace);
    lane.pace = pace;
    lane.waiting.add(notice);
    // Never at once, even without a wait: what fires in the same turn leaves together, and after it was stored.
    this.#flushAt(lane, this.#clock.monotonic() + (spendsBudget(notice) ? pace.groupWait : 0));
  }

  /** Takes back a notice that has not left. */
  remove(notice: Notice): void {
    this.#lanes.get(laneName(notice))?.waiting.delete(notice);
  }

  /** Lets everything leave now, whatever the budget: for a shutdown. */
  flushAll(): void {
    for (const lane of this.#lanes.values()) {
      lane.cancelFlush();
      this.#release(lane, this.#ready(lane));
    }
    this.#lanes.clear();
  }

  /** Forgets lanes in which nothing happens any more. */
  sweep(): void {
    const nowMs = this.#clock.monotonic();
    for (const [name, lane] of this.#lanes) {
      const { burst, groupInterval } = lane.pace;
      if (lane.waiting.size > 0 || !lane.budget.isFull(burst, groupInterval, nowMs)) continue;
      lane.cancelFlush();
      this.#lanes.delete(name);
    }
  }

  #laneOf(notice: Notice, pace: Pace): Lane {
    const name = laneName(notice);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const budget = new MessageBudget(pace.burst, this.#clock.monotonic());
      lane = { waiting: new Set(), budget, pace, flushAtMs: Number.POSITIVE_INFINITY, cancelFlush: () => {} };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #flushAt(lane: Lane, atMs: number): void {
    if (lane.flushAtMs <= atMs) return;
    lane.cancelFlush();
    lane.flushAtMs = atMs;
    lane.cancelFlush = this.#clock.after(Math.max(0, atMs - this.#clock.monotonic()), () => {
      lane.flushAtMs = Number.POSITIVE_INFINITY;
      this.#flush(lane);
    });
  }

  #flush(lane: Lane): void {
    const all = this.#ready(lane);
    const riding = all.filter((notice) => !spendsBudget(notice));
    const { burst, groupInterval } = lane.pace;
    const nowMs = this.#clock.monotonic();
    const isSpending = riding.length < all.length;
    const waitMs = isSpending ? lane.budget.spend(burst, groupInterval, nowMs) : 0;
    this.#release(lane, waitMs === 0 ? all : riding);
    if (waitMs > 0) this.#flushAt(lane, nowMs + waitMs);
  }

  /** What waits, without what is taken back now: that must not cost a message of the budget. */
  #ready(lane: Lane): readonly Notice[] {
    for (const notice of [...lane.waiting]) this.#recheck(notice);
    return [...lane.waiting];
  }

  #release(lane: Lane, notices: readonly Notice[]): void {
    if (notices.length === 0) return;
    for (const notice of notices) lane.waiting.delete(notice);
    this.#leave(notices);
  }
}

function laneName({ cluster, receiver, cause, severity }: Notice): string {
  return `${cluster}\0${receiver}\0${eventOf(cause) === "firing" ? severity : "resolved"}`;
}
