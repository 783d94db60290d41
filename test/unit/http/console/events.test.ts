import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "../../../../src/http/console/events.js";
import { eventOf } from "../../../../src/http/stream.ts";
import fc from "../../../support/fast-check.ts";

test("events are read whole, wherever the stream is cut", () => {
  const bodies = [{ key: "a\n\ndata: b" }, { key: "" }, { key: "event: x" }];
  const text = `retry: 5000\n\n: still here\n\n${bodies.map((body) => eventOf("incident", body)).join("")}`;
  const expected = bodies.map((body) => ({ name: "incident", data: JSON.stringify(body) }));
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (places) => {
      const cuts = [0, ...places.sort((a, b) => a - b), text.length];
      const reader = new EventReader();
      const events = cuts.slice(1).flatMap((end, index) => reader.read(text.slice(cuts[index], end)));
      assert.deepEqual(events, expected);
    }),
  );
});

test("lines may end as on other systems, and data may have several", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.read("event: a\r\ndata:1\r\ndata: 2\r\n\r\n"), [{ name: "a", data: "1\n2" }]);
});

test("an event without an end is refused before it fills the memory", () => {
  const reader = new EventReader();
  const piece = "x".repeat(1024 * 1024);
  assert.throws(() => {
    for (let i = 0; i < 20; i++) reader.read(piece);
  }, RangeError);
});
