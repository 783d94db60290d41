import type { Clock } from "../runtime/clock.ts";
import { ACCESS_KINDS, type AccessKind } from "./access-kind.ts";
import type { KeySums } from "./key-sums.ts";
import type { Place } from "./observer.ts";
import { type CountedRows, type KeyCount, RecentHeat } from "./recent-heat.ts";
import { Sampler } from "./sampler.ts";
import { Tallies } from "./tallies.ts";
import type { KeyTally, TallyDrop } from "./tally.ts";

const SECOND_MS = 1000;
const WEIGHT_MAX = 2 ** 31;

/** `invalid`: what an app gave `record` makes no sense. */
export type CountDrop = TallyDrop | "invalid";

export interface AccessCounterOptions {
  /** Of each command to be counted; `null`: as the load allows. */
  readonly sampleRate: number | null;
  /** Of what the app itself records. */
  readonly place: Place;
  readonly clock: Clock;
  readonly onDropped: (reason: CountDrop, accesses: number) => void;
  /** Something was counted after a rest. `null`: nobody else ends the seconds, so they end as counting goes on. */
  readonly onBegin: (() => void) | null;
  readonly random?: () => number;
}

/** What was counted in a second that is over. */
export interface CountedSecond {
  readonly counted: readonly CountedRows[];
  /** By key, with what was taken out of it before; of a great many keys not the least. */
  readonly sums: KeySums;
}

/** The accesses of this process, by key: of the second that runs, and of the last ten. */
export class AccessCounter {
  readonly sampler: Sampler<KeyTally>;
  readonly tallies: Tallies;
  readonly #options: AccessCounterOptions;
  readonly #heat: RecentHeat;
  #secondStartMs: number;
  #isOver = false;

  constructor(options: AccessCounterOptions) {
    const { clock, sampleRate, onDropped, onBegin, random } = options;
    this.#options = options;
    this.#secondStartMs = clock.monotonic();
    this.#heat = new RecentHeat(this.#secondStartMs);
    this.tallies = new Tallies({ onFirstRow: onBegin ?? (() => {}), onDropped });
    this.sampler = new Sampler({
      fixed: sampleRate,
      tallyOf: (probability) => this.tallies.of(probability),
      clock,
      onTime: onBegin === null ? (nowMs) => this.#passTo(nowMs) : null,
      ...(random === undefined ? {} : { random }),
    });
  }

  record(key: unknown, kind: unknown, weight: unknown): void {
    if (this.#isOver) return;
    if (!isKey(key) || !isKind(kind) || !isWeight(weight)) {
      this.#options.onDropped("invalid", 1);
      return;
    }
    this.#passIfAlone();
    this.tallies.of(1).record(this.#options.place, key, kind, weight);
  }

  /** The `limit` keys with the highest demand over about the last 10 s. */
  topKeys(limit: number): KeyCount[] {
    this.#passIfAlone();
    return this.#heat.top(limit, this.tallies.pending(), this.#options.clock.monotonic());
  }

  /** Takes in what was taken out of the tallies while their second runs. */
  tookOut(counted: readonly CountedRows[]): void {
    this.#heat.add(counted);
  }

  /** Begins a second after a rest. */
  beginSecond(nowMs: number): void {
    this.#secondStartMs = nowMs;
    this.sampler.settle(nowMs);
  }

  /** Ends the second that runs. */
  closeSecond(nowMs: number): CountedSecond {
    const counted = this.tallies.drain();
    this.tookOut(counted);
    // What comes later than that belongs to the next one, or there was nothing.
    const endMs = Math.min(nowMs, this.#secondStartMs + SECOND_MS);
    const sums = this.#heat.closeSecond(this.#secondStartMs, endMs);
    this.beginSecond(nowMs);
    return { counted, sums };
  }

  /** Counts nothing any more and gives its memory back. Returns what was not told yet. */
  end(): readonly CountedRows[] {
    this.#isOver = true;
    this.sampler.end();
    this.#heat.clear();
    return this.tallies.drain();
  }

  #passIfAlone(): void {
    if (this.#options.onBegin === null) this.#passTo(this.#options.clock.monotonic());
  }

  #passTo(nowMs: number): void {
    if (nowMs - this.#secondStartMs >= SECOND_MS) this.closeSecond(nowMs);
  }
}

function isKey(key: unknown): key is string | Uint8Array {
  return typeof key === "string" || key instanceof Uint8Array;
}

function isKind(kind: unknown): kind is AccessKind {
  return ACCESS_KINDS.some((known) => known === kind);
}

function isWeight(weight: unknown): weight is number {
  return Number.isInteger(weight) && Number(weight) > 0 && Number(weight) <= WEIGHT_MAX;
}
