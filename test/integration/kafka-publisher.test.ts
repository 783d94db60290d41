import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { PanePart } from "../../src/model/pane.ts";
import { unaccounted } from "../../src/runtime/accounting.ts";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { PanesPublisher, type PanesPublisherOptions } from "../../src/transport/kafka/panes-publisher.ts";
import type { Message } from "../../src/transport/transport.ts";
import { createTopic, sharedKafka } from "../support/kafka.ts";
import { startAggregator, type TestAggregator } from "../support/kafka-aggregator.ts";
import { connectionOf, LogLines, newTenant, tenantSettings } from "../support/kafka-tenant.ts";
import { makePart } from "../support/parts.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();

/** A message of one text, which stands for its encoded form; the bucket is its partition. */
function message(text: string, bucket = 0): PanePart {
  return makePart({ agent: text, bucket, buckets: 3, rows: [{ key: "k", write: 1 }] });
}

function textOf(part: Message): string {
  return "agent" in part ? part.agent : "";
}

function startPublisher(
  t: TestContext,
  settings: KafkaSettings,
  options: Partial<PanesPublisherOptions> = {},
  log = new LogLines(),
): PanesPublisher {
  const publisher = new PanesPublisher({
    connection: connectionOf(settings, log),
    encode: (part) => Buffer.from(textOf(part)),
    route: (part) => [{ partition: part.type === "part" ? part.bucket : 0, key: "key" }],
    ...options,
  });
  t.after(() => publisher.close(2000));
  return publisher;
}

/** Waits until an aggregator has got so many texts. */
function receives(aggregator: TestAggregator, count: number, timeoutMs = 30_000): Promise<unknown> {
  return waitFor(
    `${count} messages`,
    () => {
      if (aggregator.texts.length < count) throw new Error(`${aggregator.texts.length} came`);
      return true;
    },
    timeoutMs,
  );
}

test("what is published arrives once and in order, in each partition", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const publisher = startPublisher(t, settings);
  const aggregator = startAggregator(t, settings);
  const texts = [...Array(3000).keys()].map((index) => `${index}`);
  for (const [index, text] of texts.entries()) publisher.publish([message(text, index % 3)]);
  await receives(aggregator, 3000);
  for (const bucket of [0, 1, 2]) {
    const own = aggregator.texts.filter((text) => Number(text) % 3 === bucket);
    assert.deepEqual(
      own,
      texts.filter((_, index) => index % 3 === bucket),
    );
  }
  await waitFor("the books to be closed", () => publisher.books()[0]?.kept === 3000);
  assert.equal(publisher.problem(), null);
  assert.equal(publisher.sentLagMs, 0);
  assert.deepEqual(aggregator.log.loud, []);
});

test("a message may go to several partitions, and counts once", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const route = () => [0, 1, 2].map((partition) => ({ partition, key: "all" }));
  const publisher = startPublisher(t, settings, { route });
  const aggregator = startAggregator(t, settings);
  publisher.publish([message("a"), message("b")]);
  await receives(aggregator, 6);
  for (const partition of [0, 1, 2]) assert.deepEqual(aggregator.offsets(partition), [0, 1]);
  await publisher.close(2000);
  assert.equal(publisher.books()[0]?.kept, 2);
});

test(
  "while the broker is away messages are kept, and all arrive when it is back",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const log = new LogLines();
    const publisher = startPublisher(t, settings, {}, log);
    const aggregator = startAggregator(t, settings);
    publisher.publish([message("before")]);
    await receives(aggregator, 1);
    await kafka.get().kill();
    const memoryBytes = process.memoryUsage.rss();
    for (let index = 0; index < 50; index++) {
      publisher.publish([message(`${index}`, index % 3)]);
      await sleep(100);
    }
    await waitFor("a problem", () => {
      assert.match(publisher.problem() ?? "", /^Kafka (cannot be reached at|at) 127\.0\.0\.1:\d+/);
      return true;
    });
    assert.ok(publisher.sentLagMs > 3000);
    await kafka.get().start();
    const backMs = performance.now();
    // Partitions come back one by one: what one of them refused is sent again to all, so that some come twice.
    await waitFor("51 different messages", () => new Set(aggregator.texts).size >= 51);
    const tookMs = performance.now() - backMs;
    t.diagnostic(`all there ${tookMs.toFixed(0)} ms after the broker's return`);
    const grownMiB = (process.memoryUsage.rss() - memoryBytes) / 2 ** 20;
    t.diagnostic(`grown by ${grownMiB.toFixed(1)} MiB; ${log.loud.length} loud lines`);
    assert.ok(tookMs < 5000, `it took ${tookMs} ms`);
    assert.deepEqual(new Set(aggregator.texts), new Set(["before", ...[...Array(50).keys()].map(String)]));
    assert.ok(log.loud.length <= 4, log.loud.join("\n"));
  },
);

