import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Place } from "../../../src/client/observer.ts";
import { KEY_LENGTH_MAX, KeyTally } from "../../../src/client/tally.ts";
import fc from "../../support/fast-check.ts";

const PLACE: Place = { target: "127.0.0.1:6379", db: 0 };
const READ = { kind: "read", isMiss: false, command: "get", bytes: 10 } as const;

function rig(probability = 1) {
  const dropped = { "too-many-keys": 0, "key-too-long": 0 };
  let begun = 0;
  const tally = new KeyTally(probability, {
    onFirstRow: () => begun++,
    onDropped: (reason, accesses) => {
      dropped[reason] += accesses;
    },
  });
  return { tally, dropped, begun: () => begun };
}

function rowsOf(tally: KeyTally) {
  return Array.from(
    tally.rows(),
    ({ place, key, isBinary, reads, writes, misses, absorbed, bytes, ...row }) => ({
      target: place.target,
      db: place.db,
      key,
      isBinary,
      counts: [reads, writes, misses, absorbed, bytes],
      ...row,
    }),
  );
}

describe("what a tally adds up", () => {
  test("reads, writes, misses, bytes and commands of a key at a place", () => {
    const { tally } = rig();
    tally.add(PLACE, "k", READ);
    tally.add(PLACE, "k", { kind: "read", isMiss: true, command: "mget", bytes: 5 });
    tally.add({ ...PLACE }, "k", { kind: "write", isMiss: false, command: "set", bytes: 7, weight: 3 });
    const [row, ...others] = [...tally.rows()];
    assert.deepEqual(others, []);
    assert.deepEqual(
      [row?.reads, row?.writes, row?.misses, row?.bytes, row?.weight, row?.load],
      [2, 3, 1, 22, 5, 5],
    );
    assert.deepEqual(Object.fromEntries(row?.commands() ?? []), { get: 1, mget: 1, set: 3 });
    assert.equal(tally.counted, 5);
  });

  test("places apart by target and database, though their objects change", () => {
    const { tally } = rig();
    for (let i = 0; i < 5000; i++) tally.add({ target: "a:1", db: i % 2 }, "k", READ);
    tally.add({ target: null, db: 0 }, "k", READ);
    assert.deepEqual(
      rowsOf(tally).map(({ target, db, counts }) => [target, db, counts[0]]),
      [
        ["a:1", 0, 2500],
        ["a:1", 1, 2500],
        [null, 0, 1],
      ],
    );
  });

  test("a text and other bytes of the same characters are two keys", () => {
    const { tally } = rig();
    tally.add(PLACE, "\u00ff", READ);
    tally.add(PLACE, Buffer.from([0xff]), READ);
    tally.add(PLACE, new Uint8Array([0xff]), READ);
    assert.deepEqual(
      rowsOf(tally).map(({ key, isBinary, counts }) => [key, isBinary, counts[0]]),
      [
        ["\u00ff", false, 1],
        ["\u00ff", true, 2],
      ],
    );
  });

  test("absorbed accesses apart from reads; a recorded miss is a read too", () => {
    const { tally } = rig();
    tally.record(PLACE, "k", "absorbed", 4);
    tally.record(PLACE, "k", "miss", 2);
    tally.record(PLACE, "k", "write", 1);
    assert.deepEqual(rowsOf(tally)[0]?.counts, [2, 1, 2, 4, 0]);
  });

  test("at most eight commands of a key are told apart", () => {
    const { tally } = rig();
    for (let i = 0; i < 20; i++) tally.add(PLACE, "k", { ...READ, command: `c${i % 10}` });
    const [row] = tally.rows();
    assert.equal([...(row?.commands() ?? [])].length, 8);
    assert.equal(row?.reads, 20);
  });

  test("draining leaves nothing, and the next access begins anew", () => {
    const { tally, begun } = rig();
    tally.add(PLACE, "k", READ);
    tally.add(PLACE, "l", READ);
    assert.equal(begun(), 1);
    assert.equal(tally.drain().length, 2);
    assert.equal(tally.size, 0);
    assert.deepEqual(tally.drain(), []);
    tally.add(PLACE, "k", READ);
    assert.equal(begun(), 2);
    assert.equal(rowsOf(tally)[0]?.counts[0], 1);
    assert.equal(tally.counted, 3);
  });

  test("a row that was taken out goes on from 0", () => {
    const { tally } = rig();
    tally.add(PLACE, "k", READ);
    tally.add(PLACE, Buffer.from("k"), READ);
    for (const row of [...tally.rows()]) tally.remove(row);
    for (const row of [...tally.rows()]) assert.fail(`${row.key} is still there`);
    tally.add(PLACE, "k", READ);
    assert.deepEqual(rowsOf(tally)[0]?.counts[0], 1);
    assert.equal(tally.size, 1);
  });
});

describe("how much a tally holds", () => {
  test("at most 2,048 rows of a million keys; the largest stay, all others are counted as dropped", () => {
    const { tally, dropped } = rig();
    let largest = 0;
    for (let i = 0; i < 1_000_000; i++) {
      tally.add(PLACE, `key:${i}`, READ);
      if (i % 100 === 0) tally.add(PLACE, "hot", READ);
      largest = Math.max(largest, tally.size);
    }
    assert.ok(largest <= 2048, `${largest} rows`);
    const rows = [...tally.rows()];
    assert.equal(rows.find(({ key }) => key === "hot")?.reads, 10_000);
    const kept = rows.reduce((sum, { weight }) => sum + weight, 0);
    assert.equal(kept + dropped["too-many-keys"], 1_010_000);
    assert.equal(tally.counted, 1_010_000);
  });

  test("at most 1 MiB of keys", () => {
    const { tally, dropped } = rig();
    const tail = "x".repeat(KEY_LENGTH_MAX - 10);
    let largest = 0;
    for (let i = 0; i < 100; i++) {
      tally.add(PLACE, `${i}:${tail}`, READ);
      const held = [...tally.rows()].reduce((sum, { key }) => sum + key.length, 0);
      largest = Math.max(largest, held);
    }
    assert.ok(largest <= 2 ** 20, `${largest} characters`);
    assert.equal(tally.size + dropped["too-many-keys"], 100);
  });

  test("no key of more than 64 KiB", () => {
    const { tally, dropped } = rig();
    tally.add(PLACE, "x".repeat(KEY_LENGTH_MAX + 1), { ...READ, weight: 2 });
    tally.add(PLACE, Buffer.alloc(KEY_LENGTH_MAX + 1), READ);
    tally.record(PLACE, "x".repeat(KEY_LENGTH_MAX + 1), "read", 5);
    assert.equal(tally.size, 0);
    assert.equal(dropped["key-too-long"], 8);
    assert.equal(tally.counted, 8);
  });

  test("what stays is a lower bound, and all is accounted for, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 5 })), {
          maxLength: 6000,
          minLength: 3000,
        }),
        (accesses) => {
          const { tally, dropped } = rig();
          const truth = new Map<string, number>();
          for (const [number, weight] of accesses) {
            const key = `k${number}`;
            truth.set(key, (truth.get(key) ?? 0) + weight);
            tally.add(PLACE, key, { ...READ, weight });
          }
          let kept = 0;
          for (const { key, weight } of tally.rows()) {
            kept += weight;
            assert.ok(weight <= (truth.get(key) ?? 0));
          }
          assert.equal(kept + dropped["too-many-keys"], tally.counted);
          assert.ok(tally.size <= 2048);
        },
      ),
      { numRuns: 20 },
    );
  });
});
