import { type Heat, NOTHING_KNOWN } from "../model/heat.ts";
import type { Key } from "../model/key.ts";

/** Heat of a key whose cluster is not heard of: nothing is known. Not complete, so nothing is called calm by it. */
export function unheardHeat(key: Key, windowMs: number, asOfMs: number): Heat {
  return {
    key,
    windowMs,
    asOfMs,
    complete: false,
    counts: { read: NOTHING_KNOWN, write: NOTHING_KNOWN, miss: NOTHING_KNOWN, total: NOTHING_KNOWN },
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
