import type { HotSet, Lease } from "./model/hot-set.ts";
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
  /** What was written, and what it was made into: `null` where its key is not known here. */
  #served: readonly { readonly written: ServedLease; readonly lease: ServedLease | null }[] = [];
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
    return this.#served.flatMap(({ lease }) => (lease === null ? [] : [lease]));
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
    this.#served = valid.map((written) => ({ written, lease: this.#asSeenHere(written) }));
    this.#cancelLook = valid.length === 0 ? null : clock.after(LOOK_EVERY_MS, () => this.#look());
    const isSame =
      before.length === this.#served.length &&
      this.#served.every(({ written, lease }, index) => isOf(before[index], written, lease));
    if (isSame) return;
    for (const listener of this.#listeners) listener();
  }

  #asSeenHere(written: ServedLease): ServedLease | null {
    const key = this.#options.rawKeyOf(written.key);
    return key === null || isCut(key) ? null : { ...written, key };
  }
}

/** Whether a lease of before is the same, and its key as well known. */
function isOf(
  before: { readonly written: Lease; readonly lease: Lease | null } | undefined,
  written: Lease,
  lease: Lease | null,
): boolean {
  if (before === undefined || (before.lease === null) !== (lease === null)) return false;
  return (
    before.written.leaseUntilMs === written.leaseUntilMs &&
    before.written.db === written.db &&
    Buffer.compare(before.written.key, written.key) === 0
  );
}
