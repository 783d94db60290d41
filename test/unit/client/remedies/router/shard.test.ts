import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../../../../src/client/remedies/router/replica-health.ts";
import type { ReplicationInfo } from "../../../../../src/client/remedies/router/replication-info.ts";
import { Shard, type ShardNode, type ShardOptions } from "../../../../../src/client/remedies/router/shard.ts";
import { delay } from "../../../../../src/runtime/clock.ts";
import fc from "../../../../support/fast-check.ts";
import { SimulatedClock } from "../../../../support/simulated-clock.ts";

const MIB = 1024 * 1024;

/** A server whose replication is what a test says. */
class FakeNode implements ShardNode {
  readyMs: number | null = 0;
  latencyMs = 1;
  measuredMs = 0;
  underWay = 0;
  isReachable = true;
  asked = 0;
  /** Between a question and its answer, which is of the moment of the question. */
  delayMs = 0;
  info: ReplicationInfo;
  readonly name: string;
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock, name: string, info: Partial<ReplicationInfo>) {
    this.name = name;
    this.#clock = clock;
    this.info = { role: "replica", offset: 1000, streamId: "one", isLinked: true, replicas: 0, ...info };
  }

  async ask(): Promise<Answer> {
    this.asked++;
    if (!this.isReachable) throw new Error("unreachable");
    const { info } = this;
    const askedMs = this.#clock.monotonic();
    if (this.delayMs > 0) await delay(this.delayMs, this.#clock);
    return { info, askedMs, answeredMs: this.#clock.monotonic() };
  }

  at(offset: number): void {
    this.info = { ...this.info, offset };
  }
}

function scene(options: Partial<ShardOptions> = {}) {
  const clock = new SimulatedClock();
  const primary = new FakeNode(clock, "primary", { role: "primary", replicas: 2 });
  const first = new FakeNode(clock, "first", {});
  const second = new FakeNode(clock, "second", {});
  const shard = new Shard([primary, first, second], {
    maxLagBytes: MIB,
    maxLagMs: 5000,
    checkEveryMs: 1000,
    timeoutMs: 1000,
    ownWritesMax: 100,
    strategy: "round-robin",
    clock,
    ...options,
  });
  return { clock, primary, first, second, shard };
}

/** Whom reads go to, by name. */
function readers(shard: Shard<FakeNode>): string[] {
  const names = Array.from({ length: 6 }, () => shard.reader()?.name ?? "none");
  return [...new Set(names)].sort();
}

test("nothing is read from replicas before they are checked; then from both", async () => {
  const { clock, shard } = scene();
  await clock.pass(100);
  assert.deepEqual(readers(shard), ["none"]);
  shard.start();
  await clock.pass(100);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("answers of replicas that come together share one question to the primary", async () => {
  const { clock, primary, first, shard } = scene();
  shard.start();
  await clock.pass(4500);
  assert.deepEqual([primary.asked, first.asked], [5, 5]);
});

test("the lag in bytes is held against the primary's offset of the same round", async () => {
  const { clock, primary, first, shard } = scene();
  shard.start();
  await clock.pass(100);
  primary.at(1000 + MIB);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first", "second"]);
  primary.at(1001 + MIB);
  first.at(1001);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first"]);
});

test("a replica that stays where it is while a little is written is out after maxLagMs", async () => {
  const { clock, primary, first, shard } = scene();
  shard.start();
  await clock.pass(100);
  for (let second = 1; second <= 12; second++) {
    primary.at(1000 + second);
    first.at(1000 + second);
    await clock.pass(1000);
    assert.deepEqual(readers(shard), second < 6 ? ["first", "second"] : ["first"], `after ${second} s`);
  }
});

test("where nothing is written, no time makes a replica old", async () => {
  const { clock, shard } = scene();
  shard.start();
  await clock.pass(60_000);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("what is known expires when no check follows, as when the process stood still", async () => {
  const { clock, shard } = scene();
  shard.start();
  await clock.pass(100);
  clock.stall(3000);
  assert.deepEqual(readers(shard), ["none"]);
  await clock.pass(100);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("while the primary does not answer, a replica serves as long as it was there at most maxLagMs ago", async () => {
  const { clock, primary, first, second, shard } = scene();
  shard.start();
  await clock.pass(100);
  primary.isReachable = false;
  first.info = { ...first.info, isLinked: false };
  second.at(999);
  for (let second = 1; second <= 7; second++) {
    await clock.pass(1000);
    assert.deepEqual(readers(shard), second <= 5 ? ["first"] : ["none"], `after ${second} s`);
  }
  primary.isReachable = true;
  second.at(1000);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["second"]);
});

test("a primary that has never answered is not waited for by reading from who knows whom", async () => {
  const { clock, primary, shard } = scene();
  primary.isReachable = false;
  shard.start();
  await clock.pass(2500);
  assert.deepEqual(readers(shard), ["none"]);
});

test("a replica that fails a read is out until a question asked after that is answered well", async () => {
  const { clock, first, shard } = scene();
  shard.start();
  await clock.pass(100);
  shard.failed(first);
  assert.deepEqual(readers(shard), ["second"]);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first", "second"]);
  // The answer is on its way when the read fails.
  first.delayMs = 500;
  await clock.pass(1000);
  shard.failed(first);
  await clock.pass(700);
  assert.deepEqual(readers(shard), ["second"]);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("a replica that was connected to anew is out until it was asked over that connection", async () => {
  const { clock, first, shard } = scene();
  shard.start();
  await clock.pass(100);
  first.readyMs = null;
  assert.deepEqual(readers(shard), ["second"]);
  await clock.pass(100);
  // It was restarted, from a dump of last week.
  first.at(1);
  first.readyMs = clock.monotonic();
  assert.deepEqual(readers(shard), ["second"]);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["second"]);
  first.at(1000);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("an own write that is released while a replica is not connected to is not missed there afterwards", async () => {
  const { clock, primary, first, second, shard } = scene();
  shard.start();
  await clock.pass(100);
  shard.wrote("key");
  primary.at(1100);
  second.at(1100);
  primary.delayMs = 100;
  await clock.pass(905);
  // It has answered this round, without the write, and loses its connection before the round ends.
  first.readyMs = null;
  await clock.pass(500);
  assert.equal(shard.isOwnWrite("key"), false);
  first.readyMs = clock.monotonic();
  assert.deepEqual(readers(shard), ["second"]);
});

test("an own write is released when all replicas that serve have it, and one that comes later must have it too", async () => {
  const { clock, primary, first, second, shard } = scene();
  shard.start();
  await clock.pass(100);
  second.isReachable = false;
  shard.wrote("key");
  primary.at(1100);
  await clock.pass(1000);
  assert.equal(shard.isOwnWrite("key"), true);
  first.at(1100);
  await clock.pass(1000);
  assert.equal(shard.isOwnWrite("key"), false);
  assert.deepEqual(readers(shard), ["first"]);
  // Near enough by both limits, but not for who has written.
  second.isReachable = true;
  second.at(1099);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first"]);
  second.at(1100);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("more own writes than are followed send all reads to the primary until replicas have them all", async () => {
  const { clock, primary, first, shard } = scene({ ownWritesMax: 10 });
  shard.start();
  await clock.pass(100);
  for (let i = 0; i < 10; i++) shard.wrote(`key ${i}`);
  assert.deepEqual(readers(shard), ["first", "second"]);
  primary.at(1100);
  shard.wrote("one more");
  assert.deepEqual(readers(shard), ["none"]);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["none"]);
  first.at(1100);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["first"]);
  assert.equal(shard.isOwnWrite("key 1"), false);
});

test("the primary stays while it says that it is one, whoever else does", async () => {
  const { clock, primary, first, shard } = scene();
  shard.start();
  await clock.pass(100);
  first.info = { ...first.info, role: "primary", offset: 9999, streamId: "two", replicas: 5 };
  await clock.pass(5000);
  assert.equal(shard.primary, primary);
  assert.deepEqual(readers(shard), ["second"]);
});

test("a demoted primary gives way at the next check, a silent one after three", async () => {
  for (const isDemoted of [true, false]) {
    const { clock, primary, first, second, shard } = scene();
    shard.start();
    await clock.pass(100);
    first.info = { ...first.info, role: "primary", streamId: "two" };
    second.info = { ...second.info, streamId: "two" };
    if (isDemoted) primary.info = { ...primary.info, role: "replica", streamId: "two" };
    else primary.isReachable = false;
    await clock.pass(1000);
    assert.equal(shard.primary, isDemoted ? first : primary);
    await clock.pass(isDemoted ? 1000 : 3000);
    assert.equal(shard.primary, first);
    assert.deepEqual(readers(shard), isDemoted ? ["primary", "second"] : ["second"]);
  }
});

test("a primary that is fixed gives way to nobody, and is followed where it goes", async () => {
  const { clock, primary, first, second, shard } = scene({ isPrimaryFixed: true });
  shard.start();
  await clock.pass(100);
  first.info = { ...first.info, role: "primary", streamId: "two" };
  second.info = { ...second.info, streamId: "two" };
  primary.isReachable = false;
  await clock.pass(5000);
  assert.equal(shard.primary, primary);
  assert.deepEqual(readers(shard), ["none"]);
  primary.isReachable = true;
  primary.info = first.info;
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["second"]);
});

test("among several others the one with most replicas is followed, then the one with the highest offset", async () => {
  const { clock, primary, first, second, shard } = scene();
  primary.info = { ...primary.info, role: "replica" };
  first.info = { ...first.info, role: "primary", offset: 2000, replicas: 1 };
  second.info = { ...second.info, role: "primary", offset: 1000, replicas: 2 };
  shard.start();
  await clock.pass(100);
  assert.equal(shard.primary, second);
  second.info = { ...second.info, role: "replica" };
  primary.info = { ...primary.info, role: "primary", offset: 3000, replicas: 1 };
  await clock.pass(1000);
  assert.equal(shard.primary, primary);
});

test("after a failover own writes wait for the offsets of the new primary", async () => {
  const { clock, primary, first, second, shard } = scene();
  shard.start();
  await clock.pass(100);
  primary.at(1100);
  shard.wrote("key");
  await clock.pass(1000);
  assert.equal(shard.isOwnWrite("key"), true);
  primary.info = { ...primary.info, role: "replica", streamId: "two", offset: 10 };
  first.info = { ...first.info, role: "primary", streamId: "two", offset: 20 };
  second.info = { ...second.info, streamId: "two", offset: 20 };
  await clock.pass(2000);
  assert.equal(shard.primary, first);
  assert.equal(shard.isOwnWrite("key"), false);
  assert.deepEqual(readers(shard), ["second"]);
  primary.at(20);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["primary", "second"]);
});

test("nodes that come and go keep what is known of those that stay", async () => {
  const { clock, primary, first, second, shard } = scene();
  shard.start();
  await clock.pass(100);
  const third = new FakeNode(clock, "third", {});
  shard.replaceNodes([primary, second, third]);
  assert.deepEqual(readers(shard), ["second"]);
  await clock.pass(1000);
  assert.deepEqual(readers(shard), ["second", "third"]);
  shard.stop();
  assert.equal(clock.waiting, 0);
  assert.equal(shard.healthOf(first).verdict, "unchecked");
});

test("an offset that was asked for before a write's answer says nothing of that write", async () => {
  const { clock, primary, shard } = scene();
  shard.start();
  await clock.pass(100);
  primary.delayMs = 500;
  await clock.pass(1000);
  // The primary is asked, and answers from before the write.
  primary.at(1100);
  shard.wrote("key");
  await clock.pass(700);
  assert.equal(shard.isOwnWrite("key"), true);
  assert.deepEqual(readers(shard), ["first", "second"]);
});

test("whatever happens, no key is read where its own write is missing", async () => {
  const nodeIndex = fc.nat({ max: 2 });
  const event = fc.oneof(
    fc.record({ is: fc.constant("write" as const), bytes: fc.integer({ min: 1, max: MIB / 8 }) }),
    fc.record({
      is: fc.constant("replicate" as const),
      node: fc.nat({ max: 1 }),
      share: fc.constantFrom(0, 0.5, 1),
    }),
    fc.record({ is: fc.constant("reach" as const), node: nodeIndex, isReachable: fc.boolean() }),
    fc.record({ is: fc.constant("slow" as const), node: nodeIndex, delayMs: fc.constantFrom(0, 50, 900) }),
    fc.record({ is: fc.constant("fail over" as const) }),
    fc.record({ is: fc.constant("pass" as const), ms: fc.constantFrom(10, 500, 1000, 2000) }),
  );
  let readsFromReplicas = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 80 }), async (events) => {
      const { clock, primary, first, second, shard } = scene({ ownWritesMax: 4, maxLagMs: 60_000 });
      let [now, ...replicas] = [primary, first, second] as [FakeNode, FakeNode, FakeNode];
      /** Written keys with the offset that each needs. */
      const needs = new Map<string, number>();
      shard.start();
      for (const [index, happened] of events.entries()) {
        if (happened.is === "write") {
          const key = `key ${index % 5}`;
          now.at(now.info.offset + happened.bytes);
          needs.set(key, now.info.offset);
          shard.wrote(key);
        } else if (happened.is === "replicate") {
          const node = replicas[happened.node]!;
          const missing = now.info.offset - node.info.offset;
          node.at(node.info.offset + Math.ceil(missing * happened.share));
        } else if (happened.is === "reach") {
          [primary, first, second][happened.node]!.isReachable = happened.isReachable;
        } else if (happened.is === "slow") {
          [primary, first, second][happened.node]!.delayMs = happened.delayMs;
        } else if (happened.is === "fail over") {
          const [next, other] = replicas as [FakeNode, FakeNode];
          // A clean one: all that was written is there.
          next.info = { ...now.info, streamId: `after ${index}` };
          now.info = { ...now.info, role: "replica", streamId: `after ${index}` };
          other.info = { ...other.info, streamId: `after ${index}` };
          [now, replicas] = [next, [now, other]];
        } else {
          await clock.pass(happened.ms);
        }
        for (const [key, offset] of needs) {
          for (let turn = 0; turn < 2 && !shard.isOwnWrite(key); turn++) {
            const reader = shard.reader();
            if (reader === null) continue;
            readsFromReplicas++;
            assert.ok(reader.info.offset >= offset, `${key} at ${reader.name} after event ${index}`);
          }
        }
      }
      shard.stop();
    }),
    { numRuns: 300 },
  );
  assert.ok(readsFromReplicas > 1000, `only ${readsFromReplicas}`);
});
