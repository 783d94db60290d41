import type { HotSet } from "./model/hot-set.ts";
import { isCut } from "./model/key.ts";
import { HotSets } from "./ownership/hot-sets.ts";
import type { Clock } from "./runtime/clock.ts";

/** Leases run out, and keys that were not known here are seen, without anybody writing of it. */
const LOOK_EVERY_MS = 1000;

export type ServedLease = ReturnType<HotSets["leases"]>[number];

export interface ServedHotSetOptions {
  /** The key that a redacted one stands for, or the key itself; `null`: it was not seen here lately. */
  readonly rawKeyOf: (key: Uint8Array) => Uint8Array | null;
  readonly clock: Clock;
}

/**
 * The leases as the applications of a host are told of them: those that have not run out, by the keys that applications
 * use. A lease of a redacted key is told where that key was seen, and nowhere else.
 */
export class ServedHotSet {
  readonly #sets = new HotSets();
  readonly #options: ServedHotSetOptions;
  readonly #listeners = new Set<() => void>();
  /** Those whose keys are known here, by what was written of them. */
  #served: ReadonlyMap<string, ServedLease> = new Map();
  #cancelLook: (() => void) | null = null;
  #isStopped = false;

  constructor(options: ServedHotSetOptions) {
    this.#options = options;
  }

  put(hotSet: HotSet): void {
    this.#sets.put(hotSet);
    this.#look();
  }

  leases(): readonly ServedLease[] {
    return [...this.#served.values()];
  }

  /** Calls `listener` after each change; the returned function ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook?.();
  }

  /** While there are leases, looks again each second. */
  #look(): void {
    if (this.#isStopped) return;
    this.#cancelLook?.();
    const { clock } = this.#options;
    const before = this.#served;
    const valid = this.#sets.leases().filter(({ leaseUntilMs }) => leaseUntilMs > clock.now());
    this.#served = new Map(valid.flatMap((written) => this.#asSeenHere(written)));
    this.#cancelLook = valid.length === 0 ? null : clock.after(LOOK_EVERY_MS, () => this.#look());
    if (areSame(before, this.#served)) return;
    for (const listener of this.#listeners) listener();
  }

  /** Once it is told, its key is known as long as it lasts, also where so many pass by that it is forgotten. */
  #asSeenHere(written: ServedLease): [string, ServedLease][] {
    const id = idOf(written);
    const key = this.#served.get(id)?.key ?? this.#options.rawKeyOf(written.key);
    return key === null || isCut(key) ? [] : [[id, { ...written, key }]];
  }
}

function idOf({ cluster, db, key }: ServedLease): string {
  return `${cluster} ${db} ${Buffer.from(key).toString("latin1")}`;
}

function areSame(one: ReadonlyMap<string, ServedLease>, other: ReadonlyMap<string, ServedLease>): boolean {
  if (one.size !== other.size) return false;
  return [...one].every(([id, { leaseUntilMs }]) => other.get(id)?.leaseUntilMs === leaseUntilMs);
}
