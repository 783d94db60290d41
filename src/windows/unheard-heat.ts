import type { Heat } from "../model/heat.ts";
import type { Key } from "../model/key.ts";

/** Heat of a key whose cluster is not heard of: nothing is known. Not complete, so nothing is called calm by it. */
export function unheardHeat(key: Key, windowMs: number, asOfMs: number): Heat {
  const unknown = { estimate: 0, lower: 0, upper: null, likely: null };
  return {
    key,
    windowMs,
    asOfMs,
    complete: false,
    counts: { read: unknown, write: unknown, miss: unknown, total: unknown },
    clearing: { read: null, write: null, miss: null, total: null },
    currentRatePerSecond: 0,
    vantages: {},
    target: null,
    slot: null,
    shareOfTarget: null,
    suspect: false,
    commands: {},
    services: {},
    absorbed: 0,
    bytes: null,
  };
}
