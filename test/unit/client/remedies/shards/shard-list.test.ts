import assert from "node:assert/strict";
import { test } from "node:test";
import {
  closed,
  nextList,
  parseShardList,
  shardList,
  withoutOlder,
} from "../../../../../src/client/remedies/shards/shard-list.ts";
import fc from "../../../../support/fast-check.ts";

const listOf = (text: string | null) => (text === null ? null : parseShardList(text));
const next = (recorded: string | null, heard: string | null, wanted: number, lost: string | null = null) =>
  nextList(listOf(recorded), listOf(heard), wanted, listOf(lost))?.text ?? null;

test("a list is its text and back", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e12 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 1024 }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (epoch, counts, isClosing) => {
        const list = shardList(epoch, counts, isClosing);
        assert.deepEqual(parseShardList(list.text), list);
      },
    ),
  );
  assert.equal(shardList(2, [16, 4], true).text, "2:4,16*");
  assert.equal(closed(shardList(2, [16, 4], true)).text, "2:4,16");
});

test("what is no list is told of, not guessed at", () => {
  for (const text of ["", "16", "1:", "1:0", "0:4", "1:4,", "1:4**", "1:2000", "x", "1:4\n", "-1:4"]) {
    assert.throws(() => parseShardList(text), /^Error: the record of shard counts says/, text);
  }
});

test("the first one records what it wants", () => {
  assert.equal(next(null, null, 16), "1:16*");
});

test("more shards are added to those recorded, fewer change nothing", () => {
  assert.equal(next("1:4", null, 16), "2:4,16*");
  assert.equal(next("2:4,16", null, 4), null);
  assert.equal(next("2:4,16", null, 16), null);
  assert.equal(next("2:16", null, 64), "3:16,64*");
});

test("news that is older than the record changes nothing", () => {
  assert.equal(next("3:4,16,64", "2:4,16", 4), null);
  assert.equal(next("3:4,16", "3:4,16", 4), null);
  // Forgotten on purpose.
  assert.equal(next("3:16", "2:4,16", 4), null);
});

test("where the record was lost, no count that anybody tells of is", () => {
  assert.equal(next(null, "3:4,16", 8), "4:4,16*");
  assert.equal(next("1:8", "3:4,16", 8), "4:4,8,16*");
  assert.equal(next("1:8", "1:16", 8), "2:8,16*");
  assert.equal(next("1:8", "2:16", 64), "3:8,16,64*");
});

test("where a shard has lost its part of a list, that is followed by another one, once", () => {
  assert.equal(next("3:16", "3:16", 4, "3:16"), "4:16*");
  assert.equal(next("3:16", "2:4,16", 4, "3:16"), "4:16*");
  assert.equal(next("4:16", "2:4,16", 4, "3:16"), null);
  assert.equal(next(null, null, 4, "3:16"), "4:16*");
  assert.equal(next("1:4", null, 4, "3:16"), "4:4,16*");
});

test("older counts are forgotten by a list of a later epoch", () => {
  assert.equal(withoutOlder(shardList(2, [4, 16])).text, "3:16*");
});
