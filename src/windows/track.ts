import type { Vantage } from "../model/access.ts";
import type { PanePart } from "../model/pane.ts";
import type { SlotRange } from "../model/slot.ts";
import type { Role } from "../model/target.ts";
import { DELIVERED, DeliveryRing, UNBROKEN, UNSAMPLED } from "./delivery-ring.ts";
import type { Interval } from "./interval.ts";
import type { Pane } from "./pane.ts";
import { SlotHistory } from "./slot-history.ts";
import type { Unit } from "./unit.ts";
import { isAdditive, kindBits } from "./vantage.ts";

export interface TrackOptions {
  readonly id: number;
  readonly target: string;
  readonly vantage: Vantage;
  readonly vantageIndex: number;
  readonly slots: readonly SlotRange[] | null;
  readonly hopMs: number;
  /** How far back and ahead it must remember. */
  readonly reachMs: number;
}

/** Why a target's panes are expected: an agent reports that it watches it. */
export interface Expectation {
  readonly agent: string;
  readonly sinceMs: number;
  /** First report of a source that was up; `null`: it is expected, but was never watched. */
  readonly watchedSinceMs: number | null;
  /** Time of the last report. */
  readonly heardMs: number;
}

/** A target that was not heard of for so long is no longer expected. */
const SILENT_MS_MAX = 3_600_000;

/** An agent that did not close a pane for so many hops is waited for no longer. */
const OWING_HOPS = 3;

/** One target as seen from one vantage: what is expected of it, and what has come. */
export class Track {
  readonly id: number;
  readonly target: string;
  readonly vantage: Vantage;
  readonly vantageIndex: number;
  readonly isAdditive: boolean;
  readonly slots: SlotHistory;
  readonly ring: DeliveryRing;
  readonly panes = new Map<Interval, Pane>();
  /** `null`: its panes are not expected. */
  expected: Expectation | null = null;
  role: Role = "unknown";
  /** Kinds that its last part says it sees, as bits. */
  sees = 0;
  lastEndMs = 0;
  /** Panes longer than a hop among `panes`. */
  coarsePanes = 0;
  /** When the last pane that each agent has closed ends: only of vantages whose agents are added. */
  readonly agentEndsMs = new Map<string, number>();
  /** Whether more than one agent has told of a pane that is still held. */
  isShared = false;
  /** Whether something came of a pane for which it was decided already who speaks. */
  isUnsettled = false;
  /** The agent that speaks in the last pane that has closed, of several. */
  speaker: string | null = null;
  readonly #hopMs: number;

  constructor({ id, target, vantage, vantageIndex, slots, hopMs, reachMs }: TrackOptions) {
    this.id = id;
    this.target = target;
    this.vantage = vantage;
    this.vantageIndex = vantageIndex;
    this.isAdditive = isAdditive(vantage);
    this.slots = new SlotHistory(slots);
    this.ring = new DeliveryRing(hopMs, reachMs);
    this.#hopMs = hopMs;
  }

  /** Takes in what a part says beside its counts. Whether any of it is news. */
  note(part: PanePart): boolean {
    const endMs = part.startMs + part.lengthMs;
    if (this.isAdditive && part.closing) {
      this.agentEndsMs.set(part.agent, Math.max(endMs, this.agentEndsMs.get(part.agent) ?? 0));
    }
    if (endMs < this.lastEndMs) return false;
    const sees = kindBits(part.sees);
    const isNews = endMs > this.lastEndMs || sees !== this.sees;
    this.lastEndMs = endMs;
    this.sees = sees;
    return this.slots.set(part.slots, part.startMs) || isNews;
  }

