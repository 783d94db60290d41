import { DELIVERED, UNBROKEN, UNSAMPLED } from "./delivery-ring.ts";
import { SlotMasks } from "./slot-masks.ts";
import type { Track } from "./track.ts";
import { ALL_KIND_BITS, VANTAGES, WRITE_BIT } from "./vantage.ts";

/** Its own upper bound can be relied on: everything that its reporters counted has come. */
const REPORTING = 8;
/** Every expected pane has come, and nothing went unseen but by sampling. */
const WATCHED = 16;
/** Nothing was sampled. */
const EXACT = 32;
/** Every expected pane has come and was complete. */
const WHOLE = WATCHED | EXACT;
/** Someone is expected to deliver. */
const EXPECTED = 8;
/** Someone has delivered. */
const PRESENT = 16;

/**
 * How far what came for a window can be trusted, slot by slot: a target that is missing says nothing against the keys
 * of the others.
 */
export class Completeness {
  readonly fromMs: number;
  readonly toMs: number;
  readonly #masks = VANTAGES.map(() => new SlotMasks());
  readonly #reachesBack: boolean;
  #expected = 0;
  #wholeExpected = 0;
  #watchedExpected = 0;
  #present = 0;

  /** `sinceMs`: when this cluster was first heard of. */
  constructor(tracks: Iterable<Track>, fromMs: number, toMs: number, sinceMs: number) {
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.#reachesBack = fromMs < sinceMs;
    for (const track of tracks) this.#add(track);
  }

  /** Whether that holds for every slot. Where nothing is expected, someone must at least have reported. */
  get isWhole(): boolean {
    if (this.#expected > 0) return this.#wholeExpected === this.#expected;
    return !this.#reachesBack && this.#present > 0;
  }

  /** Whether the watch was unbroken at least at one target. */
  get isWatchedSomewhere(): boolean {
    return this.#expected > 0 ? this.#watchedExpected > 0 : this.isWhole;
  }

  /** Whether every expected pane that could hold a key of this slot has come and was complete. */
  isWholeAt(slot: number): boolean {
    return this.#isSoAt(slot, WHOLE);
  }

  /** The same, but that they may have been sampled: what sampling leaves out is known. */
  isWatchedAt(slot: number): boolean {
    return this.#isSoAt(slot, WATCHED);
  }

  /** Kinds, as bits, of which a vantage has missed nothing. */
  completeKinds(vantageIndex: number, slot: number): number {
    const isExact = (this.#masks[vantageIndex]!.all(slot) & EXACT) !== 0;
    return isExact ? this.unbrokenKinds(vantageIndex, slot) : 0;
  }

  /** Kinds, as bits, of which a vantage has missed nothing but by sampling. */
  unbrokenKinds(vantageIndex: number, slot: number): number {
    const masks = this.#masks[vantageIndex]!;
    const any = masks.any(slot);
    return (any & EXPECTED) === 0 ? 0 : any & masks.all(slot) & ALL_KIND_BITS;
  }

  /** Kinds, as bits, that a vantage sees. */
  seenKinds(vantageIndex: number, slot: number): number {
    return this.#masks[vantageIndex]!.any(slot) & ALL_KIND_BITS;
  }

  isReporting(vantageIndex: number, slot: number): boolean {
    const masks = this.#masks[vantageIndex]!;
    return (masks.any(slot) & PRESENT) !== 0 && (masks.all(slot) & REPORTING) !== 0;
  }

  #isSoAt(slot: number, bits: number): boolean {
    if (this.#expected === 0) return this.isWhole && this.#masks.some((m) => (m.any(slot) & PRESENT) !== 0);
    let isExpected = false;
    for (const masks of this.#masks) {
      if ((masks.any(slot) & EXPECTED) === 0) continue;
      if ((masks.all(slot) & bits) !== bits) return false;
      isExpected = true;
    }
    return isExpected;
  }

  #add(track: Track): void {
    const isPresent = track.lastEndMs > this.fromMs;
    const { isExpected } = track;
    if (!isPresent && !isExpected) return;
    const all = isExpected ? this.#expectedBits(track) : this.#unexpectedBits(track);
    const any = (isPresent ? track.sees | PRESENT : 0) | (isExpected ? EXPECTED : 0);
    this.#masks[track.vantageIndex]!.add(all, any, track.slots.since(this.fromMs));
    if (isPresent) this.#present++;
    if (!isExpected) return;
    this.#expected++;
    if ((all & WHOLE) === WHOLE) this.#wholeExpected++;
    if ((all & WATCHED) !== 0) this.#watchedExpected++;
  }

  #expectedBits(track: Track): number {
    const { watchedFromMs } = track;
    if (watchedFromMs === null || watchedFromMs >= this.toMs) return 0;
    // Before anyone looked there is nothing to be missed: bounds speak of what happened since.
    const flags = track.ring.all(Math.max(this.fromMs, watchedFromMs), this.toMs);
    if ((flags & DELIVERED) === 0) return 0;
    if ((flags & UNBROKEN) === 0) return REPORTING;
    // But such a window is not whole: blind is not quiet.
    const watched = track.expects(this.fromMs) && watchedFromMs <= this.fromMs ? WATCHED : 0;
    const exact = (flags & UNSAMPLED) !== 0 ? EXACT : 0;
    // A replica repeats its primary's writes: that it says nothing of them leaves no gap.
    const notItsOwn = track.role === "replica" ? WRITE_BIT : 0;
    return REPORTING | watched | exact | (flags & ALL_KIND_BITS) | notItsOwn;
  }

  #unexpectedBits(track: Track): number {
    const reporting = track.isReportingAt(this.fromMs, this.toMs) ? REPORTING : 0;
    // It has no say in what is complete, so it takes nothing away from those that are expected.
    return reporting | WHOLE | ALL_KIND_BITS;
  }
}
