import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decoded } from "../../../src/wire/decoded.ts";
import { decodeHeat, encodeHeat } from "../../../src/wire/heat-codec.ts";
import { decodeHotSet, encodeHotSet } from "../../../src/wire/hot-set-codec.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/message-codec.ts";
import { decodeState, encodeState } from "../../../src/wire/state-codec.ts";
import fc, { type Arbitrary } from "../../support/fast-check.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { message } from "./arbitraries.ts";
import { heatSnapshot, hotSet, stateRecord } from "./records.ts";

function comesBack<T>(
  values: Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): void {
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(decode(encode(value)), { value });
    }),
    { numRuns: 300 },
  );
}

test("every message of an agent comes back as it was", () => {
  comesBack(message, encodeMessage, decodeMessage);
});

test("every heat snapshot comes back as it was", () => {
  comesBack(heatSnapshot, encodeHeat, decodeHeat);
});

test("every record of the state comes back as it was", () => {
  comesBack(stateRecord, encodeState, decodeState);
});

test("every hot set comes back as it was", () => {
  comesBack(hotSet, encodeHotSet, decodeHotSet);
});

test("what was decoded keeps nothing of the record's memory, also where that is a Buffer", () => {
  const record = Buffer.from(encodeMessage(makePart({ rows: [{ key: "user:1", write: 3 }] })));
  const decoded = decodeMessage(record);
  record.fill(0);
  assert.ok("value" in decoded && decoded.value.type === "part");
  assert.equal(Buffer.from(decoded.value.entries.keyBytes).toString(), "user:1");
  assert.notEqual(decoded.value.entries.keyBytes.buffer, record.buffer);
});

test("entries whose keys begin further on in their bytes come back with the same keys", () => {
  const whole = makePart({ rows: ["a", "bb", "ccc"].map((key, i) => ({ key, write: i })) });
  const { entries } = makePart({ rows: ["bb", "ccc"].map((key, i) => ({ key, write: i })) });
  const view = {
    ...entries,
    keyBytes: whole.entries.keyBytes,
    keyOffsets: whole.entries.keyOffsets.slice(1),
  };
  assert.deepEqual(decodeMessage(encodeMessage(makePart({ rows: [] }))), { value: makePart({ rows: [] }) });
  assert.deepEqual(decodeMessage(encodeMessage({ ...whole, entries: view })), {
    value: { ...whole, entries },
  });
});

test("a command called `__proto__` is a name like others, and no prototype changes", () => {
  const commands: Record<string, number> = Object.fromEntries([["__proto__", 7]]);
  const [heat] = fc
    .sample(heatSnapshot, { numRuns: 200, seed: 1 })
    .flatMap(({ clusters }) => clusters)
    .flatMap(({ windows }) => windows)
    .flatMap(({ heats }) => heats);
  const windows = [{ windowMs: 1, asOfMs: 1, complete: true, heats: [{ ...heat!, commands }] }];
  const snapshot = {
    partition: 0,
    instance: "a",
    atMs: 1,
    clusters: [{ cluster: "default", windows, coverage: null, baselines: [], demands: [] }],
  };
  const decoded = decodeHeat(encodeHeat(snapshot));
  assert.ok("value" in decoded);
  const read = decoded.value.clusters[0]!.windows[0]!.heats[0]!.commands;
  assert.deepEqual(Object.entries(read), [["__proto__", 7]]);
  assert.equal(Object.getPrototypeOf(read), Object.prototype);
});

test("a reason that is too long for its readers is cut, and the report arrives", () => {
  const [source] = makeReport().sources;
  const sources = [{ ...source!, reason: "é".repeat(100_000) }];
  const decoded = decodeMessage(encodeMessage(makeReport({ sources })));
  assert.ok("value" in decoded && decoded.value.type === "report");
  assert.match(decoded.value.sources[0]!.reason!, /^é{1000,2000}$/);
});

test("a part of 1,000 entries takes well under a millisecond to encode and to decode", (t) => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    key: `user:profile:${i * 7919}`,
    write: 1 + ((i * 37) % 5000),
    miss: i % 2,
    currentPerSecond: (i * 1000) / 813,
    commands: { set: i + 1, expire: 2 },
  }));
  const part = makePart({ rows });
  const encodeMs: number[] = [];
  const decodeMs: number[] = [];
  let bytes = encodeMessage(part);
  for (let round = 0; round < 400; round++) {
    const startMs = performance.now();
    bytes = encodeMessage(part);
    const encodedMs = performance.now();
    decodeMessage(bytes);
    encodeMs.push(encodedMs - startMs);
    decodeMs.push(performance.now() - encodedMs);
  }
  const medianUs = (times: number[]) => Math.round(times.sort((a, b) => a - b)[times.length >> 1]! * 1000);
  const [encodeUs, decodeUs] = [medianUs(encodeMs), medianUs(decodeMs)];
  t.diagnostic(`${bytes.length} bytes, encoded in ${encodeUs} us, decoded in ${decodeUs} us`);
  // Ten times what it takes: the machine may have other things to do.
  assert.ok(encodeUs < 2000 && decodeUs < 2000, `${encodeUs} us, ${decodeUs} us`);
});
