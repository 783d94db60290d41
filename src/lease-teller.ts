import type { LeaseTerms } from "./config/hot-set.ts";
import type { DemandLook } from "./model/demand.ts";
import type { HotSet, Lease } from "./model/hot-set.ts";
import type { Authority } from "./model/state-record.ts";
import { LeaseBook } from "./rules/lease-book.ts";

const LOOK_EVERY_MS = 1000;
/** What is remembered of clusters that this process does not own, to go on with. */
const CLUSTERS_MAX = 1024;

export interface LeaseTellerOptions {
  readonly terms: LeaseTerms;
  /** What is in demand of a cluster. */
  readonly lookOf: (cluster: string, nowMs: number) => DemandLook;
  /** The right to write for a cluster; `null`: this process is not its owner, or does not know it to be. */
  readonly authorityOf: (cluster: string) => Authority | null;
  /** Each hot set that has changed: a few times a minute while keys are hot, else never. */
  readonly write: (hotSet: HotSet) => void;
}

interface Owned {
  readonly book: LeaseBook;
  version: number;
  /** Whether it has to be written at the next look, changed or not. */
  isOwed: boolean;
}

/** Decides once a second which keys of the clusters that this process owns may be cooled, and writes it down. */
export class LeaseTeller {
  readonly #options: LeaseTellerOptions;
  readonly #owned = new Map<string, Owned>();
  /** The last hot sets of all clusters, as they were read. */
  readonly #read = new Map<string, HotSet>();
  #lookedAtMs = 0;

  constructor(options: LeaseTellerOptions) {
    this.#options = options;
  }

  /** A hot set as somebody wrote it. */
  read(hotSet: HotSet): void {
    const { cluster, term } = hotSet.authority;
    const known = this.#read.get(cluster);
    // What a former owner wrote after all must not be the last record that is left of it.
    if (known !== undefined && known.authority.term > term) this.#oweAgain(cluster);
    else if (known !== undefined || this.#read.size < CLUSTERS_MAX) this.#read.set(cluster, hotSet);
  }

  /**
   * The cluster is this process's: it goes on with the leases that there are, and says so. That there are none has to be
   * said, too, or leases of long ago would stand.
   */
  held(cluster: string, nowMs: number): void {
    if (this.#owned.has(cluster)) return;
    const book = new LeaseBook(this.#options.terms);
    const last = this.#read.get(cluster);
    if (last !== undefined) book.adopt(last.leases, nowMs);
    const owned = { book, version: last?.version ?? 0, isOwed: true };
    this.#owned.set(cluster, owned);
    this.#write(cluster, owned);
  }

  /** It is another's. */
  lost(cluster: string): void {
    this.#owned.delete(cluster);
  }

  tick(nowMs: number): void {
    if (Math.abs(nowMs - this.#lookedAtMs) < LOOK_EVERY_MS) return;
    this.#lookedAtMs = nowMs;
    for (const [cluster, owned] of this.#owned) {
      if (owned.book.look(this.#options.lookOf(cluster, nowMs), nowMs)) owned.isOwed = true;
      if (owned.isOwed) this.#write(cluster, owned);
    }
  }

  /** The highest term in which a hot set of a cluster was written; 0: there is none. Agents believe no lower one. */
  termOf(cluster: string): number {
    return this.#read.get(cluster)?.authority.term ?? 0;
  }

  /** The leases of a cluster: as this process has given them, or read of them last. */
  leasesOf(cluster: string): readonly Lease[] {
    return this.#owned.get(cluster)?.book.leases() ?? this.#read.get(cluster)?.leases ?? [];
  }

  /** How many keys of the clusters that this process owns are leased. */
  counts(): readonly { readonly cluster: string; readonly count: number }[] {
    return Array.from(this.#owned, ([cluster, { book }]) => ({ cluster, count: book.leases().length }));
  }

  #oweAgain(cluster: string): void {
    const owned = this.#owned.get(cluster);
    if (owned !== undefined) owned.isOwed = true;
  }

  #write(cluster: string, owned: Owned): void {
    const authority = this.#options.authorityOf(cluster);
    if (authority === null) return;
    owned.version++;
    owned.isOwed = false;
    this.#options.write({ authority, version: owned.version, leases: owned.book.leases() });
  }
}
