import { checkedFunction, checkedOptions, checkedTtl } from "../arguments.ts";
import type { Bytes } from "../commands.ts";
import { checkedLockOptions, type LockOptions } from "../fleet-lock/lock-options.ts";

export interface EarlyRefreshOptions {
  /** How long a value lives. */
  readonly ttlMs: number;
  /** Above 1 values are refreshed earlier, below 1 later: in proportion. Default: 1. */
  readonly beta?: number;
  /** Whether one process of the fleet recomputes a key at a time, by a lock in Redis; see `LockOptions`. Default: false. */
  readonly fleet?: boolean | LockOptions;
  /** Told of each recompute in the background that failed; the value stays until it expires. What it throws, or rejects with, is dropped. */
  readonly onError?: (error: unknown, key: Bytes) => void;
}

export interface RefreshGetOptions {
  /** How long the value lives, where it is computed by this call. Default: that of the constructor. */
  readonly ttlMs?: number;
  /** Ends this caller's wait for a missing value, which goes on for others; with the last of them `compute` is told. */
  readonly signal?: AbortSignal;
}

export interface RefreshSetOptions {
  /** How long it took to compute the value; 0: it is not refreshed early. */
  readonly deltaMs: number;
  readonly ttlMs?: number;
}

export interface CheckedOptions {
  readonly ttlMs: number;
  readonly beta: number;
  /** `null`: each process by itself. */
  readonly fleet: Required<LockOptions> | null;
  readonly onError: (error: unknown, key: Bytes) => void;
}

export function checkedRefreshOptions(options: unknown): CheckedOptions {
  const { ttlMs, beta, fleet, onError } = checkedOptions(options, ["ttlMs", "beta", "fleet", "onError"]);
  return {
    ttlMs: checkedTtl(ttlMs),
    beta: checkedBeta(beta),
    fleet: checkedFleet(fleet),
    onError: onError === undefined ? () => {} : checkedFunction<void>(onError, "onError"),
  };
}

function checkedBeta(beta: unknown): number {
  if (beta === undefined) return 1;
  if (typeof beta !== "number") throw new TypeError("beta: expected a number");
  if (!Number.isFinite(beta) || beta <= 0) {
    throw new RangeError(`beta: expected a number above 0, got ${beta}`);
  }
  return beta;
}

function checkedFleet(fleet: unknown): Required<LockOptions> | null {
  if (fleet === undefined || fleet === false) return null;
  if (fleet === true) return checkedLockOptions({});
  if (typeof fleet !== "object") throw new TypeError("fleet: expected true, false or options of the lock");
  return checkedLockOptions(fleet);
}

/** How long it took to compute a value, in ms, 0 and above. */
export function checkedDelta(deltaMs: unknown): number {
  if (typeof deltaMs !== "number") throw new TypeError("deltaMs: expected a number of ms");
  if (!Number.isFinite(deltaMs) || deltaMs < 0) {
    throw new RangeError(`deltaMs: expected a number of ms, at least 0, got ${deltaMs}`);
  }
  return deltaMs;
}
