import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentKeys } from "../../../src/scans/recent-keys.ts";

const key = (n: number) => Buffer.from(`key:${n}`);

test("a key that comes again is not new, as long as it is among the latest", () => {
  const recent = new RecentKeys(100);
  for (let n = 0; n < 1000; n++) assert.ok(recent.isNew(key(n)));
  for (let n = 900; n < 1000; n++) assert.ok(!recent.isNew(key(n)), `key:${n} came before`);
});

test("memory ends at twice a generation: what lies further back is forgotten", () => {
  const recent = new RecentKeys(100);
  for (let n = 0; n < 1000; n++) recent.isNew(key(n));
  assert.ok(recent.isNew(key(0)));
});

test("keys are told apart by all of their bytes", () => {
  const recent = new RecentKeys();
  const long = Buffer.alloc(5000, "x");
  assert.ok(recent.isNew(Buffer.from([0xff])));
  assert.ok(recent.isNew(Buffer.from([0xfe])));
  assert.ok(recent.isNew(Buffer.alloc(0)));
  assert.ok(recent.isNew(Buffer.concat([long, Buffer.from("a")])));
  assert.ok(recent.isNew(Buffer.concat([long, Buffer.from("b")])));
  assert.ok(!recent.isNew(Buffer.from([0xff])));
});
