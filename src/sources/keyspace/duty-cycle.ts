import type { Clock } from "../../runtime/clock.ts";

/** No pane is listened to for less. */
const LISTENED_SHARE_MIN = 1 / 16;

/**
 * Listens for a share of each pane, from a random moment on: what repeats with the clock is neither always seen nor
 * always missed.
 */
export class DutyCycle {
  readonly #clock: Clock;
  readonly #listen: (isOn: boolean) => void;
  readonly #random: () => number;
  #isOn = true;
  #paneFromMs: number;
  #lengthMs = 0;
  /** Since when it has listened (monotonic, ms), and for how long before that in this pane. */
  #onSinceMs: number;
  #onMs = 0;
  #cancels: (() => void)[] = [];

  /** `listen` is told to begin and to end; it listens at the start. `random`: in [0, 1). */
  constructor(clock: Clock, listen: (isOn: boolean) => void, random: () => number = Math.random) {
    this.#clock = clock;
    this.#listen = listen;
    this.#random = random;
    this.#paneFromMs = clock.monotonic();
    this.#onSinceMs = this.#paneFromMs;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Ends a pane; returns the share of it that was listened to. */
  endPane(): number {
    const nowMs = this.#clock.monotonic();
    const lengthMs = nowMs - this.#paneFromMs;
    const onMs = this.#listenedMs();
    this.#paneFromMs = nowMs;
    this.#onSinceMs = nowMs;
    this.#onMs = 0;
    return lengthMs <= 0 || onMs >= lengthMs ? 1 : onMs / lengthMs;
  }

  /** Plans the pane that begins now. */
  beginPane(share: number, lengthMs: number): void {
    this.#cancel();
    this.#lengthMs = lengthMs;
    if (share >= 1) {
      this.#set(true);
      return;
    }
    const onMs = share * lengthMs;
    const fromMs = this.#random() * (lengthMs - onMs);
    this.#set(false);
    this.#cancels = [
      this.#clock.after(fromMs, () => this.#set(true)),
      this.#clock.after(fromMs + onMs, () => this.#set(false)),
    ];
  }

  /** Listens no more in this pane, once it has for long enough to say something: a backlog comes first. */
  pause(): void {
    const isEnough = this.#listenedMs() >= LISTENED_SHARE_MIN * this.#lengthMs;
    if (!this.#isOn || !isEnough) return;
    this.#cancel();
    this.#set(false);
  }

  stop(): void {
    this.#cancel();
  }

  #listenedMs(): number {
    return this.#onMs + (this.#isOn ? this.#clock.monotonic() - this.#onSinceMs : 0);
  }

  #cancel(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  #set(isOn: boolean): void {
    if (isOn === this.#isOn) return;
    const nowMs = this.#clock.monotonic();
    if (isOn) this.#onSinceMs = nowMs;
    else this.#onMs += nowMs - this.#onSinceMs;
    this.#isOn = isOn;
    this.#listen(isOn);
  }
}
