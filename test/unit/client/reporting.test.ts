import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AccessCounter } from "../../../src/client/access-counter.ts";
import type { Place } from "../../../src/client/observer.ts";
import { Reporting } from "../../../src/client/reporting.ts";
import { seededRandom } from "../../support/random.ts";
import type { SentBatch } from "../../support/samples-sink.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const START_MS = Date.UTC(2026, 10, 23, 17, 0, 0, 300);
const PLACE: Place = { target: "127.0.0.1:6379", db: 0 };

/** `aheadMs`: by how much the agent's clock is. */
function rig({ aheadMs = 0, sampleRate = null }: { aheadMs?: number; sampleRate?: number | null } = {}) {
  const clock = new SimulatedClock(START_MS);
  const batches: SentBatch[] = [];
  const dropped: Record<string, number> = {};
  const drop = (reason: string, accesses: number) => {
    dropped[reason] = (dropped[reason] ?? 0) + accesses;
  };
  const counter: AccessCounter = new AccessCounter({
    sampleRate,
    place: { target: null, db: 0 },
    clock,
    onDropped: drop,
    onBegin: () => reporting.begin(),
    random: seededRandom(7),
  });
  const reporting: Reporting = new Reporting(counter, {
    service: "shop",
    instance: "host:1:abc",
    clock,
    connection: {
      post: async (body) => {
        batches.push(JSON.parse(body.toString()));
        return {
          status: 202,
          body: JSON.stringify({ accepted: 1, dropped: 0, nowMs: clock.now() + aheadMs }),
        };
      },
      hold: () => {},
      close: () => {},
    },
    onSent: () => {},
    onDropped: drop,
    onLeft: (accesses) => drop("left", accesses),
    onRefused: () => {},
  });
  const read = (key: string | Uint8Array, times = 1) => {
    for (let i = 0; i < times; i++) {
      counter.sampler.take()?.add(PLACE, key, { kind: "read", isMiss: false, command: "get", bytes: 20 });
    }
  };
  /** Reads a key evenly in steps of 10 ms. */
  const readAt = async (key: string, perSecond: number, ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      read(key, perSecond / 100);
      await clock.pass(10);
    }
  };
  const samplesOf = (key: string) => batches.flatMap(({ samples }) => samples.filter((s) => s.key === key));
  return { clock, counter, reporting, batches, dropped, read, readAt, samplesOf };
}

