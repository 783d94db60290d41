import assert from "node:assert/strict";
import { test } from "node:test";
import type { PaneEntries, PanePart } from "../../../../src/model/pane.ts";
import type { MaybeBudget } from "../../../../src/panes/columns.ts";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { PaneRecorder } from "../../../../src/panes/recorder.ts";
import { EventTable } from "../../../../src/sources/keyspace/event-table.ts";
import { Tap } from "../../../../src/sources/keyspace/tap.ts";
import fc from "../../../support/fast-check.ts";

function tapOf() {
  const table = new EventTable({ flavor: "redis", version: [7, 0] });
  const recorder = new PaneRecorder(
    {
      agent: "a",
      cluster: "c",
      target: "t",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: 64,
      bytesMax: 512 * 1024,
      publishMax: 64,
      buckets: 12,
      maybeClasses: table.maybes,
      commandNames: table.names.slice(1),
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  const tap = new Tap(table, recorder);
  const event = (name: string, text = "k") => {
    const key = Buffer.from(text);
    tap.event(0, table.codeOf(name), viewOf(key), 0, key.length);
  };
  /** Each event as if it were read by itself, into the same memory: that is overwritten before the next one. */
  const room = Buffer.alloc(64);
  const eventOfItsOwnRead = (name: string, text = "k") => {
    const length = room.write(text, 5);
    tap.event(0, table.codeOf(name), viewOf(room), 5, 5 + length);
    tap.endOfRead();
    room.fill(0x7e);
  };
  const closePart = (budget: MaybeBudget = { ownMax: 0, derivedMax: Number.POSITIVE_INFINITY }): PanePart => {
    const closing = tap.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
    const verdict = {
      sees: ["write"],
      complete: true,
      writesInDoubt: false,
      slots: null,
      totals: null,
      budgets: table.maybes.map(() => budget),
    } as const;
    return closing.publish(verdict)[0] ?? assert.fail();
  };
  const close = () => closePart().entries;
  const sure = (name: string) => tap.counts.sure[table.codeOf(name)] ?? 0;
  return { tap, table, event, eventOfItsOwnRead, close, closePart, sure };
}

const sum = (column: Float64Array) => column.reduce((total, count) => total + count, 0);

/** Nothing is known of what the server ran. */
const UNKNOWN: MaybeBudget = { ownMax: Number.POSITIVE_INFINITY, derivedMax: Number.POSITIVE_INFINITY };

/** Deviations of a binomial of one half, at which chance is ruled out. */
function isAboutHalf(count: number, of: number): boolean {
  return Math.abs(count - of / 2) < 6 * Math.sqrt(of / 4);
}

test("the commands of a key are those that surely ran: the expire of a SET EX is none", () => {
  const { event, close } = tapOf();
  for (let i = 0; i < 5; i++) {
    event("set");
    event("expire");
  }
  event("incrby", "other");
  event("expire");
  const { commandIds, commandCounts, commandNames } = close();
  const commands = Array.from(commandIds.slice(0, 4), (id, i) => [commandNames[id - 1], commandCounts[i]]);
  assert.deepEqual(commands.slice(0, 2), [
    ["set", 5],
    ["expire", 1],
  ]);
});

test("an event of the same command that comes in the next pane is still known as derived", () => {
  const { event, close } = tapOf();
  event("lpop");
  close();
  event("del");
  assert.equal(close().length, 0, "nothing of its own is left of the del");
});

test("every event is in the books, and unknown names are counted under their own", () => {
  const { tap, event } = tapOf();
  for (const name of ["set", "expired", "evicted", "json.set"]) event(name);
  const { received, kept, dropped } = tap.books();
  assert.deepEqual([received, kept, dropped], [4, 2, { "no-access": 2, foreign: 0, "not-sampled": 0 }]);
});

test("of 2 events 1 is counted while it samples, and every event stays in the books", () => {
  const { tap, event, closePart } = tapOf();
  tap.sample(1 / 2);
  for (let i = 0; i < 4000; i++) event("set", `k${i % 7}`);
  for (let i = 0; i < 100; i++) event("evicted");
  tap.foreign();
  const { received, kept, dropped } = tap.books();
  assert.ok(isAboutHalf(kept, 4000), `${kept} kept`);
  assert.deepEqual([received, dropped], [4101, { "no-access": 100, foreign: 1, "not-sampled": 4000 - kept }]);
  const part = closePart();
  assert.equal(part.probability, 1 / 2);
  assert.equal(sum(part.entries.writes), kept);
});

test("what the server's counters are held against, the sure events, are all of them", () => {
  const { tap, table, event, sure } = tapOf();
  tap.sample(1 / 4);
  for (let i = 0; i < 500; i++) {
    event("set");
    event("keymiss", "gone");
  }
  assert.deepEqual([sure("set"), sure("keymiss")], [500, 500]);
  assert.equal(tap.counts.seen[table.codeOf("set")], 500);
  assert.equal(tap.eventsByName().set, 500);
});

test("sampling that begins in mid-pane thins what was counted, and never ends before the pane does", () => {
  const { tap, event, closePart } = tapOf();
  for (let i = 0; i < 2000; i++) event("set");
  tap.sample(1 / 4);
  tap.sample(1 / 2);
  tap.sample(1);
  for (let i = 0; i < 2000; i++) event("set");
  const thinned = closePart();
  assert.equal(thinned.probability, 1 / 4);
  // A binomial of 4000 and 1/4 has a deviation of 27.4.
  assert.ok(Math.abs(sum(thinned.entries.writes) - 1000) < 6 * 27.4, String(thinned.entries.writes));
  for (let i = 0; i < 100; i++) event("set");
  const whole = closePart();
  assert.deepEqual([whole.probability, sum(whole.entries.writes)], [1, 100]);
});

test("a pane that opens sampled is sampled from its first event on", () => {
  const { tap, event, closePart } = tapOf();
  const intake = { probability: 1 / 2, watchedShare: 1 };
  const closing = tap.rotate({ startMs: 1000, epoch: 1, nowMs: 1000, intake }, 0.75);
  const verdict = { sees: [], complete: true, writesInDoubt: false, slots: null, totals: null, budgets: [] };
  assert.equal(closing.publish(verdict)[0]?.watchedShare, 0.75);
  for (let i = 0; i < 2000; i++) event("set");
  const part = closePart();
  assert.equal(part.probability, 1 / 2);
  assert.ok(isAboutHalf(sum(part.entries.writes), 2000), String(part.entries.writes));
});

test("the expire of a SET EX is in doubt also where its set was skipped, and was read before", () => {
  for (const how of ["event", "eventOfItsOwnRead"] as const) {
    const scene = tapOf();
    scene.tap.sample(1 / 2);
    for (let i = 0; i < 2000; i++) {
      scene[how]("set", `k${i % 9}`);
      scene[how]("expire", `k${i % 9}`);
    }
    assert.deepEqual([scene.sure("set"), scene.sure("expire")], [2000, 0], how);
    const kept = scene.tap.books().kept;
    const { entries } = scene.closePart(UNKNOWN);
    const [writes, maybes] = [sum(entries.writes), sum(entries.maybes)];
    assert.ok(isAboutHalf(writes, 2000) && isAboutHalf(maybes, 2000), `${writes} sure, ${maybes} in doubt`);
    assert.equal(writes + maybes, kept);
  }
});

test("memory that is overwritten after a read makes no other key of the one before", () => {
  const { eventOfItsOwnRead, sure } = tapOf();
  eventOfItsOwnRead("set", "a");
  eventOfItsOwnRead("expire", "b");
  assert.equal(sure("expire"), 1, "another key's expire is its own");
  eventOfItsOwnRead("set", "~~~");
  eventOfItsOwnRead("expire", "~~");
  eventOfItsOwnRead("set", "long".repeat(10));
  eventOfItsOwnRead("expire", "long".repeat(10));
  assert.equal(sure("expire"), 2);
});

test("PFADD puts a miss in doubt also where the miss right before it was skipped: one of those that were kept", () => {
  const { tap, event, sure, closePart } = tapOf();
  tap.sample(1 / 2);
  for (let i = 0; i < 1000; i++) event("keymiss");
  const missesKept = tap.books().kept;
  for (let i = 0; i < 50; i++) {
    event("keymiss");
    event("pfadd");
  }
  const { kept } = tap.books();
  assert.equal(sure("keymiss"), 1050);
  const { entries } = closePart(UNKNOWN);
  assert.equal(sum(entries.maybes), 50);
  assert.equal(sum(entries.writes) + sum(entries.misses) + sum(entries.maybes), kept);
  assert.ok(sum(entries.misses) <= missesKept, "no miss is sure beyond those before");
});

test("a miss in doubt of which none was kept leaves nothing behind", () => {
  for (let trial = 0; trial < 20; trial++) {
    const { tap, event, closePart } = tapOf();
    tap.sample(1 / 2);
    event("keymiss");
    event("pfadd");
    const { kept } = tap.books();
    const { entries } = closePart(UNKNOWN);
    assert.equal(sum(entries.misses), 0);
    assert.equal(sum(entries.writes) + sum(entries.maybes), kept);
  }
});

/** What a part says of each key, and of its commands. */
function rowsOf({
  length,
  keyBytes,
  keyOffsets,
  writes,
  misses,
  maybes,
  commandIds,
  commandCounts,
}: PaneEntries) {
  const rows = Array.from({ length }, (_, i) => ({
    key: Buffer.from(keyBytes.subarray(keyOffsets[i], keyOffsets[i + 1])).toString(),
    counts: [writes[i], misses[i], maybes[i]],
    commands: [commandIds.slice(4 * i, 4 * i + 4), commandCounts.slice(4 * i, 4 * i + 4)],
  }));
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1));
}

test("what expires or is evicted in between changes nothing of what the events around it mean", () => {
  const event = fc.record({
    name: fc.constantFrom("set", "expire", "lpush", "lpop", "del", "xadd", "xtrim", "keymiss", "pfadd"),
    key: fc.constantFrom("a", "b"),
    noise: fc.array(
      fc.record({
        name: fc.constantFrom("expired", "evicted", "new", "overwritten", "type_changed"),
        key: fc.constantFrom("a", "b"),
      }),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const plain = tapOf();
      const noisy = tapOf();
      for (const { name, key, noise } of events) {
        plain.event(name, key);
        for (const other of noise) noisy.eventOfItsOwnRead(other.name, other.key);
        noisy.eventOfItsOwnRead(name, key);
      }
      assert.deepEqual(noisy.tap.counts.sure, plain.tap.counts.sure);
      assert.deepEqual(rowsOf(noisy.closePart(UNKNOWN).entries), rowsOf(plain.closePart(UNKNOWN).entries));
    }),
    { numRuns: 200 },
  );
});
