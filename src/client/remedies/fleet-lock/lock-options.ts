import { checkedCount, checkedOptions } from "../arguments.ts";

export interface LockOptions {
  /** How long a lock outlives a process that died while computing; it is extended while computing. Default: 10,000. */
  readonly lockTtlMs?: number;
  /** How long to wait for a value that is computed elsewhere, before it is computed here too. Default: 5,000. */
  readonly waitMs?: number;
}

const DAY_MS = 86_400_000;
const LOCK_TTL_MS = { min: 100, max: DAY_MS, fallback: 10_000 };
const WAIT_MS = { min: 0, max: DAY_MS, fallback: 5000 };

export function checkedLockOptions(options: unknown): Required<LockOptions> {
  const given = checkedOptions(options, ["lockTtlMs", "waitMs"]);
  return {
    lockTtlMs: checkedCount(given.lockTtlMs, "lockTtlMs", LOCK_TTL_MS),
    waitMs: checkedCount(given.waitMs, "waitMs", WAIT_MS),
  };
}