describe("batches", () => {
  test("leave on the whole seconds, and say what was counted between them", async () => {
    const { clock, read, batches } = rig();
    read("a", 3);
    await clock.pass(500);
    read("b", 2);
    await clock.pass(1000);
    assert.deepEqual(
      batches.map(({ seq, startMs, endMs, samples }) => [
        seq,
        startMs - START_MS,
        endMs - START_MS,
        samples.map(({ key, reads }) => `${key}:${reads}`),
      ]),
      [[0, 0, 700, ["a:3", "b:2"]]],
    );
    assert.equal(batches[0]?.service, "shop");
    assert.equal(batches[0]?.instance, "host:1:abc");
    assert.equal("goodbye" in (batches[0] ?? {}), false);
  });

  test("tell a key's place, counts, bytes and commands, and leave out what is usual", async () => {
    const { clock, counter, batches } = rig();
    const tally = counter.tallies.of(1);
    tally.add({ target: "[::1]:7000", db: 3 }, "k\n\u{1f600}", {
      kind: "read",
      isMiss: true,
      command: "get",
      bytes: 9,
    });
    tally.add(PLACE, Buffer.from([0xff, 0x00]), { kind: "write", isMiss: false, command: "set", bytes: 4 });
    tally.add(PLACE, "\ud800", { kind: "read", isMiss: false, command: "xinfo|stream", bytes: 0 });
    tally.add(PLACE, Buffer.from("é"), { kind: "read", isMiss: false, command: "get", bytes: 0 });
    counter.record("r", "absorbed", 6);
    await clock.pass(1000);
    const target = "127.0.0.1:6379";
    assert.deepEqual(batches[0]?.samples, [
      {
        key: "k\n\u{1f600}",
        db: 3,
        target: "[::1]:7000",
        reads: 1,
        misses: 1,
        bytes: 9,
        commands: { get: 1 },
      },
      { key: "\ufffd", target, reads: 1, commands: { "xinfo|stream": 1 } },
      { keyBase64: "/wA=", target, reads: 0, writes: 1, bytes: 4, commands: { set: 1 } },
      { key: "é", target, reads: 1, commands: { get: 1 } },
      { key: "r", reads: 0, absorbed: 6 },
    ]);
  });

  test("follow the agent's seconds once it has told them", async () => {
    const { clock, read, batches } = rig({ aheadMs: 450 });
    for (let i = 0; i < 40; i++) {
      read("a");
      await clock.pass(100);
    }
    const ends = batches.map(({ endMs }) => endMs);
    assert.ok(
      ends.slice(1).every((endMs) => endMs % 1000 === 0),
      `${ends}`,
    );
    assert.ok(batches.every(({ startMs, endMs }) => startMs <= endMs));
    // The agent's whole second came by 450 ms earlier.
    assert.equal(ends.at(-1), Math.floor((clock.now() + 450) / 1000) * 1000);
  });

  test("stay within time when the agent's clock is set back", async () => {
    const { clock, read, batches } = rig({ aheadMs: -3_600_000 });
    for (let i = 0; i < 50; i++) {
      read("a");
      await clock.pass(100);
    }
    assert.ok(batches.length >= 4, `${batches.length} batches`);
    for (const { startMs, endMs } of batches) assert.ok(startMs <= endMs && endMs - startMs <= 10_000);
    assert.equal(
      batches.flatMap(({ samples }) => samples).reduce((sum, s) => sum + (s.reads ?? 0), 0) >= 40,
      true,
    );
  });

  test("say with which probability each sample was counted", async () => {
    const { clock, read, counter, samplesOf } = rig({ sampleRate: 1 / 4 });
    read("a", 400);
    counter.record("a", "read", 5);
    await clock.pass(1000);
    const counted = new Map(samplesOf("a").map(({ probability, reads }) => [probability, reads]));
    assert.equal(counted.get(undefined), 5);
    const scaled = 4 * (counted.get(0.25) ?? 0);
    assert.ok(Math.abs(scaled - 400) < 150, `${scaled}`);
  });

  test("stay below 1 MiB: the keys that were counted least are left out, and counted", async () => {
    const { clock, counter, batches, dropped } = rig();
    const tail = "\u0001".repeat(1000);
    for (let i = 0; i < 1000; i++) counter.record(`${i}:${tail}`, "absorbed", i + 1);
    await clock.pass(1000);
    assert.equal(batches.length, 1);
    const samples = batches[0]?.samples ?? [];
    assert.ok(Buffer.byteLength(JSON.stringify(batches[0])) <= 2 ** 20);
    assert.ok(samples.length > 100 && samples.length < 1000, `${samples.length} samples`);
    const counted = samples.reduce((sum, { absorbed = 0 }) => sum + absorbed, 0);
    assert.equal(counted + (dropped.left ?? 0), (1000 * 1001) / 2);
    assert.ok(samples.every(({ absorbed = 0 }) => absorbed > 1000 - samples.length));
  });
});

describe("timers", () => {
  test("there is none before the first access, and none after a second without any", async () => {
    const { clock, read, batches } = rig();
    assert.equal(clock.waiting, 0);
    await clock.pass(5000);
    read("a");
    assert.equal(clock.waiting, 1);
    await clock.pass(3000);
    assert.equal(clock.waiting, 0);
    // The empty one says that nothing is to be told until the next.
    assert.deepEqual(
      batches.map(({ samples }) => samples.length),
      [1, 0],
    );
    await clock.pass(60_000);
    read("b");
    assert.equal(clock.waiting, 1);
    await clock.pass(1000);
    assert.equal(batches.length, 3);
    assert.ok((batches[2]?.endMs ?? 0) - (batches[2]?.startMs ?? 0) <= 1000);
  });
});

