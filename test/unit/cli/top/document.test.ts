import assert from "node:assert/strict";
import { test } from "node:test";
import { inertJson, topDocument } from "../../../../src/cli/top/document.ts";
import type { ApiBodies, ApiKey } from "../../../../src/cli/view/api-bodies.ts";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";

function key(name: string, rank: number, write: number): ApiKey {
  return {
    rank,
    key: name,
    keyEncoding: "utf8",
    cut: false,
    db: 0,
    slot: null,
    target: "h:1",
    pattern: name,
    ratePerSecond: { read: 100 - rank - write, write, miss: 0, total: 100 - rank },
    currentRatePerSecond: 1,
    count: { estimate: 1, lower: 1, upper: 1, likely: { lower: 1, upper: 1 } },
    shareOfTarget: null,
    vantages: {},
    commands: {},
    services: {},
    absorbedPerSecond: 0,
    bytesPerSecond: null,
    suspect: false,
    newMember: "of a later version",
  };
}

const BODIES: ApiBodies = {
  hotKeys: {
    cluster: "default",
    windowSeconds: 10,
    asOf: "2026-11-23T17:00:10.000Z",
    complete: true,
    keys: [key("a:1", 1, 0), key("b:1", 2, 5), key("a:2", 3, 9)],
  },
  incidents: { incidents: [] },
  coverage: { targets: [] },
  readiness: { reasons: [], degraded: ["kafka is away\n"] },
};

test("the document is the body of hotkeys as it came, with incidents, coverage and problems", () => {
  assert.deepEqual(topDocument(BODIES, ALL_KEYS), {
    ...BODIES.hotKeys,
    incidents: [],
    coverage: [],
    problems: ["kafka is away"],
  });
});

test("its keys are those that were asked for, in that order, with the ranks that they have among all", () => {
  const selection = { ...ALL_KEYS, filter: "a:", sort: "write", keysMax: 1 } as const;
  const document = topDocument(BODIES, selection) as { keys: ApiKey[] };
  assert.deepEqual(
    document.keys.map(({ key: name, rank }) => [name, rank]),
    [["a:2", 3]],
  );
});

test("JSON escapes what a terminal would act on, and reads back as it was", () => {
  const value = { key: "a\u009b2J\u202eb\u007f\u{e0041}\u2028日" };
  const json = inertJson(value);
  assert.equal(json, '{"key":"a\\u009b2J\\u202eb\\u007f\\udb40\\udc41\\u2028日"}');
  assert.deepEqual(JSON.parse(json), value);
});
