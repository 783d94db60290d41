import type { TestContext } from "node:test";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { PanesGroup } from "../../src/transport/kafka/panes-group.ts";
import type { KafkaProblem } from "../../src/transport/kafka/problem.ts";
import type { TopicRecord } from "../../src/transport/kafka/topic-record.ts";
import { connectionOf, LogLines, textOf } from "./kafka-tenant.ts";
import { waitFor } from "./wait.ts";

/** What a member of the group was told of one partition, in order: `assigned 5`, `offset 0`, `caught up`, `revoked`. */
export type Events = Map<number, string[]>;

/** A member of the group that writes down what it is told. */
export class TestAggregator {
  readonly log = new LogLines();
  readonly group: PanesGroup;
  readonly events: Events = new Map();
  readonly texts: string[] = [];
  readonly problems: KafkaProblem[] = [];
  readonly #nextOffsets = new Map<number, number>();
  /** Whether it lets offsets be committed. */
  commits: boolean;

  constructor(settings: KafkaSettings, { commits = true, startAtMs = 0 } = {}) {
    this.commits = commits;
    this.group = new PanesGroup({
      connection: connectionOf(settings, this.log),
      startAtMs: () => startAtMs,
      handler: {
        assigned: (partition, endOffset) => this.#tell(partition, `assigned ${endOffset}`),
        caughtUp: (partition) => this.#tell(partition, "caught up"),
        revoked: (partition) => this.#tell(partition, "revoked"),
        records: (partition, records) => this.#take(partition, records),
        commitOffset: (partition) => (this.commits ? (this.#nextOffsets.get(partition) ?? null) : null),
      },
      onDead: (problem) => this.problems.push(problem),
    });
  }

  /** Offsets of a partition, as they were handed over. */
  offsets(partition: number): number[] {
    return this.told(partition).flatMap((event) => {
      const [, offset] = /^offset (\d+)$/.exec(event) ?? [];
      return offset === undefined ? [] : [Number(offset)];
    });
  }

  told(partition: number): readonly string[] {
    return this.events.get(partition) ?? [];
  }

  /** Waits until it has so many partitions, and each has caught up. */
  owns(count: number, timeoutMs = 30_000): Promise<unknown> {
    return waitFor(
      `${count} partitions`,
      () => {
        const own = this.group.partitions();
        const isCaughtUp = own.every((partition) => {
          const told = this.told(partition);
          return (
            told.lastIndexOf("caught up") > told.findLastIndex((event) => /^(assigned|revoked)/.test(event))
          );
        });
        if (own.length !== count) throw new Error(`it has ${own.join(", ") || "none"}`);
        return isCaughtUp;
      },
      timeoutMs,
    );
  }

  #tell(partition: number, event: string): void {
    const told = this.events.get(partition);
    if (told) told.push(event);
    else this.events.set(partition, [event]);
  }

  #take(partition: number, records: readonly TopicRecord[]): void {
    for (const record of records) {
      this.#tell(partition, `offset ${record.offset}`);
      this.texts.push(textOf(record) ?? "");
      this.#nextOffsets.set(partition, record.offset + 1);
    }
  }
}

/** Starts a member; it leaves with the test `t`. */
export function startAggregator(
  t: TestContext,
  settings: KafkaSettings,
  options: { readonly commits?: boolean; readonly startAtMs?: number } = {},
): TestAggregator {
  const aggregator = new TestAggregator(settings, options);
  t.after(() => aggregator.group.close(3000));
  aggregator.group.start();
  return aggregator;
}