describe("keys that rise steeply", () => {
  test("leave within 200 ms, alone, and go on from 0", async () => {
    const { readAt, read, samplesOf, batches, clock } = rig();
    await readAt("calm", 100, 12_700);
    const before = batches.length;
    const begunMs = clock.now();
    for (let i = 0; i < 100; i++) {
      read("hot", 50);
      read("calm");
      await clock.pass(10);
    }
    const early = batches.slice(before).filter(({ endMs }) => endMs % 1000 !== 0);
    assert.ok(early.length >= 4, `${early.length} early batches`);
    assert.ok((early[0]?.endMs ?? 0) - begunMs <= 210);
    for (const { samples } of early)
      assert.deepEqual(
        samples.map(({ key }) => key),
        ["hot"],
      );
    const reads = samplesOf("hot").reduce((sum, s) => sum + (s.reads ?? 0) / (s.probability ?? 1), 0);
    assert.equal(reads, 5000);
    for (const { startMs, endMs } of early) assert.ok(endMs - startMs >= 190 && endMs - startMs <= 210);
  });

  test("a key that stays as hot as it was does not leave early", async () => {
    const { readAt, batches } = rig();
    await readAt("hot", 2000, 20_000);
    const before = batches.length;
    await readAt("hot", 2000, 5000);
    assert.equal(batches.length - before, 5);
  });

  test("nor one that is only sampled luckily", async () => {
    const { read, batches, clock } = rig({ sampleRate: 1 / 8 });
    for (let i = 0; i < 3000; i++) {
      for (let key = 0; key < 10; key++) read(`k${key}`);
      await clock.pass(10);
    }
    const early = batches.filter(({ endMs }) => endMs % 1000 !== 0);
    assert.ok(early.length <= 3, `${early.length} early batches`);
  });
});

test("topKeys tells the same rates with an agent, also after a rest", async () => {
  const { clock, counter, readAt } = rig();
  await readAt("a", 500, 12_000);
  await clock.pass(60_000);
  await readAt("b", 500, 8000);
  const rates = counter
    .topKeys(5)
    .map(({ key, ratePerSecond }) => [key, Math.round(ratePerSecond.total / 50) * 50]);
  assert.deepEqual(rates, [["b", 400]]);
});

describe("the end", () => {
  test("sends what is left and says goodbye", async () => {
    const { clock, counter, reporting, read, batches } = rig();
    read("a");
    await clock.pass(1000);
    read("b", 2);
    await reporting.close(counter.end(), 1000);
    assert.deepEqual(
      batches.map(({ goodbye, samples }) => [goodbye, samples.map(({ key, reads }) => `${key}:${reads}`)]),
      [
        [undefined, ["a:1"]],
        [true, ["b:2"]],
      ],
    );
    assert.equal(clock.waiting, 0);
    read("c");
    counter.record("c", "read", 1);
    await clock.pass(5000);
    assert.equal(batches.length, 2);
  });

  test("says goodbye without samples where the last have been sent", async () => {
    const { clock, counter, reporting, read, batches } = rig();
    read("a");
    await clock.pass(3000);
    await reporting.close(counter.end(), 1000);
    assert.deepEqual(
      batches.map(({ goodbye, samples }) => [goodbye, samples.length]),
      [
        [undefined, 1],
        [undefined, 0],
        [true, 0],
      ],
    );
  });

  test("tells nothing to an agent that never heard of this process", async () => {
    const { counter, reporting, batches } = rig();
    await reporting.close(counter.end(), 1000);
    assert.deepEqual(batches, []);
  });
});
