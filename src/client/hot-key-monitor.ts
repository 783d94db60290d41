import type { Rule } from "../config/schema.ts";
import { IncidentBook } from "../incidents/book.ts";
import { memoryStore } from "../incidents/store.ts";
import type { Kind } from "../model/access.ts";
import type { Heat } from "../model/heat.ts";
import { type Incident, isOfKey, type KeyIncident } from "../model/incident.ts";
import { keyId } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";
import { judgeRate } from "../rules/rate.ts";
import { Ledger } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import {
  type HotKey,
  type HotKeyMonitorOptions,
  hotKeyOf,
  type MonitorSettings,
  monitorSettings,
} from "./monitor-options.ts";
import { MonitorWindows } from "./monitor-windows.ts";
import { silentLogger } from "./silent-logger.ts";
import { unrefClock } from "./unref-clock.ts";

const LENGTH_MS_MAX = 1000;
const ROUNDS_PER_PANE = 5;
const RESOLVE_BELOW = 0.8;
const WEIGHT_MAX = 2 ** 31;
/** Keys of which it is remembered when they were told of. */
const TOLD_MAX = 10_000;
const NOT_KNOWN = { facts: null, coverage: { read: null, write: null } };

/** Of the window that ends now. */
export interface HotKeyAnalysis {
  readonly totalAccesses: number;
  /** Beyond 256 an estimate, with a standard error of 2.3%. */
  readonly uniqueKeys: number;
  /** Hottest first. */
  readonly hotKeys: readonly HotKey[];
}

/** Since the start. */
export interface HotKeyMetrics {
  readonly accesses: number;
  /** Calls of `record` that made no sense. */
  readonly invalid: number;
  /** Keys that turned hot, each time anew. */
  readonly turnedHot: number;
  readonly cooled: number;
  /** Keys that are hot and have not cooled yet. */
  readonly hotNow: number;
  /** Times that `onHot` or `onCool` threw. */
  readonly listenerErrors: number;
}

/**
 * Finds hot keys among the accesses that one process records, with the windows, rules and incidents of Keyheat's
 * aggregator, and no agent.
 *
 * Only the constructor throws (TypeError, RangeError). Memory: bounded; of more than 4,096 keys a second the largest are
 * known, with bounds. A timer runs only while something is accessed or hot; it does not keep the process alive.
 */
export class HotKeyMonitor {
  readonly #settings: MonitorSettings;
  readonly #clock: Clock;
  readonly #rule: Rule;
  readonly #lengthMs: number;
  readonly #book: IncidentBook;
  /** When `onHot` was last told of a key. */
  readonly #toldMs = new Map<string, number>();
  /** Keys that `onHot` was told of and `onCool` was not. */
  readonly #owed = new Set<string>();
  readonly #counts = { accesses: 0, invalid: 0, turnedHot: 0, cooled: 0, listenerErrors: 0 };
  /** `null`: nothing was accessed for a whole window. */
  #windows: MonitorWindows | null = null;
  #accessedMs = 0;
  #cancelRound: (() => void) | null = null;
  #isClosed = false;

