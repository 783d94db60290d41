import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyFacts } from "../../../src/model/target.ts";
import { MessageBuckets } from "../../../src/transport/message-buckets.ts";
import { makeClientsReport, makePart, makeReport } from "../../support/parts.ts";

const FACTS: KeyFacts = {
  type: "facts",
  cluster: "default",
  db: 0,
  // Slot 10,778 of 16,384.
  bytes: Buffer.from("user:1"),
  atMs: 0,
  facts: { type: "string", bytes: 1, ttlSeconds: null, encoding: "raw" },
};
const SERVICES = { type: "services", agent: "a", cluster: "default", atMs: 0, services: [] } as const;

test("outside Cluster mode everything concerns bucket 0", () => {
  const buckets = new MessageBuckets(12);
  const topology = {
    type: "topology",
    agent: "a",
    cluster: "default",
    atMs: 0,
    targets: [],
    slotsCovered: null,
  } as const;
  const messages = [makePart(), makeReport(), FACTS, SERVICES, topology, makeClientsReport({ number: 1 })];
  assert.deepEqual(
    messages.map((message) => buckets.of(message)),
    [[0], [0], [0], [0], [0], [0]],
  );
});

test("in Cluster mode a target concerns the buckets of its slots, and the cluster's owner", () => {
  const buckets = new MessageBuckets(12);
  assert.deepEqual(buckets.of(makePart({ bucket: 7, buckets: 12, slots: [[8192, 12_287]] })), [7]);
  assert.deepEqual(buckets.of(makeReport({ slots: [[8192, 12_287]] })), [0, 6, 7, 8]);
  assert.deepEqual(
    buckets.of(makeReport({ slots: null, reachable: false })),
    [0, 6, 7, 8],
    "it does not answer",
  );
  assert.deepEqual(buckets.of(makeClientsReport({ number: 1 })), [0, 6, 7, 8]);
  assert.deepEqual(buckets.of(makeReport({ slots: [], target: "10.0.0.9:6379" })), [0]);
});

test("facts concern the bucket of their key, services all buckets, once the cluster is known to be divided", () => {
  const buckets = new MessageBuckets(4);
  buckets.of(makeReport({ slots: [[0, 16_383]] }));
  assert.deepEqual(buckets.of(FACTS), [2]);
  assert.deepEqual(buckets.of(SERVICES), [0, 1, 2, 3]);
  assert.deepEqual(buckets.of({ ...FACTS, cluster: "other" }), [0]);
});
