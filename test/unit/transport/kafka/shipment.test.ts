import assert from "node:assert/strict";
import { test } from "node:test";
import { type OutgoingRecord, recordBytes, Shipment } from "../../../../src/transport/kafka/shipment.ts";

function record(key: string, partition = 0, bytes = 100): OutgoingRecord {
  return { topic: "t", partition, key, value: new Uint8Array(bytes) };
}

const BYTES = recordBytes(record("a"));

function keysOf(shipment: Shipment): string | null {
  return shipment.next?.map(({ key }) => key).join("") ?? null;
}

/** Lets all requests arrive, and returns their keys. */
function drain(shipment: Shipment): string[] {
  const requests: string[] = [];
  for (let keys = keysOf(shipment); keys !== null; keys = keysOf(shipment)) {
    requests.push(keys);
    shipment.arrived();
  }
  return requests;
}

test("a request holds no more of a partition than the limit, and other partitions beside it", () => {
  const records = [record("a"), record("b", 1), record("c"), record("d", 1), record("e")];
  assert.deepEqual(drain(new Shipment(records, 2 * BYTES)), ["abcd", "e"]);
  assert.deepEqual(drain(new Shipment(records, 10 * BYTES)), ["abcde"]);
  assert.deepEqual(drain(new Shipment([], BYTES)), []);
});

test("a record that is larger than the limit goes by itself", () => {
  assert.deepEqual(drain(new Shipment([record("a"), record("b", 0, 5000), record("c")], BYTES)), [
    "a",
    "b",
    "c",
  ]);
});

test("what is refused as too large goes in halves, in order, down to single records", () => {
  const shipment = new Shipment(
    [..."abcde"].map((key) => record(key)),
    1e6,
  );
  const sent: string[] = [];
  for (let keys = keysOf(shipment); keys !== null; keys = keysOf(shipment)) {
    if (keys.length > 2 || keys.includes("d")) shipment.tooLarge();
    else {
      sent.push(keys);
      shipment.arrived();
    }
  }
  assert.deepEqual(sent, ["ab", "c", "e"]);
  assert.deepEqual(
    shipment.refused.map(({ key }) => key),
    ["d"],
  );
});

test("a tombstone is a record too", () => {
  assert.ok(recordBytes({ topic: "t", partition: 0, key: "ü", value: null }) > 2);
});
