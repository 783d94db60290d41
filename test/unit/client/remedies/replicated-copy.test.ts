import assert from "node:assert/strict";
import { test } from "node:test";
import { type Copy, HEAD_BYTES_MAX, parseCopy } from "../../../../src/client/remedies/replicated/copy.ts";
import { LastSeen } from "../../../../src/client/remedies/replicated/last-seen.ts";
import fc from "../../../support/fast-check.ts";

const copy = (version: number, value: string | null): Copy => ({
  version,
  expiresAtMs: 0,
  copies: 4,
  value: value === null ? null : Buffer.from(value),
});

test("a copy is read from its head, and what follows is the value, whatever it is", () => {
  const bytes = Buffer.from([0x0a, 0xff, 0x00]);
  const stored = Buffer.concat([Buffer.from("keyheat/1 1764345000123456 1764345000999 4 value\n"), bytes]);
  const expected = { version: 1764345000123456, expiresAtMs: 1764345000999, copies: 4, value: bytes };
  assert.deepEqual(parseCopy(stored), expected);
  assert.deepEqual(parseCopy(Buffer.from("keyheat/1 7 0 1 value\n"))?.value, Buffer.alloc(0));
  assert.equal(parseCopy(Buffer.from("keyheat/1 7 0 1 deleted\n"))?.value, null);
});

test("the longest head fits", () => {
  const longest = `keyheat/1 ${Number.MAX_SAFE_INTEGER} ${Number.MAX_SAFE_INTEGER} 1024 deleted\n`;
  assert.ok(longest.length <= HEAD_BYTES_MAX);
  assert.equal(parseCopy(Buffer.from(longest))?.copies, 1024);
});

test("what is no copy is told, whatever its bytes", () => {
  for (const text of [
    "",
    "value",
    "keyheat/2 1 0 1 value\n",
    "keyheat/1 1 0 1 value",
    " keyheat/1 1 0 1 value\n",
  ])
    assert.equal(parseCopy(Buffer.from(text)), null);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => parseCopy(Buffer.from(bytes)) === null));
});

test("the newest version of a key is remembered by client, whichever instance saw it", () => {
  const redis = {};
  const [one, other] = [new LastSeen(redis, "k"), new LastSeen(redis, Buffer.from("k"))];
  assert.equal(one.version, 0);
  one.remember(copy(2, "new"));
  other.remember(copy(1, "old"));
  assert.equal(other.copy?.value?.toString(), "new");
  assert.equal(new LastSeen(redis, "other").copy, null);
  assert.equal(new LastSeen({}, "k").copy, null);
});

test("what is remembered is not changed by who holds the bytes", () => {
  const seen = new LastSeen({}, "k");
  const read = copy(1, "abc");
  seen.remember(read);
  read.value?.fill("x");
  assert.equal(seen.copy?.value?.toString(), "abc");
});

test("memory is bounded by keys and by bytes", () => {
  const redis = {};
  const first = new LastSeen(redis, "first");
  first.remember(copy(1, "a"));
  for (let i = 0; i < 10_000; i++) new LastSeen(redis, `k${i}`).remember(copy(1, ""));
  assert.equal(first.copy, null);
  first.remember({ ...copy(1, null), value: Buffer.alloc(40 << 20) });
  new LastSeen(redis, "second").remember({ ...copy(1, null), value: Buffer.alloc(40 << 20) });
  assert.equal(first.copy, null);
});
