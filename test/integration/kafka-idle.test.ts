import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { PanesPublisher } from "../../src/transport/kafka/panes-publisher.ts";
import { RecordWriter } from "../../src/transport/kafka/record-writer.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startAggregator } from "../support/kafka-aggregator.ts";
import { startTable } from "../support/kafka-table.ts";
import { connectionOf, newTenant } from "../support/kafka-tenant.ts";
import { makePart } from "../support/parts.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();
const MEASURED_MS = Number(process.env.KEYHEAT_IDLE_MS ?? 3000);
/** The aim is 0.5%; the rest is granted to the test's own process on a busy machine. */
const SHARE_MAX = 0.015;

/** CPU time of this process while nothing is done, as a share of a core. */
async function idleShare(t: TestContext, what: string): Promise<number> {
  // What starting and compiling still costs.
  await sleep(2000);
  const before = process.cpuUsage();
  const startMs = performance.now();
  await sleep(MEASURED_MS);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - startMs);
  t.diagnostic(`${what}: ${(share * 100).toFixed(2)}% of a core`);
  return share;
}

test("an idle agent's connections cost next to nothing", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get(), { partitions: 12 });
  const publisher = new PanesPublisher({
    connection: connectionOf(settings),
    encode: () => Buffer.from("pane"),
    route: () => [{ partition: 0, key: "a" }],
  });
  t.after(() => publisher.close(1000));
  publisher.publish([makePart()]);
  const table = startTable(t, settings, [topicNames(settings.prefix).hotset]);
  await table.table.caughtUp;
  await waitFor("the pane to be sent", () => publisher.books()[0]?.kept === 1);
  assert.ok((await idleShare(t, "publisher and table")) < SHARE_MAX);
});

test("an idle aggregator's connections cost next to nothing", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get(), { partitions: 12 });
  const { heat, state, hotset } = topicNames(settings.prefix);
  const aggregator = startAggregator(t, settings);
  const table = startTable(t, settings, [heat, state, hotset]);
  const writer = new RecordWriter({ connection: connectionOf(settings) });
  t.after(() => writer.close(1000));
  writer.put({ topic: state, partition: 0, key: "a", value: Buffer.from("a") });
  await Promise.all([aggregator.owns(12), table.table.caughtUp, writer.flush(5000)]);
  assert.ok((await idleShare(t, "group, table and writer")) < SHARE_MAX);
});
