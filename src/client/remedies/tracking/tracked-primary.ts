import { backoffMs } from "../../../runtime/backoff.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { Pause } from "../../../runtime/pause.ts";
import type { Primary } from "./primaries.ts";
import { type LinkSettings, TrackingLink } from "./tracking-link.ts";

const BACKOFF = { firstMs: 200, maxMs: 10_000 };
/** After a life of so long the waits begin anew. */
const STEADY_MS = 10_000;

/** `lost`: it is tried again, also where it never was on; `refused`: by what the server says, and tried again. */
export type PrimaryState = "connecting" | "on" | "lost" | "refused";

export interface InvalidationListener {
  onInvalidated(keys: readonly Buffer[]): void;
  /** Any key may have been written without word of it. */
  onFlush(): void;
  /** A server does not allow it: what it says. */
  onRefused(reason: string): void;
}

/** Keeps one primary's invalidations coming. */
export class TrackedPrimary {
  readonly #primary: Primary;
  readonly #settings: LinkSettings;
  readonly #listener: InvalidationListener;
  readonly #clock: Clock;
  readonly #pause: Pause;
  #link: TrackingLink | null = null;
  #state: PrimaryState = "connecting";
  #isClosed = false;

  constructor(primary: Primary, settings: LinkSettings, listener: InvalidationListener, clock: Clock) {
    this.#primary = primary;
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#pause = new Pause(clock);
    void this.#keepOn();
  }

  get state(): PrimaryState {
    return this.#state;
  }

  /** `null`: reads are not tracked, now or by who reads. */
  get reader(): TrackingLink["reader"] {
    return this.#state === "on" ? (this.#link?.reader ?? null) : null;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pause.end();
    this.#link?.end();
    this.#state = "lost";
  }

  async #keepOn(): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      const startMs = this.#clock.monotonic();
      await this.#oneLife();
      if (this.#clock.monotonic() - startMs >= STEADY_MS) attempt = 0;
      if (!this.#isClosed) await this.#pause.upTo(backoffMs(attempt, BACKOFF));
    }
  }

  /** Resolves when it is over. */
  #oneLife(): Promise<void> {
    return new Promise((resolve) => {
      const onEnded = () => {
        this.#fall("lost");
        resolve();
      };
      const onInvalidated = (keys: readonly Buffer[] | null) => {
        if (keys === null) this.#listener.onFlush();
        else this.#listener.onInvalidated(keys);
      };
      const link = new TrackingLink(this.#primary, this.#settings, { onInvalidated, onEnded }, this.#clock);
      this.#link = link;
      link.open().then(
        () => this.#rise(),
        (error: unknown) => {
          if (isRefusal(error)) this.#refuse(error);
          link.end();
        },
      );
    });
  }

  #rise(): void {
    if (this.#isClosed) return;
    this.#state = "on";
    // What was kept, or was under way, was read untracked.
    this.#listener.onFlush();
  }

  #fall(to: PrimaryState): void {
    const wasOn = this.#state === "on";
    if (this.#state !== "refused") this.#state = to;
    if (wasOn) this.#listener.onFlush();
  }

  #refuse(error: Error): void {
    this.#state = "refused";
    this.#listener.onRefused(error.message);
  }
}

/** An answer of the server, not the loss of it. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}