  constructor(options: HotKeyMonitorOptions = {}, clock: Clock = unrefClock) {
    this.#settings = monitorSettings(options);
    this.#clock = clock;
    this.#rule = ruleOf(this.#settings);
    this.#lengthMs = paneLengthOf(this.#settings.windowMs);
    this.#book = new IncidentBook({
      rules: [this.#rule],
      store: memoryStore(),
      ledger: new Ledger("incidents"),
      logger: silentLogger,
      nowMs: clock.now(),
    });
  }

  /** Counts `weight` (a whole number, default 1) accesses of a key, of which `kind` says what they did. */
  record(key: string | Uint8Array, kind: Kind = "read", weight = 1): void {
    if (this.#isClosed) return;
    if (!isAccess(key, kind, weight)) {
      this.#counts.invalid++;
      return;
    }
    this.#counts.accesses += weight;
    this.#accessedMs = this.#clock.monotonic();
    this.#windows ??= this.#begin();
    this.#windows.panes.record(key, kind, weight);
  }

  /** What the window holds now. */
  analyze(): HotKeyAnalysis {
    const windows = this.#windows;
    if (windows === null) return { totalAccesses: 0, uniqueKeys: 0, hotKeys: [] };
    this.#look(windows, true);
    const hot = this.#hotSoFar().filter(({ key }) => windows.isHot(key));
    const { accesses, distinct } = windows.panes.totals();
    const hotKeys = hot.map(hotKeyOf).sort((one, other) => other.ratePerSecond - one.ratePerSecond);
    return { totalAccesses: accesses, uniqueKeys: distinct, hotKeys };
  }

  metrics(): HotKeyMetrics {
    return { ...this.#counts, hotNow: this.#book.size };
  }

  /** Ends it and gives its memory back; nobody is told of anything any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRound?.();
    this.#cancelRound = null;
    this.#windows = null;
    this.#toldMs.clear();
    this.#owed.clear();
    this.#book.close();
  }

  #begin(): MonitorWindows {
    this.#schedule();
    return new MonitorWindows(this.#rule, this.#lengthMs, this.#clock);
  }

  #schedule(): void {
    this.#cancelRound = this.#clock.after(this.#lengthMs / ROUNDS_PER_PANE, () => this.#round());
  }

  #round(): void {
    const windows = this.#windows;
    if (windows === null) return;
    this.#look(windows, false);
    if (this.#isClosed) return;
    const idleMs = this.#clock.monotonic() - this.#accessedMs;
    if (idleMs < this.#rule.window + 2 * this.#lengthMs || this.#book.hasActive) this.#schedule();
    else {
      this.#cancelRound = null;
      this.#windows = null;
    }
  }

  /** A rise shows in what has just been counted, a fall only when a pane is over. */
  #look(windows: MonitorWindows, isAll: boolean): void {
    for (const heat of windows.risen(isAll)) this.#observe(heat);
    if (windows.advance())
      for (const incident of this.#hotSoFar()) this.#observe(windows.closedHeat(incident));
    for (const incident of this.#book.tick(this.#clock.now())) this.#changed(incident);
    for (const incident of this.#hotSoFar()) if (windows.isHot(incident.key)) this.#tellHot(incident);
  }

  /** A list of its own: what is observed meanwhile changes the book. */
  #hotSoFar(): KeyIncident[] {
    return Array.from(this.#book.active()).filter(isOfKey);
  }

  #observe(heat: Heat): void {
    const extras = { ...NOT_KNOWN, pattern: patternOf(heat.key.bytes) };
    const observation = { ...judgeRate(this.#rule, heat), sight: heat, extras };
    const known = this.#book.find(this.#rule.name, heat.key);
    const incident = this.#book.observe(this.#rule, observation, this.#clock.now());
    if (known === undefined && incident !== null) this.#counts.turnedHot++;
    if (incident !== null) this.#changed(incident);
  }

  #changed(incident: Incident): void {
    if (incident.status !== "resolved" || !isOfKey(incident)) return;
    this.#counts.cooled++;
    const id = keyId(incident.key.db, incident.key.bytes);
    if (this.#owed.delete(id)) this.#call(this.#settings.onCool, incident);
  }

  #tellHot(incident: KeyIncident): void {
    const id = keyId(incident.key.db, incident.key.bytes);
    const nowMs = this.#clock.monotonic();
    const toldMs = this.#toldMs.get(id);
    const { cooldownMs } = this.#settings;
    const isDue =
      cooldownMs === 0 ? !this.#owed.has(id) : toldMs === undefined || nowMs - toldMs >= cooldownMs;
    if (!isDue) return;
    this.#toldMs.delete(id);
    this.#toldMs.set(id, nowMs);
    this.#owed.add(id);
    this.#forgetTold(nowMs);
    this.#call(this.#settings.onHot, incident);
  }

  /** The oldest come first. */
  #forgetTold(nowMs: number): void {
    for (const [id, toldMs] of this.#toldMs) {
      if (this.#toldMs.size <= TOLD_MAX && nowMs - toldMs < this.#settings.cooldownMs) return;
      this.#toldMs.delete(id);
    }
  }

  #call(listener: MonitorSettings["onHot"], incident: KeyIncident): void {
    if (this.#isClosed) return;
    const failed = () => {
      this.#counts.listenerErrors++;
    };
    try {
      const result = listener(hotKeyOf(incident));
      if (result instanceof Promise) result.catch(failed);
    } catch {
      failed();
    }
  }
}

/** Panes are as long as an agent's, or the longest that the window is a multiple of. */
function paneLengthOf(windowMs: number): number {
  for (let lengthMs = LENGTH_MS_MAX; lengthMs > 100; lengthMs -= 100) {
    if (windowMs % lengthMs === 0) return lengthMs;
  }
  return 100;
}

function ruleOf({ windowMs, threshold, cooldownMs }: MonitorSettings): Rule {
  return {
    name: "hot-key",
    type: "rate",
    kind: "total",
    window: windowMs,
    threshold,
    minShare: 0,
    for: 0,
    resolveBelow: RESOLVE_BELOW,
    keepFiringFor: windowMs,
    cooldown: cooldownMs,
    severity: "warning",
    match: { cluster: "*", key: "*", pattern: "*", service: "*" },
  };
}

function isAccess(key: unknown, kind: unknown, weight: unknown): boolean {
  const isKey = typeof key === "string" || key instanceof Uint8Array;
  const isKind = kind === "read" || kind === "write" || kind === "miss";
  return isKey && isKind && Number.isInteger(weight) && Number(weight) > 0 && Number(weight) <= WEIGHT_MAX;
}