  /** Looks again at what has come for the hops of a pane. Whether anything changed. */
  refresh({ startMs, endMs }: Interval): boolean {
    let changed = false;
    for (let hopMs = startMs; hopMs < endMs; hopMs += this.#hopMs) {
      if (this.ring.set(hopMs, this.#flagsAt(hopMs))) changed = true;
    }
    return changed;
  }

  /** Whether it has anything to deliver: a node of a Redis Cluster without slots has not. */
  get isExpected(): boolean {
    return this.expected !== null && this.slots.slots?.length !== 0;
  }

  /** Whether a hop should have come: those that began after the target was first expected. */
  expects(hopStartMs: number): boolean {
    return this.isExpected && this.expected!.sinceMs <= hopStartMs;
  }

  /** Start of the first hop that was watched from its start; `null`: none yet. */
  get watchedFromMs(): number | null {
    const watchedSinceMs = this.expected?.watchedSinceMs ?? null;
    return watchedSinceMs === null ? null : Math.ceil(watchedSinceMs / this.#hopMs) * this.#hopMs;
  }

  /**
   * Whether an agent of those that are added has reported lately, but not up to `endMs` yet. Nothing is said to be
   * missing without it, but it is waited for: it tells a moment later than sources at the server.
   */
  isOwing(endMs: number): boolean {
    for (const agentEndMs of this.agentEndsMs.values()) {
      if (agentEndMs < endMs && agentEndMs >= endMs - OWING_HOPS * this.#hopMs) return true;
    }
    return false;
  }

  /** Whether its agents were still reporting at the end of a window. */
  isReportingAt(fromMs: number, toMs: number): boolean {
    const freshMs = toMs - 2 * this.#hopMs;
    if (!this.isAdditive) return this.lastEndMs > freshMs;
    for (const endMs of this.agentEndsMs.values()) if (endMs > fromMs && endMs <= freshMs) return false;
    return this.lastEndMs > freshMs;
  }

  /** Ends the expectation of a target that fell silent, and forgets what no window reaches any more. */
  prune(nowMs: number, beforeMs: number): void {
    if (this.expected !== null) this.#pruneExpected(this.expected, nowMs);
    this.slots.prune(beforeMs);
    for (const [agent, endMs] of this.agentEndsMs) if (endMs <= beforeMs) this.agentEndsMs.delete(agent);
  }

  #pruneExpected(expected: Expectation, nowMs: number): void {
    if (nowMs - expected.heardMs > SILENT_MS_MAX) this.expected = null;
    // An agent whose clock is ahead must not keep windows incomplete until then.
    else if (expected.heardMs > nowMs) {
      const watchedSinceMs = expected.watchedSinceMs && Math.min(expected.watchedSinceMs, nowMs);
      this.expected = {
        ...expected,
        sinceMs: Math.min(expected.sinceMs, nowMs),
        watchedSinceMs,
        heardMs: nowMs,
      };
    }
  }

  #flagsAt(hopStartMs: number): number {
    let flags = 0;
    let finestMs = Number.POSITIVE_INFINITY;
    for (const [interval, pane] of this.panesOver(hopStartMs)) {
      const lengthMs = interval.endMs - interval.startMs;
      const paneFlags = flagsOf(pane);
      // The finest delivered pane speaks: of a coarse one it is only known that it holds what others left.
      if ((paneFlags & DELIVERED) === 0 || lengthMs >= finestMs) continue;
      finestMs = lengthMs;
      flags = paneFlags;
    }
    return flags;
  }

  *panesOver(hopStartMs: number): Iterable<[Interval, Pane]> {
    for (const entry of this.panes) {
      const [{ startMs, endMs }] = entry;
      if (startMs <= hopStartMs && hopStartMs < endMs) yield entry;
    }
  }
}

function flagsOf(pane: Pane): number {
  let flags = 0xff;
  for (const unit of pane.units) if (unit.counted) flags &= flagsOfUnit(unit);
  return flags === 0xff ? 0 : flags;
}

function flagsOfUnit(unit: Unit): number {
  if (!unit.isDelivered) return 0;
  return DELIVERED | unit.sees | (unit.isSampled ? 0 : UNSAMPLED) | (unit.isUnbroken ? UNBROKEN : 0);
}
