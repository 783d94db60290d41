import type { LeaseTerms } from "../config/hot-set.ts";
import type { Demand, DemandLook } from "../model/demand.ts";
import { compileGlobs } from "../model/glob.ts";
import type { Lease } from "../model/hot-set.ts";
import { isCut, keyId } from "../model/key.ts";
import { matchedBytes } from "../model/redacted-key.ts";

/** What is done to keys that are read too much. */
const REMEDIES: readonly string[] = ["local-cache"];
/** Leases are renewed, all together, when one that is needed has less than this part of its length left. */
const RENEWED_BELOW = 2 / 3;
/** While it cannot be seen whether a key is still in demand, its lease is renewed for so long. */
const UNSEEN_MS_MAX = 60_000;
/** A newcomer takes the place of a key that has a lease only where it is so many times hotter. */
const HOTTER = 2;

interface Held {
  lease: Lease;
  /** When the key was last surely in demand, ms since 1970. */
  hotAtMs: number;
}

interface Wanted {
  readonly id: string;
  readonly demand: Demand;
}

/**
 * The leases of one cluster: which keys its clients may cool, and until when.
 *
 * A lease is opened by load, which servers bear out, and kept by demand: load and what caches absorb. So a key that is
 * cooled does not lose its remedy by the remedy's success. Nothing ends a lease but its time, a hotter key where there
 * are too many, and other terms.
 */
export class LeaseBook {
  readonly #terms: LeaseTerms;
  readonly #isExcluded: (key: Uint8Array) => boolean;
  readonly #held = new Map<string, Held>();

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
    this.#isExcluded = compileGlobs(terms.exclude);
  }

  leases(): readonly Lease[] {
    return Array.from(this.#held.values(), ({ lease }) => lease);
  }

  /** Goes on with leases that another process has given, as far as the terms of this one allow them. */
  adopt(leases: readonly Lease[], nowMs: number): void {
    for (const lease of leases) {
      if (lease.leaseUntilMs <= nowMs || this.#held.size >= this.#terms.max || !this.#mayLease(lease.key))
        continue;
      const leaseUntilMs = Math.min(lease.leaseUntilMs, nowMs + this.#terms.lease);
      this.#held.set(keyId(lease.db, lease.key), { lease: { ...lease, leaseUntilMs }, hotAtMs: nowMs });
    }
  }

  /** Takes in what is in demand now; whether clients have to hear of it. */
  look(look: DemandLook, nowMs: number): boolean {
    const wanted = this.#wanted(look.demands);
    const byId = new Map(wanted.map((one) => [one.id, one.demand]));
    let hasChanged = this.#endLapsed(nowMs);
    if (this.#shorten(nowMs)) hasChanged = true;
    for (const [id, held] of this.#held) if (this.#isHot(byId.get(id))) held.hotAtMs = nowMs;
    if (this.#openNew(wanted, look.complete, nowMs)) hasChanged = true;
    if (this.#renew(byId, look.complete, nowMs)) hasChanged = true;
    return hasChanged;
  }

  #wanted(demands: readonly Demand[]): readonly Wanted[] {
    return demands.map((demand) => ({ id: keyId(demand.db, demand.key), demand }));
  }

  #endLapsed(nowMs: number): boolean {
    let hasEnded = false;
    for (const [id, { lease }] of this.#held) {
      if (lease.leaseUntilMs > nowMs) continue;
      this.#held.delete(id);
      hasEnded = true;
    }
    return hasEnded;
  }

  /** After the clock was set back, leases would last for longer than any does. */
  #shorten(nowMs: number): boolean {
    const latestMs = nowMs + this.#terms.lease;
    const tooLong = [...this.#held.values()].filter(({ lease }) => lease.leaseUntilMs > latestMs);
    for (const held of tooLong) {
      held.lease = { ...held.lease, leaseUntilMs: latestMs };
      held.hotAtMs = nowMs;
    }
    return tooLong.length > 0;
  }

  #openNew(wanted: readonly Wanted[], isComplete: boolean, nowMs: number): boolean {
    const places = this.#places(wanted, isComplete);
    let hasOpened = false;
    for (const { id, demand } of wanted) {
      if (this.#held.has(id) || !places.has(id)) continue;
      this.#held.set(id, { lease: this.#leaseOf(demand, nowMs), hotAtMs: nowMs });
      hasOpened = true;
    }
    for (const id of this.#held.keys()) if (!places.has(id)) this.#held.delete(id);
    return hasOpened;
  }

  /** The keys that have leases, and those that may have one, as far as there are places. */
  #places(wanted: readonly Wanted[], isComplete: boolean): ReadonlySet<string> {
    const ranks = new Map<string, number>();
    for (const [id, { lease }] of this.#held) ranks.set(id, isComplete ? 0 : HOTTER * lease.ratePerSecond);
    for (const { id, demand } of wanted) {
      if (ranks.has(id)) ranks.set(id, HOTTER * demand.readsPerSecond);
      else if (this.#mayOpen(demand)) ranks.set(id, demand.readsPerSecond);
    }
    const ranked = [...ranks].sort(([, one], [, other]) => other - one);
    return new Set(ranked.slice(0, this.#terms.max).map(([id]) => id));
  }

  #renew(demands: ReadonlyMap<string, Demand>, isComplete: boolean, nowMs: number): boolean {
    const { lease: lengthMs } = this.#terms;
    const needed = [...this.#held].filter(([id, { hotAtMs }]) => {
      const demand = demands.get(id);
      const isUnseen = demand?.suspect ?? !isComplete;
      return this.#isHot(demand) || (isUnseen && nowMs - hotAtMs <= UNSEEN_MS_MAX);
    });
    const isDue = needed.some(([, { lease }]) => lease.leaseUntilMs - nowMs <= RENEWED_BELOW * lengthMs);
    if (!isDue) return false;
    for (const [id, held] of needed) {
      const ratePerSecond = demands.get(id)?.readsPerSecond ?? held.lease.ratePerSecond;
      held.lease = { ...held.lease, ratePerSecond, leaseUntilMs: nowMs + lengthMs };
    }
    return true;
  }

  #leaseOf({ db, key, readsPerSecond }: Demand, nowMs: number): Lease {
    const leaseUntilMs = nowMs + this.#terms.lease;
    return { db, key, leaseUntilMs, remedies: REMEDIES, ratePerSecond: readsPerSecond };
  }

  #mayOpen({ key, readsPerSecond, corroboratedPerSecond, writesPerSecond, suspect }: Demand): boolean {
    const { threshold, readsPerWrite, allowUncorroborated } = this.#terms;
    if (suspect && !allowUncorroborated) return false;
    const reads = allowUncorroborated ? readsPerSecond : corroboratedPerSecond;
    return reads >= threshold && reads >= readsPerWrite * writesPerSecond && this.#mayLease(key);
  }

  #isHot(demand: Demand | undefined): boolean {
    if (demand === undefined) return false;
    const { threshold, readsPerWrite, keepAbove } = this.#terms;
    const least = Math.max(threshold, readsPerWrite * demand.writesPerSecond);
    return demand.readsPerSecond >= keepAbove * least;
  }

  /** Of a key of more than 1 KiB only the beginning is known: clients could not tell which one is meant. */
  #mayLease(key: Uint8Array): boolean {
    return this.#terms.enabled && !isCut(key) && !this.#isExcluded(matchedBytes(key));
  }
}
