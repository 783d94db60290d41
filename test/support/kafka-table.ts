import type { TestContext } from "node:test";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import type { KafkaProblem } from "../../src/transport/kafka/problem.ts";
import { TopicTable } from "../../src/transport/kafka/topic-table.ts";
import { connectionOf, LogLines, textOf } from "./kafka-tenant.ts";

/** A table that keeps what it was told. */
export class TestTable {
  readonly log = new LogLines();
  readonly table: TopicTable;
  /** `partition/key=value` in order, `null` for a tombstone. */
  readonly lines: string[] = [];
  readonly problems: KafkaProblem[] = [];
  isCaughtUp = false;

  constructor(settings: KafkaSettings, topics: readonly string[]) {
    this.table = new TopicTable({
      connection: connectionOf(settings, this.log),
      topics,
      onRecords: (_, partition, records) => {
        for (const record of records) this.lines.push(`${partition}/${record.key}=${textOf(record)}`);
      },
      onDead: (problem) => this.problems.push(problem),
    });
    void this.table.caughtUp.then(() => {
      this.isCaughtUp = true;
    });
  }
}

/** Starts a table; it ends with the test `t`. */
export function startTable(t: TestContext, settings: KafkaSettings, topics: readonly string[]): TestTable {
  const table = new TestTable(settings, topics);
  t.after(() => table.table.close(3000));
  table.table.start();
  return table;
}
