import assert from "node:assert/strict";
import { test } from "node:test";
import { coverageWords } from "../../../../src/http/console/coverage-words.js";
import { makeTarget } from "./scenes.ts";

const unseen = { ran: 100, observed: 0, ratio: 0, vantage: null };
const all = { ran: 100, observed: 100, ratio: 1, vantage: "server-events" };
const source = {
  source: "keyspace",
  state: "up",
  since: "2026-11-23T17:00:00.000Z",
  gaps: 0,
  probability: 1,
  reason: null,
} as const;

test("what is seen of a server is said in a sentence", () => {
  const words = (fields: Parameters<typeof makeTarget>[0]) => coverageWords(makeTarget(fields));
  assert.equal(words({ kinds: { read: unseen, write: all } }), "Writes are seen. Reads are not seen.");
  const half = { ran: 1000, observed: 500, ratio: 0.5, vantage: "clients" };
  assert.equal(words({ kinds: { read: half, write: all } }), "Writes are seen. Reads: 50% are seen.");
  const none = { ran: 0, observed: 0, ratio: null, vantage: "server-events" };
  const untold = { ran: null, observed: 3, ratio: null, vantage: "clients" };
  assert.equal(
    words({ kinds: { read: untold, write: none } }),
    "Writes: none ran. Reads: how many ran is not known.",
  );
  assert.equal(words({ role: "replica", kinds: { read: unseen, write: unseen } }), "Reads are not seen.");
  assert.match(words({ sources: [{ ...source, probability: 0.25 }] }), /Sampled/);
  assert.match(words({ state: "stale" }), /^No report for some seconds/);
});

test("a blind server says that nothing is known of it, and why", () => {
  const down = {
    ...source,
    state: "down",
    reason: "run CONFIG SET notify-keyspace-events Eg$lshztm",
  } as const;
  assert.equal(
    coverageWords(makeTarget({ state: "blind", sources: [down] })),
    "Not seen: whether anything is hot there is not known. Run CONFIG SET notify-keyspace-events Eg$lshztm.",
  );
});
