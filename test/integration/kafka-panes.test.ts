import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { groupName, topicNames } from "../../src/transport/kafka/names.ts";
import { encodeMessage } from "../../src/wire/message-codec.ts";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { asAdmin, sharedKafka } from "../support/kafka.ts";
import { PanesProducer, type RawRecord } from "../support/panes-producer.ts";
import { makePart, makeReport, type PartFields } from "../support/parts.ts";
import { wholeNumbers } from "../support/random.ts";
import { shardedSecond } from "../support/sharded-parts.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();
const HOP_MS = 1000;
/** Late parts of a busy machine are to fall into it, too. */
const GRACE_MS = 4000;
const PANES = 5;

interface Answer {
  readonly asOf: string;
  readonly complete: boolean;
  readonly keys: readonly { readonly key: string }[];
}

async function startFleet(t: TestContext, common = {}) {
  const { brokers } = kafka.get();
  const fleet = new Fleet(t, { brokers, common });
  await fleet.createTopics();
  const aggregator = await fleet.aggregator();
  await aggregator.ready();
  return { fleet, aggregator, producer: await PanesProducer.start(t, { brokers, prefix: fleet.prefix }) };
}

function untilWallMs(atMs: number): Promise<void> {
  return sleep(Math.max(0, atMs - Date.now()));
}

/** What the windows say that end at `asOfMs`. */
async function windowsAt({ aggregator }: { aggregator: FleetProcess }, asOfMs: number) {
  const asOf = new Date(asOfMs).toISOString();
  const at = (window: string) =>
    waitFor(
      `the window of ${window} to end at ${asOf}`,
      async () => {
        const answer = await aggregator.api<Answer>(`hotkeys?window=${window}&limit=1000`);
        if (answer.asOf !== asOf) throw new Error(`it ends at ${answer.asOf}`);
        return answer;
      },
      GRACE_MS + 5000,
    );
  return { short: await at("2s"), long: await at("60s") };
}

test(
  "parts that come twice, and in any order within the grace, make the same windows",
  kafka.needed(),
  async (t) => {
    const common = { grace: `${GRACE_MS}ms` };
    const once = await startFleet(t, common);
    const often = await startFleet(t, common);
    const draw = wholeNumbers(7);
    const firstMs = Math.ceil(Date.now() / HOP_MS) * HOP_MS;
    let sent = 0;
    for (let pane = 0; pane < PANES; pane++) {
      const startMs = firstMs + pane * HOP_MS;
      const second = shardedSecond(startMs, draw);
      await untilWallMs(startMs + HOP_MS);
      sent += second.length;
      await once.producer.send(second.flatMap((message) => once.producer.records(message)));
      const twice = [...second, ...second].flatMap((message) => often.producer.records(message));
      const shuffled = twice.sort(() => draw(2) - 0.5);
      const middle = draw(shuffled.length);
      await often.producer.send(shuffled.slice(0, middle));
      if (pane % 2 === 0) await sleep(draw(300));
      await often.producer.send(shuffled.slice(middle));
    }
    const endMs = firstMs + PANES * HOP_MS;
    // A window closes when all servers have told, and what clients told may come after that.
    const { exact } = await waitFor("the same windows at either", async () => {
      const [exact, redelivered] = await Promise.all([windowsAt(once, endMs), windowsAt(often, endMs)]);
      assert.deepEqual(redelivered, exact);
      return { exact };
    });
    assert.ok(exact.long.keys.length > 20 && exact.short.keys.length > 20);
    assert.ok(exact.short.complete, "of the last 2 s everything was expected and has come");
    const duplicates = await often.aggregator.metric("keyheat_dropped", {
      stage: "windows",
      reason: "duplicate",
    });
    t.diagnostic(`${sent} messages, ${duplicates} duplicates, ${exact.long.keys.length} keys`);
    assert.ok(duplicates !== null && duplicates > 0);
    assert.equal(await once.aggregator.metric("keyheat_dropped", { stage: "windows" }), 0);
  },
);

/** Records of which none can count, with the reason by which each is dropped. */
function garbage({ producer }: { producer: PanesProducer }, startMs: number) {
  const good = Buffer.from(encodeMessage(makePart({ startMs, rows: [{ key: "bad", write: 7 }] })));
  const own = producer.partitionOf("default", 0);
  const part = (fields: PartFields): Buffer =>
    Buffer.from(
      encodeMessage(makePart({ startMs, rows: [{ key: "bad", write: 7 }], agent: "forger", ...fields })),
    );
  const newer = Buffer.from(good);
  newer[1] = 2;
  const elsewhere = producer.partitionOf("elsewhere", 0);
  const forged = elsewhere === own ? (own + 1) % 12 : own;
  const slots = [[0, 16_383]] as const;
  const unreadable: RawRecord[] = [
    { partition: own, value: null },
    { partition: own, value: Buffer.alloc(0) },
    { partition: own, value: newer },
    { partition: own, value: good.subarray(0, good.length - 3) },
    ...Array.from({ length: 50 }, (_, i) => ({ partition: i % 12, value: randomBytes(1 + i * 40) })),
  ];
  const refused: RawRecord[] = [
    { partition: own, value: part({ slots, buckets: 5 }) },
    { partition: forged, value: part({ cluster: "elsewhere" }) },
    { partition: own, value: part({ rows: [{ key: "bad", write: 2 ** 50 }] }) },
    { partition: own, value: part({ rows: [{ key: "bad", write: 0.5 }] }) },
    { partition: own, value: part({ lengthMs: 777 }) },
  ];
  const future: RawRecord[] = [{ partition: own, value: part({ startMs: startMs + 10 * 365 * 86_400_000 }) }];
  return { own, unreadable, refused, future };
}

