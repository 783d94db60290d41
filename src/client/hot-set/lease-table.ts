import type { HotSetMessage, LeasePlace, ToldLease } from "./messages.ts";

/** Leases beyond it are left out. */
const LEASES_MAX = 10_000;
/** No agent gives longer ones: what says so has a clock that is wrong. */
const LEASE_MS_MAX = 10 * 60_000;

interface Kept {
  /** In the form of `LeasePlace.key`. */
  readonly key: string;
  /** By the monotonic clock. */
  readonly untilMs: number;
  readonly ratePerSecond: number;
}

/** Keys that came and went, in the form of `LeasePlace.key`. */
export interface LeaseChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The leases of one keyspace, each until it runs out. */
export class LeaseTable {
  readonly #cluster: string | null;
  readonly #db: number;
  /** By cluster and key. */
  readonly #leases = new Map<string, Kept>();
  /** What is leased of it in any cluster, the longest lease. */
  #byKey = new Map<string, Kept>();

  /** `cluster`: `null` for those of all. */
  constructor(cluster: string | null, db: number) {
    this.#cluster = cluster;
    this.#db = db;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** `key`: in the form of `LeasePlace.key`. */
  rateOf(key: string, nowMs: number): number | null {
    const kept = this.#byKey.get(key);
    return kept !== undefined && kept.untilMs > nowMs ? kept.ratePerSecond : null;
  }

  keys(nowMs: number): string[] {
    return Array.from(this.#byKey.values())
      .filter(({ untilMs }) => untilMs > nowMs)
      .map(({ key }) => key);
  }

  /** `agentMs`: what the agent's wall clock shows now. */
  apply(message: HotSetMessage, agentMs: number, nowMs: number): LeaseChange {
    if (message.type === "snapshot") this.#leases.clear();
    else for (const place of message.remove) this.#leases.delete(idOf(place));
    for (const lease of message.add) this.#put(lease, agentMs, nowMs);
    return this.settle(nowMs);
  }

  /** Lets go of what has run out. */
  settle(nowMs: number): LeaseChange {
    for (const [id, { untilMs }] of this.#leases) if (untilMs <= nowMs) this.#leases.delete(id);
    const before = this.#byKey;
    this.#byKey = new Map();
    for (const lease of this.#leases.values()) {
      const other = this.#byKey.get(lease.key);
      if (other === undefined || other.untilMs < lease.untilMs) this.#byKey.set(lease.key, lease);
    }
    return {
      added: [...this.#byKey.keys()].filter((key) => !before.has(key)),
      removed: [...before.keys()].filter((key) => !this.#byKey.has(key)),
    };
  }

  /** When the next lease runs out (monotonic); `null`: there is none. */
  get nextEndMs(): number | null {
    let nextMs: number | null = null;
    for (const { untilMs } of this.#leases.values())
      if (nextMs === null || untilMs < nextMs) nextMs = untilMs;
    return nextMs;
  }

  #put(lease: ToldLease, agentMs: number, nowMs: number): void {
    const { cluster, db, key, leaseUntilMs, ratePerSecond } = lease;
    if (db !== this.#db || (this.#cluster !== null && cluster !== this.#cluster)) return;
    const id = idOf(lease);
    if (!this.#leases.has(id) && this.#leases.size >= LEASES_MAX) return;
    const leftMs = Math.min(LEASE_MS_MAX, leaseUntilMs - agentMs);
    if (leftMs > 0) this.#leases.set(id, { key, untilMs: nowMs + leftMs, ratePerSecond });
    else this.#leases.delete(id);
  }
}

function idOf({ cluster, db, key }: LeasePlace): string {
  return `${cluster} ${db} ${key}`;
}
