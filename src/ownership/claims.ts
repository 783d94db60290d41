import { type Authority, type OwnerRecord, ownerKey } from "../model/state-record.ts";
import type { StateView } from "./state-view.ts";

/** Where two think that they own a bucket, neither claims it again sooner. */
const CLAIM_AGAIN_MS = 1000;

export interface ClaimsOptions {
  /** Name of this process, different after each start. */
  readonly instance: string;
  /** Which partition of the panes brings a bucket. */
  readonly partitionOf: (cluster: string, bucket: number) => number;
  readonly view: StateView;
  /** The highest term that stands in other topics: it outlives the owner record, which is erased when nobody owns it. */
  readonly termOf: (cluster: string, bucket: number) => number;
  readonly write: (record: OwnerRecord) => void;
  /** Whether the group has confirmed lately that this process is a member. */
  readonly isConfirmed: () => boolean;
  readonly monotonic: () => number;
  /** A bucket is this process's from now on: everything that was written before has been read. */
  readonly onHeld: (cluster: string, bucket: number) => void;
  /** No longer. */
  readonly onLost: (cluster: string, bucket: number) => void;
}

interface Claim {
  readonly cluster: string;
  readonly bucket: number;
  /** The term that was claimed last. */
  term: number;
  claimedAtMs: number;
  /** Whether the claim was read back from the log, and nobody has claimed the bucket since. */
  isHeld: boolean;
}

/**
 * Which buckets this process owns, by terms (DESIGN section 6).
 *
 * A partition of the consumer group brings the right to claim its buckets. A claim is written into the state topic with a
 * term above the highest seen, and holds once it is read back from there: then all that was written before it has been
 * read. Where the group has not confirmed the membership lately nothing is held: a process that was stopped, and does
 * not know for how long, changes nothing before it knows.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #partitions = new Set<number>();
  readonly #claims = new Map<string, Claim>();
  #isReady = false;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** The state topic has been read to its end: before that, no term is known to be the highest. */
  ready(): void {
    this.#isReady = true;
  }

  assign(partition: number): void {
    this.#partitions.add(partition);
  }

  revoke(partition: number): void {
    this.#partitions.delete(partition);
    for (const [place, claim] of this.#claims) {
      if (this.#options.partitionOf(claim.cluster, claim.bucket) === partition) this.#drop(place, claim);
    }
  }

  /** Claims a bucket that something was heard of, unless it was claimed already. Cheap when it was. */
  want(cluster: string, bucket: number): void {
    const { partitionOf, isConfirmed } = this.#options;
    const place = ownerKey(cluster, bucket);
    if (this.#claims.has(place) || !this.#isReady || !isConfirmed()) return;
    if (!this.#partitions.has(partitionOf(cluster, bucket))) return;
    const claim = { cluster, bucket, term: 0, claimedAtMs: Number.NEGATIVE_INFINITY, isHeld: false };
    this.#claims.set(place, claim);
    this.#claim(claim);
  }

  /** A claim took effect, this process's or another's. */
  claimed(authority: Authority): void {
    const { cluster, bucket, term, instance } = authority;
    const claim = this.#claims.get(ownerKey(cluster, bucket));
    if (claim === undefined) return;
    const isOwn = instance === this.#options.instance && term === claim.term;
    if (isOwn === claim.isHeld) return;
    claim.isHeld = isOwn;
    if (isOwn) this.#options.onHeld(cluster, bucket);
    else this.#options.onLost(cluster, bucket);
  }

  /** Claims again what another process took though the partition is this one's: that process does not know it yet. */
  tick(): void {
    const { isConfirmed, monotonic } = this.#options;
    if (!isConfirmed()) return;
    for (const claim of this.#claims.values()) {
      if (!claim.isHeld && monotonic() - claim.claimedAtMs >= CLAIM_AGAIN_MS) this.#claim(claim);
    }
  }

  /** Lets go of what nobody needs any more, and returns it: a name that was heard of once must not stay for ever. */
  releaseUnless(isNeeded: (cluster: string, bucket: number) => boolean): readonly Authority[] {
    const released: Authority[] = [];
    for (const [place, claim] of this.#claims) {
      const authority = this.authorityOf(claim.cluster, claim.bucket);
      if (authority === null || isNeeded(claim.cluster, claim.bucket)) continue;
      this.#drop(place, claim);
      released.push(authority);
    }
    return released;
  }

  /** The right to write for a bucket now; `null`: it is not this process's, or it is not known to be. */
  authorityOf(cluster: string, bucket: number): Authority | null {
    const claim = this.#claims.get(ownerKey(cluster, bucket));
    if (!claim?.isHeld || !this.#options.isConfirmed()) return null;
    return { cluster, bucket, term: claim.term, instance: this.#options.instance };
  }

  /** Whether every claim has been read back. */
  get isSettled(): boolean {
    return this.#isReady && [...this.#claims.values()].every(({ isHeld }) => isHeld);
  }

  #claim(claim: Claim): void {
    const { view, termOf, write, instance, monotonic } = this.#options;
    const { cluster, bucket } = claim;
    const seen = Math.max(view.ownerOf(cluster, bucket)?.term ?? 0, termOf(cluster, bucket));
    claim.term = Math.max(claim.term, seen) + 1;
    claim.claimedAtMs = monotonic();
    write({ type: "owner", authority: { cluster, bucket, term: claim.term, instance } });
  }

  #drop(place: string, { cluster, bucket, isHeld }: Claim): void {
    this.#claims.delete(place);
    if (isHeld) this.#options.onLost(cluster, bucket);
  }
}
