import type { Clock } from "../../../runtime/clock.ts";
import type { Primaries } from "./primaries.ts";
import { type InvalidationListener, type PrimaryState, TrackedPrimary } from "./tracked-primary.ts";
import type { LinkSettings } from "./tracking-link.ts";

/** Server-assisted invalidation: every primary of a client tells which keys were written. */
export class Tracking {
  readonly #primaries: Primaries;
  readonly #settings: LinkSettings;
  readonly #listener: InvalidationListener;
  readonly #clock: Clock;
  readonly #tracked = new Map<string, TrackedPrimary>();
  readonly #stopFollowing: () => void;

  constructor(primaries: Primaries, settings: LinkSettings, listener: InvalidationListener, clock: Clock) {
    this.#primaries = primaries;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#stopFollowing = primaries.onChange(() => this.#follow());
    this.#follow();
  }

  /** `on`: of all primaries; otherwise what is worst among them. */
  get state(): PrimaryState {
    const states = new Set(Array.from(this.#tracked.values(), ({ state }) => state));
    const worst = (["refused", "lost", "connecting"] as const).find((state) => states.has(state));
    return worst ?? (states.size === 0 ? "connecting" : "on");
  }

  /** What reads the key so that it is tracked; `null`: nothing does now, or it need not be read in any special way. */
  readerOf(key: Buffer): TrackedPrimary["reader"] {
    if (this.#settings.mode === "broadcast") return null;
    const address = this.#primaries.addressOf(key);
    return address === undefined ? null : (this.#tracked.get(address)?.reader ?? null);
  }

  close(): void {
    this.#stopFollowing();
    for (const tracked of this.#tracked.values()) tracked.close();
  }

  #follow(): void {
    const current = this.#primaries.current();
    for (const [address, tracked] of this.#tracked) {
      if (current.has(address)) continue;
      this.#tracked.delete(address);
      tracked.close();
    }
    for (const [address, primary] of current) {
      if (this.#tracked.has(address)) continue;
      this.#tracked.set(address, new TrackedPrimary(primary, this.#settings, this.#listener, this.#clock));
    }
  }
}
