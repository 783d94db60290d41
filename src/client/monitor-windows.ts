import type { Rule } from "../config/schema.ts";
import type { Heat } from "../model/heat.ts";
import type { KeyIncident } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import type { PanePart } from "../model/pane.ts";
import { judgeRate } from "../rules/rate.ts";
import { Ledger } from "../runtime/accounting.ts";
import { ByteBudget } from "../runtime/byte-budget.ts";
import type { Clock } from "../runtime/clock.ts";
import { Windows } from "../windows/windows.ts";
import { MONITOR_NAMES, MonitorPanes } from "./monitor-panes.ts";
import { silentLogger } from "./silent-logger.ts";

const KEY_BYTES_MAX = 16 * 1024 * 1024;
const PART_BYTES_MAX = 32 * 1024 * 1024;

/** Panes and windows of one stretch of time in which something was accessed. */
export class MonitorWindows {
  readonly #rule: Rule;
  readonly #clock: Clock;
  readonly #panes: MonitorPanes;
  readonly #windows: Windows;

  constructor(rule: Rule, lengthMs: number, clock: Clock) {
    this.#rule = rule;
    this.#clock = clock;
    this.#panes = new MonitorPanes(clock, rule.window, lengthMs);
    this.#windows = new Windows({
      windowsMs: [rule.window],
      hopMs: lengthMs,
      graceMs: lengthMs,
      keyBudget: new ByteBudget(KEY_BYTES_MAX),
      partBudget: new ByteBudget(PART_BYTES_MAX),
      ledger: new Ledger("windows"),
      logger: silentLogger,
    });
    this.#expectPanes();
  }

  get panes(): MonitorPanes {
    return this.#panes;
  }

  /** Heats on which the rule holds, of what has left the open pane since the last call. `isAll`: of all its keys. */
  risen(isAll: boolean): Heat[] {
    const parts = this.#panes.round();
    if (isAll) parts.push(...this.#panes.soFar(this.#clock.now()));
    return parts.flatMap((part) => this.#risenBy(part));
  }

  /** Whether a hop has closed, so that what was hot may have cooled. */
  advance(): boolean {
    this.#expectPanes();
    return this.#windows.advance(this.#clock.now()).length > 0;
  }

  closedHeat({ key }: KeyIncident): Heat {
    return this.#windows.closedOf(key, this.#rule.window);
  }

  /** Whether the rule holds for the key now. */
  isHot(key: Key): boolean {
    const handle = this.#windows.handleOf(key);
    if (handle === undefined) return false;
    const heat = this.#windows.running(MONITOR_NAMES.cluster, handle, this.#rule.window);
    return judgeRate(this.#rule, heat).verdict === "hot";
  }

  #risenBy(part: PanePart): Heat[] {
    const { kind, window, threshold } = this.#rule;
    const heats: Heat[] = [];
    for (const handle of this.#windows.add(part, this.#clock.now()).touched) {
      const most = this.#windows.runningFiringMax(part.cluster, handle, window, kind);
      if (most < (threshold * window) / 1000) continue;
      const heat = this.#windows.running(part.cluster, handle, window);
      if (judgeRate(this.#rule, heat).verdict === "hot") heats.push(heat);
    }
    return heats;
  }

  /** Nothing but this process counts here, so what it does not tell of did not happen. */
  #expectPanes(): void {
    const nowMs = this.#clock.now();
    this.#windows.expect({
      ...MONITOR_NAMES,
      type: "report",
      epoch: nowMs,
      atMs: nowMs,
      pane: { startMs: nowMs, lengthMs: 0 },
      reachable: true,
      role: "primary",
      runId: null,
      version: null,
      slots: null,
      observed: { read: 0, write: 0, miss: 0 },
      ran: { read: null, write: null },
      cpu: null,
      memoryBytes: null,
      clients: null,
      opsPerSecond: null,
      sources: [{ source: "keyspace", state: "up", sinceMs: nowMs, gaps: 0, probability: 1, reason: null }],
    });
  }
}
