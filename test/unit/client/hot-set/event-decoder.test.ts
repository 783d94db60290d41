import assert from "node:assert/strict";
import { test } from "node:test";
import { EventDecoder } from "../../../../src/client/hot-set/event-decoder.ts";
import fc from "../../../support/fast-check.ts";

const STREAM = Buffer.from(
  '\ufeffretry: 5000\n\nevent: snapshot\ndata: {"é":\ndata:1}\n\n: still here\r\n\r\nevent: nothing\n\nid: 7\rdata: a: b\r\revent: update\r\ndata:  two spaces\r\n\r\ndata: mixed\r\n\ndata: x\r\revent: cut',
);
const EVENTS = [
  { name: "snapshot", data: '{"é":\n1}' },
  { name: "", data: "a: b" },
  { name: "update", data: " two spaces" },
  { name: "", data: "mixed" },
  { name: "", data: "x" },
];

test("events come out whole, however their stream is cut into pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: STREAM.length })), (cuts) => {
      const decoder = new EventDecoder(1000);
      const places = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const events = places.slice(1).flatMap((end, i) => decoder.push(STREAM.subarray(places[i], end)));
      assert.deepEqual(events, EVENTS);
    }),
  );
});

test("events come out whole byte by byte", () => {
  const decoder = new EventDecoder(1000);
  const events = Array.from(STREAM, (byte) => decoder.push(Uint8Array.of(byte))).flat();
  assert.deepEqual(events, EVENTS);
});

test("an event that never ends is refused, in one line or in many", () => {
  for (const endless of ["data: 0123456789", "data: 0123456789\n"]) {
    const decoder = new EventDecoder(1000);
    assert.throws(() => {
      for (let i = 0; i < 200; i++) decoder.push(Buffer.from(endless));
    }, RangeError);
  }
});
