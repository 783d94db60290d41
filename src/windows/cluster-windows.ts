import type { HeatKind } from "../model/access.ts";
import type { PanePart, PaneTotals } from "../model/pane.ts";
import { bucketsOfSlots } from "../model/slot.ts";
import type { TargetReport } from "../model/target.ts";
import type { KeyHasher } from "../panes/key-words.ts";
import type { Ledger } from "../runtime/accounting.ts";
import type { ByteBudget } from "../runtime/byte-budget.ts";
import type { Accumulator } from "./accumulator.ts";
import { MISS, READ, WRITE } from "./columns.ts";
import { Completeness } from "./completeness.ts";
import { DELIVERED, UNBROKEN, UNSAMPLED } from "./delivery-ring.ts";
import { HopWindow } from "./hop-window.ts";
import { type Interval, noteTotals } from "./interval.ts";
import { KeyTable } from "./key-table.ts";
import { LatestRates } from "./latest-rates.ts";
import { NamedTracks } from "./named-tracks.ts";
import { Pane } from "./pane.ts";
import { PartStore } from "./part-store.ts";
import { RanHistory } from "./ran-history.ts";
import { Shelf } from "./shelf.ts";
import { isBestIn, speakersOf } from "./speakers.ts";
import { type StoredPart, scaleOf } from "./stored-part.ts";
import type { Track } from "./track.ts";
import { TrackBook } from "./track-book.ts";
import type { Unit } from "./unit.ts";
import { isAdditive, VANTAGES } from "./vantage.ts";

/** How far an agent's clock may be ahead. */
export const FUTURE_MS_MAX = 5000;

/** A hop closes when one of several agents has told of it; the others have so many hops more before it is decided who speaks. */
const SETTLING_HOPS = 2;

export interface ClusterOptions {
  readonly name: string;
  readonly windowsMs: readonly number[];
  readonly hopMs: number;
  readonly graceMs: number;
  readonly keyBudget: ByteBudget;
  readonly partBudget: ByteBudget;
  readonly entries: Ledger;
  readonly hasher: KeyHasher;
  /** Whether parts of a bucket come here. */
  readonly ownsBucket: (bucket: number) => boolean;
}

/** When windows begin, ms since 1970: `sinceMs` is when their cluster was first heard of, `nowMs` at the latest. */
export interface Beginning {
  readonly nowMs: number;
  readonly sinceMs: number;
}

export type ClusterOutcome = "kept" | "unused" | "duplicate" | "late" | "refused";

export interface ClusterAdmission {
  readonly outcome: ClusterOutcome;
  readonly touched: readonly number[];
}

/** A hop that will be waited for no longer. Late parts still amend the windows that cover it. */
export interface ClosedHop {
  readonly cluster: string;
  /** End of the hop, ms since 1970. */
  readonly asOfMs: number;
  /** Whether every expected pane of the hop has come and was complete. */
  readonly complete: boolean;
}

/**
 * The windows of one cluster, with the parts that they cover.
 *
 * Each window exists twice: `running` ends with the newest pane and takes in early parts, `closed` ends with the last
 * closed hop. Both hold the sums of the same parts; a part leaves when no closed window covers it any more.
 */
export class ClusterWindows {
  readonly name: string;
  readonly hopMs: number;
  readonly keys: KeyTable;
  readonly shelf: Shelf;
  readonly tracks: TrackBook;
  readonly latest: readonly LatestRates[];
  readonly ran = new RanHistory();
  readonly namedTracks = new NamedTracks();
  readonly running: readonly HopWindow[];
  readonly closed: readonly HopWindow[];
  readonly #windows: readonly HopWindow[];
  readonly #graceMs: number;
  readonly #reachMs: number;
  readonly #sinceMs: number;
  readonly #ownsBucket: (bucket: number) => boolean;
  readonly #store: PartStore;
  readonly #completeness = new Map<HopWindow, { version: number; completeness: Completeness }>();
  /** Counts changes of what has come and what is expected. */
  #version = 0;
  #closedEndMs: number;
  #headMs: number;
  #newestEndMs = 0;

