import type { SlotRange } from "../../model/slot.ts";
import type { Role } from "../../model/target.ts";
import type { TargetPoll } from "../../redis/poll.ts";
import type { CommandCalls } from "./budgets.ts";
import type { EventDialect } from "./event-table.ts";

const VIEWS_KEPT = 5;

/** What the source needs of one look at the target. */
export interface TargetView {
  readonly role: Role;
  readonly runId: string | null;
  readonly flavor: "redis" | "valkey";
  readonly version: string;
  readonly slots: readonly SlotRange[] | null;
  readonly calls: CommandCalls | null;
  readonly writeCalls: number | null;
  readonly ran: { readonly read: number | null; readonly write: number | null };
  /** Share of a core that the server's main thread has used since the last look; `null`: not known. */
  readonly cpuShare: number | null;
  /** Monotonic, ms. */
  readonly takenAtMs: number;
}

/** The latest looks at one target. */
export class ViewHistory {
  readonly #views: TargetView[] = [];

  add(view: TargetView): void {
    this.#views.push(view);
    if (this.#views.length > VIEWS_KEPT) this.#views.shift();
  }

  get latest(): TargetView | null {
    return this.#views.at(-1) ?? null;
  }

  /** The newest look that is no later than `ms` (monotonic). */
  until(ms: number): TargetView | null {
    return this.#views.findLast(({ takenAtMs }) => takenAtMs <= ms) ?? null;
  }

  /** Whether the server ran writes between the last two looks. */
  get ranWrites(): boolean {
    const latest = this.#views.at(-1)?.writeCalls ?? 0;
    return latest > (this.#views.at(-2)?.writeCalls ?? latest);
  }
}

/** A server that does not tell its version may have every command there is. */
const NEWEST = [Number.POSITIVE_INFINITY, 0] as const;

export function dialectOf({ flavor, version }: Pick<TargetView, "flavor" | "version">): EventDialect {
  const numbers = /^(\d+)\.(\d+)/.exec(version);
  return { flavor, version: numbers ? [Number(numbers[1]), Number(numbers[2])] : NEWEST };
}

/** What a poll says, and what happened since the one before; that of another process of the server says nothing. */
export function viewOf(poll: TargetPoll, before: TargetPoll | null): TargetView {
  const previous = before?.runId === poll.runId ? before : null;
  const { role, runId, flavor, version, slots, calls, writeCalls, takenAtMs } = poll;
  return {
    role,
    runId,
    flavor,
    version,
    slots,
    calls: calls.size > 0 ? calls : null,
    writeCalls,
    takenAtMs,
    cpuShare: cpuShare(poll, previous),
    ran: {
      read: growth(previous?.reads, poll.reads),
      write: growth(previous?.writeCalls, poll.writeCalls),
    },
  };
}

function cpuShare(poll: TargetPoll, previous: TargetPoll | null): number | null {
  if (previous === null) return null;
  const usedSeconds = growth(previous.cpuSeconds, poll.cpuSeconds);
  const elapsedMs = poll.takenAtMs - previous.takenAtMs;
  return usedSeconds === null || elapsedMs <= 0 ? null : (usedSeconds * 1000) / elapsedMs;
}

/** Growth of a counter; `null` where it is not known or was reset. */
function growth(before: number | null | undefined, after: number | null): number | null {
  if (before === null || before === undefined || after === null || after < before) return null;
  return after - before;
}
