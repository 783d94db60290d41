import type { KeyIncident } from "../model/incident.ts";
import { showKey } from "../model/key.ts";

const WINDOW_MS = 10_000;
const THRESHOLD = 1000;
const COOLDOWN_MS = 300_000;
const WINDOW_MS_MIN = 100;
const WINDOW_MS_MAX = 900_000;
const KNOWN = ["windowMs", "threshold", "cooldownMs", "onHot", "onCool"];

/** What is known of a key that is, or was, hot. */
export interface HotKey {
  /** Text; base64 where its bytes are not valid UTF-8. */
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
  /** Longer than 1 KiB: `key` are its first bytes. */
  readonly cut: boolean;
  /** Accesses over the window, reads and writes: `lower <= true <= upper`; `upper` is null where it is not known. */
  readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  /** The estimate as a rate. */
  readonly ratePerSecond: number;
  /** In the last second. */
  readonly currentRatePerSecond: number;
  readonly peakRatePerSecond: number;
  /** Since when it has been hot, ms since 1970. */
  readonly sinceMs: number;
}

export interface HotKeyMonitorOptions {
  /** Over how long the rate is taken: a multiple of 100 up to 15 minutes, in ms. Default 10,000. */
  readonly windowMs?: number | undefined;
  /** Accesses a second over the window from which a key is hot. Default 1,000. */
  readonly threshold?: number | undefined;
  /**
   * A key is told of once in so many ms, however often it turns hot in that time; while it stays hot, again after each.
   * 0: whenever it turns hot. Default 300,000.
   */
  readonly cooldownMs?: number | undefined;
  readonly onHot?: ((hot: HotKey) => unknown) | undefined;
  /** The key has stayed below 80% of the threshold for a whole window. Only of what `onHot` was told. */
  readonly onCool?: ((cooled: HotKey) => unknown) | undefined;
}

export interface MonitorSettings {
  readonly windowMs: number;
  readonly threshold: number;
  readonly cooldownMs: number;
  readonly onHot: (hot: HotKey) => unknown;
  readonly onCool: (cooled: HotKey) => unknown;
}

/** Throws: TypeError or RangeError that names the option. */
export function monitorSettings(options: unknown): MonitorSettings {
  if (typeof options !== "object" || options === null) throw new TypeError("options: expected an object");
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) throw new TypeError(`${name}: no such option; there are ${KNOWN.join(", ")}`);
  }
  const given: HotKeyMonitorOptions = options;
  const { windowMs = WINDOW_MS, threshold = THRESHOLD, cooldownMs = COOLDOWN_MS, onHot, onCool } = given;
  if (!isWindow(windowMs)) {
    throw new RangeError(`windowMs: expected a multiple of 100 from ${WINDOW_MS_MIN} to ${WINDOW_MS_MAX}`);
  }
  if (typeof threshold !== "number" || !(threshold > 0 && threshold < Number.POSITIVE_INFINITY)) {
    throw new RangeError("threshold: expected a number of accesses a second above 0");
  }
  if (typeof cooldownMs !== "number" || !(cooldownMs >= 0)) {
    throw new RangeError("cooldownMs: expected a number from 0");
  }
  return {
    windowMs,
    threshold,
    cooldownMs,
    onHot: listener(onHot, "onHot"),
    onCool: listener(onCool, "onCool"),
  };
}

function isWindow(windowMs: number): boolean {
  return Number.isInteger(windowMs / 100) && windowMs >= WINDOW_MS_MIN && windowMs <= WINDOW_MS_MAX;
}

function listener(given: unknown, name: string): (told: HotKey) => unknown {
  if (given === undefined) return () => {};
  if (typeof given === "function") return (told) => given(told) as unknown;
  throw new TypeError(`${name}: expected a function`);
}

export function hotKeyOf(incident: KeyIncident): HotKey {
  const { count, ratePerSecond, currentRatePerSecond, peakRatePerSecond, startedAtMs } = incident;
  const { estimate, lower, upper } = count;
  return {
    ...showKey(incident.key.bytes),
    count: { estimate, lower, upper },
    ratePerSecond,
    currentRatePerSecond,
    peakRatePerSecond,
    sinceMs: startedAtMs,
  };
}