function committed({ fleet }: { fleet: Fleet }, partition: number): Promise<number> {
  return asAdmin(kafka.get(), async (admin) => {
    const topic = topicNames(fleet.prefix).panes;
    const [offsets] = await admin.fetchOffsets({ groupId: groupName(fleet.prefix), topics: [topic] });
    return Number(offsets?.partitions.find((one) => one.partition === partition)?.offset ?? -1);
  });
}

test(
  "garbage on the topics is skipped, counted and named once, and good parts beside it count",
  kafka.needed(),
  async (t) => {
    // A short window, so that what the last record of the future holds back is let go within the test.
    const started = await startFleet(t, { windows: ["2s"], grace: `${GRACE_MS}ms` });
    const { aggregator, producer } = started;
    const startMs = Math.floor(Date.now() / HOP_MS) * HOP_MS - HOP_MS;
    const { own, unreadable, refused, future } = garbage(started, startMs);
    const futureReport = producer.records(
      makeReport({ target: "10.9.9.9:6379", atMs: Date.now() + 86_400_000, agent: "forger" }),
    );
    await producer.send([...unreadable, ...refused, ...future, ...futureReport]);
    const junk = Array.from({ length: 20 }, (_, i) => ({ partition: i % 12, value: randomBytes(30 + i) }));
    await producer.send(junk, "state");
    await producer.send([...junk, { partition: 0, value: null }], "heat");
    const goodMs = Math.floor(Date.now() / HOP_MS) * HOP_MS;
    const good = makePart({ startMs: goodMs, rows: [{ key: "good", write: 41 }] });
    await producer.send([
      ...producer.records(makeReport({ atMs: goodMs + HOP_MS })),
      ...producer.records(good),
    ]);
    const row = await waitFor("the good part to count", () => aggregator.hotkey("good", "2s"));
    assert.deepEqual(row.count.lower, 41);
    assert.equal(await aggregator.hotkey("bad", "2s"), undefined);
    const dropped = (stage: string, reason: string, count: number) =>
      waitFor(`${count} records of ${stage} to be dropped as ${reason}`, async () => {
        const counted = await aggregator.metric("keyheat_dropped", { stage, reason });
        if (counted !== count) throw new Error(`${counted} are counted`);
        return true;
      });
    await dropped("panes", "unreadable", unreadable.length);
    await dropped("panes", "future", futureReport.length);
    await dropped("windows", "refused", refused.length);
    await dropped("windows", "future", future.length);
    await dropped("tables", "unreadable", 2 * junk.length + 1);
    const unreadableLines = () => aggregator.output.match(/record of a topic cannot be read/g)?.length ?? 0;
    // What is counted is seen by another way than what is logged.
    await waitFor("both topics to be named", () => unreadableLines() >= 2);
    assert.equal(unreadableLines(), 2);
    // Each partition names an agent once as refused and once as of the future; the forged cluster came on another one.
    assert.ok((aggregator.output.match(/part of a pane not counted/g)?.length ?? 0) <= 3);
    assert.ok(!(await aggregator.targets()).some(({ target }) => target === "10.9.9.9:6379"));
    const problems = [...aggregator.output.matchAll(/"problem":"([^"]+)".*panes topic/g)].map(
      ([, problem]) => problem,
    );
    assert.equal(new Set(problems).size, problems.length, problems.join(", "));
    const before = await asAdmin(kafka.get(), (admin) =>
      admin.fetchTopicOffsets(topicNames(started.fleet.prefix).panes),
    );
    const end = Number(before.find(({ partition }) => partition === own)?.high);
    const tookFromMs = Date.now();
    await waitFor(
      "the committed offset to pass the future",
      async () => (await committed(started, own)) >= end,
      40_000,
      250,
    );
    t.diagnostic(
      `${unreadable.length} unreadable, ${refused.length} refused, ${problems.length} problems named; committed to the end (${end}) after another ${Date.now() - tookFromMs} ms`,
    );
    assert.equal((await aggregator.get("/readyz")).status, 200);
  },
);
