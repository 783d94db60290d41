import type { Config } from "./config/schema.ts";
import { type LaneLedgers, PanesLane } from "./panes-lane.ts";
import { ByteBudget } from "./runtime/byte-budget.ts";
import type { Logger } from "./runtime/logger.ts";

const MIB = 2 ** 20;
const KEY_BYTES_MAX = 256 * MIB;
const PART_BYTES_MAX = 1024 * MIB;

export interface PanesLanesOptions {
  readonly config: Pick<Config, "windows" | "panes" | "grace" | "kafka">;
  /** Which partition of the panes brings a bucket. */
  readonly partitionOf: (cluster: string, bucket: number) => number;
  readonly ledgers: LaneLedgers;
  readonly logger: Logger;
}

/** The partitions of the panes topic that are this process's, in memory that they share. */
export class PanesLanes {
  readonly #options: PanesLanesOptions;
  readonly #lanes = new Map<number, PanesLane>();
  readonly #keyBudget = new ByteBudget(KEY_BYTES_MAX);
  readonly #partBudget = new ByteBudget(PART_BYTES_MAX);

  readonly #named = new Set<string>();

  constructor(options: PanesLanesOptions) {
    this.#options = options;
  }

  open(partition: number): PanesLane {
    const { partitionOf, ...options } = this.#options;
    const lane = new PanesLane(partition, (cluster, bucket) => partitionOf(cluster, bucket) === partition, {
      ...options,
      keyBudget: this.#keyBudget,
      partBudget: this.#partBudget,
      named: this.#named,
    });
    this.#lanes.set(partition, lane);
    return lane;
  }

  get(partition: number): PanesLane | undefined {
    return this.#lanes.get(partition);
  }

  /** Its windows are there until they are disposed of. */
  remove(partition: number): void {
    this.#lanes.delete(partition);
  }

  all(): Iterable<PanesLane> {
    return this.#lanes.values();
  }

  /** Partitions that are still being read from behind. */
  behind(): readonly number[] {
    return [...this.#lanes.values()]
      .filter(({ isCaughtUp }) => !isCaughtUp)
      .map(({ partition }) => partition);
  }

  /** Of every cluster that something was heard of, and every bucket of it that is read up to now. */
  *heardBuckets(): Iterable<{ readonly cluster: string; readonly bucket: number }> {
    const { config, partitionOf } = this.#options;
    for (const { partition, windows, isCaughtUp } of this.#lanes.values()) {
      if (!isCaughtUp) continue;
      for (const cluster of windows.clusters()) {
        for (let bucket = 0; bucket < config.kafka.buckets; bucket++) {
          if (partitionOf(cluster, bucket) === partition) yield { cluster, bucket };
        }
      }
    }
  }

  forget(cluster: string, target: string): void {
    for (const { windows } of this.#lanes.values()) windows.forget(cluster, target);
  }
}
