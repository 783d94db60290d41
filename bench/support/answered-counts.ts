import { firstCommandOf } from "./paced-sets.ts";
import { PIPELINE_DEPTH } from "./pipelined-sets.ts";
import type { PackedNames } from "./zipf-keys.ts";

/** When a key's accesses may have run: each ran between the leaving of its burst and the answer to it. */
export interface CountRange {
  /** Answered in the interval. */
  readonly exact: number;
  /** That may have run in the interval. */
  readonly most: number;
}

/** Which SETs of a paced load were answered when: the truth that estimates are compared with. */
export class AnsweredCounts {
  readonly #sets: PackedNames;
  readonly #bursts: number[] = [];
  readonly #sentMs: number[] = [];
  readonly #answeredMs: number[] = [];

  constructor(sets: PackedNames) {
    this.#sets = sets;
  }

  readonly note = (burst: number, sentMs: number, answeredMs: number): void => {
    this.#bursts.push(burst);
    this.#sentMs.push(sentMs);
    this.#answeredMs.push(answeredMs);
  };

  get commands(): number {
    return this.#bursts.length * PIPELINE_DEPTH;
  }

  /** By key, of [fromMs, toMs), wall clock. */
  between(fromMs: number, toMs: number): Map<string, CountRange> {
    const exact = new Map<number, number>();
    const most = new Map<number, number>();
    this.#bursts.forEach((burst, i) => {
      const [sentMs, answeredMs] = [this.#sentMs[i]!, this.#answeredMs[i]!];
      if (sentMs >= toMs || answeredMs < fromMs) return;
      const first = firstCommandOf(burst, this.#sets);
      add(most, first);
      if (answeredMs < toMs) add(exact, first);
    });
    const counts = new Map<string, { exact: number; most: number }>();
    for (const [first, times] of most) {
      for (let command = first; command < first + PIPELINE_DEPTH; command++) {
        const key = keyOf(this.#sets, command);
        const count = counts.get(key) ?? { exact: 0, most: 0 };
        count.most += times;
        count.exact += exact.get(first) ?? 0;
        counts.set(key, count);
      }
    }
    return counts;
  }
}

function add(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The key of the SET command with this index. */
function keyOf({ bytes, offsets }: PackedNames, command: number): string {
  return bytes.toString("latin1", offsets[command], offsets[command + 1]).split("\r\n")[4] ?? "";
}