test(
  "a backlog that is full is merged, then dropped from, and the books balance",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const publisher = startPublisher(t, settings, { bytesMax: 20_000, batchBytesMax: 4000 });
    const report = (index: number) =>
      makePart({ startMs: index * 1000, closing: false, rows: [{ key: "k", write: 1 }] });
    kafka.get().freeze();
    t.after(() => kafka.get().thaw());
    for (let index = 0; index < 500; index++) publisher.publish([report(index)]);
    assert.ok(publisher.backlogBytes <= 20_000, `${publisher.backlogBytes} bytes wait`);
    kafka.get().thaw();
    await waitFor("the backlog to be sent", () => publisher.backlogBytes === 0);
    const [books] = publisher.books();
    assert.ok(books);
    assert.equal(books.received, 500);
    assert.ok((books.dropped["backlog-full"] ?? 0) > 100);
    assert.equal(unaccounted(books), 0);
  },
);

test(
  "what Kafka refuses as too large goes in halves; one that is too large by itself is dropped",
  kafka.needed(),
  async (t) => {
    const settings = tenantSettings(kafka.get(), { partitions: 1 });
    // From its start on: a setting that is changed is shown before the broker goes by it.
    await createTopic(kafka.get(), `${settings.prefix}.panes.v1`, { "max.message.bytes": "10000" });
    const encode = (part: Message) => {
      // Random bytes: they must stay large when compressed.
      const bytes = textOf(part) === "large" ? 20_000 : 3000;
      return Buffer.concat([Buffer.from(`${textOf(part)} `), randomBytesOf(bytes)]);
    };
    const publisher = startPublisher(t, settings, { encode });
    const aggregator = startAggregator(t, settings);
    publisher.publish([..."abcdefgh"].map((text) => message(text)));
    publisher.publish([message("large"), message("last")]);
    await receives(aggregator, 9);
    await publisher.close(2000);
    assert.deepEqual(
      aggregator.texts.map((text) => text.split(" ")[0]),
      [..."abcdefgh", "last"],
    );
    const [books] = publisher.books();
    assert.deepEqual([books?.kept, books?.dropped], [9, { "too-large": 1 }]);
  },
);

test(
  "a message that cannot be encoded is dropped, and what comes after it arrives",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const encode = (part: Message) => {
      if (textOf(part) === "bad") throw new TypeError("no such field");
      return Buffer.from(textOf(part));
    };
    const publisher = startPublisher(t, settings, { encode });
    const aggregator = startAggregator(t, settings);
    publisher.publish([message("bad"), message("good")]);
    await receives(aggregator, 1);
    await publisher.close(2000);
    assert.deepEqual(aggregator.texts, ["good"]);
    assert.deepEqual(publisher.books()[0]?.dropped, { unencodable: 1 });
  },
);

test(
  "a topic or partition that is not there is one clear problem, until it is there",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 1 });
    const publisher = startPublisher(t, { ...settings, partitions: 3 });
    publisher.publish([message("a", 2)]);
    const problem = await waitFor("a problem", () => publisher.problem());
    assert.match(
      problem,
      /^topic test-\w+\.panes\.v1 has no partition 2: kafka\.partitions says 3; run keyheat topics$/,
    );
    const log = new LogLines();
    const lost = startPublisher(t, { ...settings, prefix: "nobody" }, {}, log);
    lost.publish([message("a")]);
    await waitFor("a problem", () => lost.problem());
    assert.match(lost.problem() ?? "", /^Kafka has no topic nobody\.panes\.v1.*run keyheat topics --apply$/);
    await lost.close(300);
    assert.deepEqual(lost.books()[0]?.dropped, { closed: 1 });
    assert.deepEqual(log.loud.length, 1, log.loud.join("\n"));
  },
);

function randomBytesOf(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  crypto.getRandomValues(bytes);
  return bytes;
}
