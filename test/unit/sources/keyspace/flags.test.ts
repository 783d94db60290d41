import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventDialect } from "../../../../src/sources/keyspace/event-table.ts";
import { judgeFlags, withWanted } from "../../../../src/sources/keyspace/flags.ts";

const REDIS_7: EventDialect = { flavor: "redis", version: [7, 0] };
const REDIS_8_8: EventDialect = { flavor: "redis", version: [8, 8] };
const VALKEY_9: EventDialect = { flavor: "valkey", version: [9, 1] };

test("flags are a set of letters, and A stands for its classes", () => {
  for (const flags of ["AKEm", "KEAm", "mEA", "Etzhsl$gm"]) {
    assert.deepEqual(judgeFlags(flags, "E", "primary", REDIS_7), { kind: "ok", seesMisses: true }, flags);
  }
});

test("without class m a primary's writes are seen, its misses are not", () => {
  assert.deepEqual(judgeFlags("AE", "E", "primary", REDIS_7), { kind: "ok", seesMisses: false });
  assert.equal(judgeFlags("AE", "E", "replica", REDIS_7).kind, "missing");
});

test("what is missing is named, and nothing that is there is taken away", () => {
  assert.deepEqual(judgeFlags("", "E", "primary", REDIS_7), {
    kind: "missing",
    missing: "Eg$lshzt",
    wanted: "Eg$lshztm",
  });
  assert.deepEqual(judgeFlags("Kx$", "E", "primary", REDIS_7), {
    kind: "missing",
    missing: "Eglshzt",
    wanted: "Kx$Eglshztm",
  });
  assert.equal(withWanted("AKEm", "E", "primary", REDIS_7), "AKEm");
});

test("keys by pattern need K in place of E", () => {
  assert.equal(judgeFlags("AEm", "K", "primary", REDIS_7).kind, "missing");
  assert.equal(judgeFlags("AKm", "K", "primary", REDIS_7).kind, "ok");
});

test("a server's own classes are wanted there alone", () => {
  assert.equal(withWanted("", "E", "primary", REDIS_8_8), "Eg$lshztam");
  assert.equal(judgeFlags("AEm", "E", "primary", REDIS_8_8).kind, "ok");
  assert.equal(withWanted("", "E", "primary", VALKEY_9), "Eg$lshztxm");
  assert.equal(withWanted("", "E", "replica", REDIS_7), "Em");
});
