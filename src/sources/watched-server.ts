import type { TargetConfig } from "../config/schema.ts";
import type { TargetConnection } from "../redis/target.ts";
import type { HeldServer, Wanted } from "./discovery/servers.ts";
import type { TapView } from "./ended-watches.ts";
import type { TargetWatch } from "./target-watch.ts";

/** A server to which a connection is held, with its watch while it is watched. */
export class WatchedServer implements HeldServer {
  readonly target: TargetConfig;
  readonly asked: TargetConnection;
  isListed: boolean;
  isWatched: boolean;
  double: TargetConfig | null = null;
  watch: TargetWatch | null = null;

  constructor({ target, isListed, isWatched }: Wanted, connection: TargetConnection) {
    this.target = target;
    this.isListed = isListed;
    this.isWatched = isWatched;
    this.asked = connection;
  }

  /** Whether there is anything to watch: it has answered and holds keys, or it should and cannot be reached. */
  get isToBeWatched(): boolean {
    const { asked } = this;
    const isKnown = asked.state() !== "connecting";
    return this.isWatched && isKnown && this.double === null && !asked.latestPoll?.isSentinel;
  }

  /** Whether it is watched, or it is known why not. */
  get isSettled(): boolean {
    if (!this.isWatched) return true;
    if (!this.watch) return !this.isToBeWatched && this.asked.state() !== "connecting";
    const { source } = this.watch;
    const { state } = source.status();
    return state === "up" || state === "off" || source.isRefused || this.asked.problem() !== null;
  }

  tap(): TapView | null {
    return this.watch && tapOf(this.watch);
  }

  /** Why it is not watched, or not in full, one line each. */
  problems(): string[] {
    const { asked, watch, target } = this;
    const problem = this.isWatched && this.double === null ? asked.problem() : null;
    const reasons = problem ? [problem.message] : watch ? reasonsOf(watch, asked.limits()) : asked.limits();
    return reasons.map((text) => `${target.address}: ${text}`);
  }
}

export function tapOf({ source, target, paneLagMs }: TargetWatch): TapView {
  return {
    source: source.name,
    cluster: target.cluster,
    target: target.address,
    gaps: source.gaps.byReason(),
    events: source.eventsByName(),
    distinctKeys: source.distinctKeys,
    paneLagSeconds: paneLagMs === null ? null : paneLagMs / 1000,
  };
}

function reasonsOf({ source }: TargetWatch, limits: readonly string[]): readonly (string | null)[] {
  const { state, reason, probability } = source.status();
  if (state !== "up") return [reason];
  return probability < 1 ? [...limits, reason] : limits;
}
