import { rounded } from "../../model/rounded.ts";
import type { SlowEntry } from "./slowlog-entry.ts";

/** Decimals of a ms that the server tells. */
const MICROSECONDS = 3;

/** Slow commands that were alike; times are the server's own, without waiting and network. */
export interface SlowSum {
  readonly count: number;
  readonly totalMs: number;
  readonly worstMs: number;
  /** Of the latest one. */
  readonly lastAt: string;
}

/** Sums up slow commands that are alike. */
export class SlowTally {
  count = 0;
  totalMs = 0;
  /** Where the latest one ran. */
  target = "";
  #worstMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  readonly #commands = new Map<string, number>();

  add({ atMs, tookMs, command }: SlowEntry, target: string): void {
    this.count += 1;
    this.totalMs += tookMs;
    this.#worstMs = Math.max(this.#worstMs, tookMs);
    this.#commands.set(command, (this.#commands.get(command) ?? 0) + 1);
    if (atMs <= this.#lastMs) return;
    this.#lastMs = atMs;
    this.target = target;
  }

  sum(): SlowSum {
    return {
      count: this.count,
      totalMs: rounded(this.totalMs, MICROSECONDS),
      worstMs: rounded(this.#worstMs, MICROSECONDS),
      lastAt: new Date(this.#lastMs).toISOString(),
    };
  }

  /** How often each command, most often first. */
  commands(): Record<string, number> {
    return Object.fromEntries([...this.#commands].sort(([, a], [, b]) => b - a));
  }
}
