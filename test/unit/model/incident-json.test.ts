import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { incidentJson } from "../../../src/model/incident-json.ts";
import { incidentOf, START_MS } from "../incidents/samples.ts";

/** INCIDENT of the contract. */
const CONTRACT_KEYS =
  "id rule severity cluster target key keyEncoding db slot kind status reason late reopened startedAt resolvedAt ratePerSecond currentRatePerSecond peakRatePerSecond shareOfTarget count complete coverage facts services commands advice notified";

describe("an incident as JSON", () => {
  it("has every key of the contract, and measure, mix, pattern, window, cut and suspect beside them", () => {
    const keys = Object.keys(incidentJson(incidentOf()));
    assert.deepEqual(
      keys.sort(),
      [...CONTRACT_KEYS.split(" "), "measure", "mix", "suspect", "pattern", "windowSeconds", "cut"].sort(),
    );
  });

  it("says what is likely of a count only where it was sampled", () => {
    const count = { estimate: 800, lower: 100, upper: null, likely: { lower: 560, upper: 1100 } };
    assert.deepEqual(incidentJson(incidentOf({ count })).count, count);
    assert.deepEqual(incidentJson(incidentOf({ count: { ...count, likely: null } })).count, {
      estimate: 800,
      lower: 100,
      upper: null,
    });
  });

  it("rounds its mix as it rounds rates", () => {
    const mix = { read: 12.345, write: 0, miss: 1.06 };
    assert.deepEqual(incidentJson(incidentOf({ mix })).mix, { read: 12.3, write: 0, miss: 1.1 });
    assert.equal(incidentJson(incidentOf({ mix: null })).mix, null);
  });

  it("has null for what is not known, and times in ISO 8601", () => {
    const json = incidentJson(incidentOf({ target: null, shareOfTarget: null }));
    assert.equal(json.startedAt, "2026-11-23T17:00:00.000Z");
    const unknown = [
      json.target,
      json.shareOfTarget,
      json.slot,
      json.reason,
      json.resolvedAt,
      json.facts,
      json.coverage.read,
    ];
    assert.deepEqual(
      unknown,
      unknown.map(() => null),
    );
    assert.equal(
      incidentJson(incidentOf({ resolvedAtMs: START_MS + 1000 })).resolvedAt,
      "2026-11-23T17:00:01.000Z",
    );
  });

  it("shows keys that are no text in base64", () => {
    const json = incidentJson(
      incidentOf({ key: { cluster: "shop", db: 2, bytes: new Uint8Array([255, 0]) } }),
    );
    assert.deepEqual([json.key, json.keyEncoding, json.cut, json.db], ["/wA=", "base64", false, 2]);
  });

  it("tells who was notified, when and with what outcome", () => {
    const entry = {
      receiver: "hook",
      atMs: START_MS,
      outcome: "delivered",
      event: "firing",
      severity: "warning",
    } as const;
    assert.deepEqual(incidentJson(incidentOf({ notified: [entry] })).notified, [
      { receiver: "hook", at: "2026-11-23T17:00:00.000Z", outcome: "delivered" },
    ]);
  });
});