  constructor(options: ClusterOptions, { nowMs, sinceMs }: Beginning) {
    const { name, windowsMs, hopMs, graceMs, keyBudget } = options;
    this.#ownsBucket = options.ownsBucket;
    this.name = name;
    this.hopMs = hopMs;
    this.#graceMs = graceMs;
    this.#sinceMs = sinceMs;
    this.#reachMs = Math.max(...windowsMs);
    this.keys = new KeyTable(keyBudget, options.hasher);
    this.#store = new PartStore({ ...options, keys: this.keys });
    this.shelf = new Shelf(hopMs);
    this.tracks = new TrackBook({ hopMs, reachMs: this.#reachMs + graceMs + 2 * FUTURE_MS_MAX + 4 * hopMs });
    this.latest = VANTAGES.map((vantage) => new LatestRates(isAdditive(vantage), hopMs));
    // The last hop whose panes can no longer be waited for: what comes first still has a hop to be closed with.
    this.#closedEndMs = Math.floor((nowMs - graceMs) / hopMs) * hopMs - hopMs;
    this.#headMs = this.#closedEndMs;
    this.running = windowsMs.map((windowMs) => new HopWindow(windowMs, this.#headMs));
    this.closed = windowsMs.map((windowMs) => new HopWindow(windowMs, this.#closedEndMs));
    this.#windows = [...this.running, ...this.closed];
  }

  get headMs(): number {
    return this.#headMs;
  }

  get closedEndMs(): number {
    return this.#closedEndMs;
  }

  /** Whether nothing is held and nobody is expected. */
  get isIdle(): boolean {
    return this.shelf.size === 0 && this.tracks.size === 0;
  }

  /** Whether the clock has gone back so far that every new part would seem late. */
  isAheadOf(nowMs: number): boolean {
    return this.#closedEndMs > nowMs + FUTURE_MS_MAX + 2 * this.hopMs;
  }

  add(part: PanePart, nowMs: number): ClusterAdmission {
    const endMs = part.startMs + part.lengthMs;
    if (endMs <= this.#closedEndMs - this.#reachMs) return untouched("late");
    const track = this.tracks.enter(part.target, part.vantage, part.slots);
    if (!track) return untouched("refused");
    const pane = this.#paneOf(track, this.shelf.interval(part.startMs, endMs));
    if (pane.unitOf(part)?.has(part)) return untouched("duplicate");
    const unit = this.#store.hasRoom ? (pane.unitOf(part) ?? pane.newUnit(part)) : null;
    if (!unit) return untouched("refused");
    if (pane.units.length > 1) track.isShared = true;
    if (endMs <= this.#closedEndMs - SETTLING_HOPS * this.hopMs) track.isUnsettled = true;
    this.#newestEndMs = Math.max(this.#newestEndMs, endMs);
    this.#moveHead(nowMs);
    const stored = this.#takeIn(part, track);
    unit.append(part, stored, part.closing ? this.#bucketsTouched(part) : 0);
    if (unit.counted) this.#apply(stored, pane, 1);
    const swapped = this.#settle(pane, track);
    if (part.totals) this.#noteTotals(pane.interval, part.target, part.totals, scaleOf(part));
    if (track.note(part)) this.#version++;
    const touched = swapped ? pane.countedParts() : unit.counted ? [stored] : [];
    return { outcome: unit.counted ? "kept" : "unused", touched: touched.flatMap(handlesOf) };
  }

  /** How many closing parts the pane of this one has here: one for each bucket that its target's slots touch. */
  #bucketsTouched({ slots, buckets }: PanePart): number {
    let touched = 0;
    for (const bucket of bucketsOfSlots(slots, buckets)) if (this.#ownsBucket(bucket)) touched++;
    return Math.max(1, touched);
  }

  expect(report: TargetReport): void {
    this.tracks.expect(report);
    this.#noteRan(report);
    this.#version++;
  }

  forget(target: string): void {
    this.tracks.forget(target);
    this.#version++;
  }

  /** Closes every hop that all expected have delivered, or that has waited for `graceMs`. */
  advance(nowMs: number): ClosedHop[] {
    this.#skipTo(nowMs);
    this.#moveHead(nowMs);
    const hops: ClosedHop[] = [];
    while (nowMs >= this.#closedEndMs + this.hopMs + this.#graceMs || this.#isDelivered(this.#closedEndMs)) {
      hops.push(this.#closeHop(nowMs));
    }
    return hops;
  }

  completenessOf(window: HopWindow): Completeness {
    const known = this.#completeness.get(window);
    if (known?.version === this.#version && known.completeness.toMs === window.toMs)
      return known.completeness;
    const { fromMs, toMs } = window;
    const completeness = new Completeness(this.tracks.all(), fromMs, toMs, this.#sinceMs);
    this.#completeness.set(window, { version: this.#version, completeness });
    return completeness;
  }

  /** At least what a rule may fire on of a key, from the sums alone; where nothing was sampled just that. */
  firingMaxOf(window: HopWindow, handle: number, kind: HeatKind): number {
    return firingMax(window.accumulators, handle, kind);
  }

  /** Bytes of requests and replies that clients tell of a key. */
  bytesOf(window: HopWindow, handle: number): number {
    return window.accumulators.reduce((largest, sums) => Math.max(largest, sums.bytes(handle)), 0);
  }

  /** Where no source at the server sends parts, the report is all that tells what it ran. */
  #noteRan({ target, pane, observed, ran }: TargetReport): void {
    const { startMs, lengthMs } = pane;
    const isAligned = lengthMs > 0 && lengthMs % this.hopMs === 0 && startMs % lengthMs === 0;
    const isCovered = startMs + lengthMs > this.#closedEndMs - this.#reachMs;
    if (!isAligned || !isCovered || startMs > this.#headMs + FUTURE_MS_MAX) return;
    this.#noteTotals(this.shelf.interval(startMs, startMs + lengthMs), target, { observed, ran }, 1);
  }

  #noteTotals(interval: Interval, target: string, totals: PaneTotals, scale: number): void {
    noteTotals(interval, target, totals, scale);
    this.ran.note(target, interval.startMs, interval.endMs, totals.ran);
  }

  #paneOf(track: Track, interval: Interval): Pane {
    const known = track.panes.get(interval);
    if (known) return known;
    const pane = new Pane(interval, track.id, track.vantageIndex, track.speaker);
    track.panes.set(interval, pane);
    this.shelf.put(pane);
    if (pane.isLongerThan(this.hopMs)) track.coarsePanes++;
    return pane;
  }

  #takeIn(part: PanePart, track: Track): StoredPart {
    const stored = this.#store.store(part);
    if (stored.clients) this.namedTracks.note(stored.clients.services, track.id);
    const { currentPerSecond, reads, writes, misses } = part.entries;
    const latest = this.latest[track.vantageIndex]!;
    const perSecond = part.closing ? (1000 * scaleOf(part)) / part.lengthMs : 0;
    for (let row = 0; row < stored.length; row++) {
      const entry = this.#store.rowEntry(row);
      const mean = (Math.max(reads[entry]!, misses[entry]!) + writes[entry]!) * perSecond;
      latest.note(stored.data[row]!, part, track.id, currentPerSecond[entry]! || mean);
    }
    return stored;
  }

  /** Counts the right units of a pane, and of those that it stands against. Whether any was swapped. */
  #settle(pane: Pane, track: Track): boolean {
    let swapped = this.#settleOne(pane, track);
    if (track.coarsePanes === 0 || track.isAdditive) return swapped;
    for (const other of track.panes.values()) {
      const shadowed = pane.shadowOf(other);
      if (shadowed === null || shadowed.shadowed) continue;
      shadowed.shadowed = true;
      if (this.#settleOne(shadowed, track)) swapped = true;
    }
    return swapped;
  }

  #settleOne(pane: Pane, track: Track): boolean {
    const best = track.isAdditive ? null : pane.best();
    let swapped = false;
    for (const unit of pane.units) {
      const isWanted = track.isAdditive || unit === best;
      if (isWanted === unit.counted) continue;
      this.#count(unit, pane, isWanted);
      swapped = true;
    }
    if (track.refresh(pane.interval)) this.#version++;
    return swapped;
  }

  /** Of the panes that end up to `endMs`; in later ones goes on who speaks in the last of them. */
  #chooseSpeakers(track: Track, endMs: number): void {
    // Coarse panes lie over finer ones: there the finest speaks, whoever sent it.
    if (track.isAdditive || track.coarsePanes > 0 || this.#speaksOn(track, endMs)) return;
    const panes = [...track.panes.values()].sort((a, b) => a.interval.startMs - b.interval.startMs);
    const closed = panes.filter(({ interval }) => interval.endMs <= endMs);
    const speakers = speakersOf(closed);
    track.speaker = speakers.at(-1) ?? track.speaker;
    panes.forEach((pane, index) => {
      const speaker = index < speakers.length ? speakers[index]! : track.speaker;
      if (pane.speaker === speaker) return;
      pane.speaker = speaker;
      this.#settleOne(pane, track);
    });
    track.isShared = panes.some(({ units }) => units.length > 1);
    track.isUnsettled = false;
  }

  /** Nearly always: whoever speaks is as good as any in the pane that ends at `endMs`, too. */
  #speaksOn(track: Track, endMs: number): boolean {
    const { speaker, isUnsettled } = track;
    if (speaker === null || isUnsettled) return false;
    for (const [, pane] of track.panesOver(endMs - this.hopMs)) {
      if (pane.speaker !== speaker || !isBestIn(pane, speaker)) return false;
    }
    return true;
  }

  #count(unit: Unit, pane: Pane, counted: boolean): void {
    for (const part of unit.parts) this.#apply(part, pane, counted ? 1 : -1);
    unit.counted = counted;
  }

  #apply(part: StoredPart, pane: Pane, sign: number): void {
    for (const window of this.#windows) window.apply(part, pane.interval, pane.vantageIndex, sign);
  }

  /** An agent whose clock is ahead must not push the running windows past what others have to say. */
  #moveHead(nowMs: number): void {
    const latestMs = Math.ceil(nowMs / this.hopMs) * this.hopMs + this.hopMs;
    const newestMs = Math.ceil(this.#newestEndMs / this.hopMs) * this.hopMs;
    const headMs = Math.max(this.#headMs, this.#closedEndMs, Math.min(newestMs, latestMs));
    if (headMs === this.#headMs) return;
    for (const window of this.running) window.moveTo(headMs, this.shelf);
    this.#headMs = headMs;
  }

  /** After a long pause, hops that lie outside all windows are not closed one by one. */
  #skipTo(nowMs: number): void {
    const earliestMs =
      Math.floor((nowMs - this.#graceMs - this.#reachMs) / this.hopMs) * this.hopMs - this.hopMs;
    if (earliestMs > this.#closedEndMs) this.#moveClosed(earliestMs);
  }

  #isDelivered(hopStartMs: number): boolean {
    let isAnyExpected = false;
    for (const track of this.tracks.all()) {
      if (track.isOwing(hopStartMs + this.hopMs)) return false;
      if (!track.expects(hopStartMs)) continue;
      if ((track.ring.at(hopStartMs) & DELIVERED) === 0) return false;
      isAnyExpected = true;
    }
    return isAnyExpected;
  }

  #closeHop(nowMs: number): ClosedHop {
    const hopStartMs = this.#closedEndMs;
    const settledMs = hopStartMs - SETTLING_HOPS * this.hopMs;
    for (const track of this.tracks.all()) if (track.isShared) this.#chooseSpeakers(track, settledMs);
    const complete = this.#isHopComplete(hopStartMs);
    this.#moveClosed(hopStartMs + this.hopMs);
    this.#moveHead(nowMs);
    const beforeMs = this.#closedEndMs - this.#reachMs;
    this.#release(beforeMs);
    this.tracks.prune(nowMs, beforeMs);
    this.ran.prune(beforeMs);
    return { cluster: this.name, asOfMs: this.#closedEndMs, complete };
  }

  #isHopComplete(hopStartMs: number): boolean {
    const needed = DELIVERED | UNBROKEN | UNSAMPLED;
    let isAnyExpected = false;
    for (const track of this.tracks.all()) {
      if (!track.isExpected) continue;
      if (!track.expects(hopStartMs) || (track.ring.at(hopStartMs) & needed) !== needed) return false;
      isAnyExpected = true;
    }
    return isAnyExpected;
  }

  #moveClosed(toMs: number): void {
    for (const window of this.closed) window.moveTo(toMs, this.shelf);
    this.#closedEndMs = toMs;
  }

  /** Gives all memory back. Not to be used afterwards. */
  dispose(): void {
    this.#release(Number.POSITIVE_INFINITY);
  }

  /** Lets go of the parts that ended before: all windows have left them behind. */
  #release(beforeMs: number): void {
    for (const interval of this.shelf.intervals()) {
      if (interval.endMs > beforeMs) continue;
      for (const pane of this.shelf.panesOf(interval)) this.#releasePane(pane);
      this.shelf.remove(interval);
    }
    if (this.keys.size > 0) return;
    for (const latest of this.latest) latest.clear();
    this.namedTracks.clear();
    for (const window of this.#windows) for (const sums of window.accumulators) sums.clearCells();
  }

  #releasePane(pane: Pane): void {
    const track = this.tracks.byId(pane.trackId);
    track?.panes.delete(pane.interval);
    if (track && pane.isLongerThan(this.hopMs)) track.coarsePanes--;
    for (const unit of pane.units)
      for (const part of unit.parts) this.#store.release(part, this.#forgetHandle);
  }

  readonly #forgetHandle = (handle: number): void => {
    for (const latest of this.latest) latest.forget(handle);
    this.namedTracks.forget(handle);
  };
}

/** What rules fire on at most: of each kind the largest of the vantages. */
export function firingMax(accumulators: readonly Accumulator[], handle: number, kind: HeatKind): number {
  if (kind === "total") return largestOf(accumulators, handle, READ) + largestOf(accumulators, handle, WRITE);
  return largestOf(accumulators, handle, kind === "read" ? READ : kind === "write" ? WRITE : MISS);
}

function largestOf(accumulators: readonly Accumulator[], handle: number, column: number): number {
  let largest = 0;
  for (const { cells, scaled } of accumulators) {
    const raw = cells.get(handle, column);
    largest = Math.max(largest, scaled === null ? raw : raw + scaled.unkept(handle, column));
  }
  return largest;
}

function untouched(outcome: ClusterOutcome): ClusterAdmission {
  return { outcome, touched: [] };
}

function handlesOf(part: StoredPart): number[] {
  return Array.from(part.data.subarray(0, part.length));
}
