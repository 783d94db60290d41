import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { incidentId, pass, step } from "../../../src/incidents/lifecycle.ts";
import type { Incident, Notified } from "../../../src/model/incident.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { EXTRAS, heatOf, observation, RULE, START_MS } from "./samples.ts";

function lived(
  verdicts: readonly (readonly [atSeconds: number, verdict: Verdict])[],
  rule = RULE,
  notified: Notified[] = [],
) {
  let incident: Incident | null = null;
  for (const [atSeconds, verdict] of verdicts) {
    incident = step(incident, rule, observation(verdict), START_MS + atSeconds * 1000);
    if (incident !== null && notified.length > 0) incident = { ...incident, notified };
  }
  return incident;
}

const paged: Notified = {
  receiver: "hook",
  atMs: START_MS,
  outcome: "delivered",
  event: "firing",
  severity: "warning",
};

describe("the life of an incident", () => {
  it("fires at once where the rule has no `for`", () => {
    const incident = lived([[0, "hot"]]);
    assert.equal(incident?.status, "firing");
    assert.equal(incident?.startedAtMs, START_MS);
    assert.equal(incident?.firedAtMs, START_MS);
  });

  it("is pending until the rule has held for `for`", () => {
    const rule = { ...RULE, for: 5000 };
    assert.equal(
      lived(
        [
          [0, "hot"],
          [4, "hot"],
        ],
        rule,
      )?.status,
      "pending",
    );
    const fired = lived(
      [
        [0, "hot"],
        [4, "hot"],
        [5, "hot"],
      ],
      rule,
    );
    assert.equal(fired?.status, "firing");
    assert.equal(fired?.startedAtMs, START_MS);
    assert.equal(fired?.firedAtMs, START_MS + 5000);
  });

  it("begins only when the rule holds, and vanishes silently when a pending one turns calm", () => {
    for (const verdict of ["calm", "between", "unknown"] as const) assert.equal(lived([[0, verdict]]), null);
    const rule = { ...RULE, for: 5000 };
    assert.equal(
      lived(
        [
          [0, "hot"],
          [2, "calm"],
        ],
        rule,
      ),
      null,
    );
    assert.equal(
      lived(
        [
          [0, "hot"],
          [2, "between"],
          [3, "unknown"],
        ],
        rule,
      )?.status,
      "pending",
    );
  });

  it("resolves after being calm for keepFiringFor when nobody was told", () => {
    assert.equal(
      lived([
        [0, "hot"],
        [10, "calm"],
        [39, "calm"],
      ])?.status,
      "recovering",
    );
    const resolved = lived([
      [0, "hot"],
      [10, "calm"],
      [40, "calm"],
    ]);
    assert.equal(resolved?.status, "resolved");
    assert.equal(resolved?.reason, "cooled");
    assert.equal(resolved?.resolvedAtMs, START_MS + 40_000);
  });

  it("does not resolve before the cooldown of the latest page has passed", () => {
    const later = { ...paged, receiver: "ops", atMs: START_MS + 20_000 };
    const calmAt = (seconds: number) =>
      lived(
        [
          [0, "hot"],
          [10, "calm"],
          [seconds, "calm"],
        ],
        RULE,
        [later, paged],
      );
    assert.equal(calmAt(319)?.status, "recovering");
    assert.equal(calmAt(320)?.status, "resolved");
  });

  it("waits for no cooldown of a page that was refused", () => {
    const refused = { ...paged, outcome: "failed" as const };
    assert.equal(
      lived(
        [
          [0, "hot"],
          [10, "calm"],
          [40, "calm"],
        ],
        RULE,
        [refused],
      )?.status,
      "resolved",
    );
  });

  it("is reopened silently by a refire, which begins the calm anew", () => {
    const reopened = lived([
      [0, "hot"],
      [10, "calm"],
      [20, "hot"],
    ]);
    assert.equal(reopened?.status, "firing");
    assert.equal(reopened?.reopened, 1);
    assert.equal(reopened?.firedAtMs, START_MS);
    assert.equal(
      lived([
        [0, "hot"],
        [10, "calm"],
        [20, "hot"],
        [30, "calm"],
        [59, "calm"],
      ])?.status,
      "recovering",
    );
  });

  it("stops being calm between the thresholds, without counting a refire", () => {
    const between = lived([
      [0, "hot"],
      [10, "calm"],
      [35, "between"],
      [45, "calm"],
      [74, "calm"],
    ]);
    assert.equal(between?.status, "recovering");
    assert.equal(between?.reopened, 0);
    assert.equal(between?.calmSinceMs, START_MS + 45_000);
  });

  it("takes blindness for no change: it resolves only on what was seen calm", () => {
    assert.equal(
      lived([
        [0, "hot"],
        [10, "unknown"],
        [1000, "unknown"],
      ])?.status,
      "firing",
    );
    assert.equal(
      lived([
        [0, "hot"],
        [10, "calm"],
        [1000, "unknown"],
      ])?.status,
      "recovering",
    );
  });

  it("raises its severity while it is open and never lowers it", () => {
    const warning = step(null, RULE, observation("hot"), START_MS);
    const critical = step(warning, RULE, observation("hot", "critical"), START_MS + 1000);
    const later = step(critical, RULE, observation("hot", "warning"), START_MS + 2000);
    assert.deepEqual(
      [warning?.severity, critical?.severity, later?.severity],
      ["warning", "critical", "critical"],
    );
  });

  it("shows the newest figures and keeps the peak", () => {
    const first = step(null, RULE, observation("hot", "warning", heatOf({ writes: 50_000 })), START_MS);
    const second = step(
      first,
      RULE,
      observation("hot", "warning", heatOf({ writes: 20_000 })),
      START_MS + 1000,
    );
    assert.equal(second?.ratePerSecond, 2000);
    assert.equal(second?.peakRatePerSecond, 5000);
    assert.deepEqual(second?.count, { estimate: 20_000, lower: 20_000, upper: 20_000, likely: null });
  });

  it("keeps facts that it once knew", () => {
    const facts = { type: "string", bytes: 120, ttlSeconds: null, encoding: "raw" };
    const known = { ...observation("hot"), extras: { ...EXTRAS, facts } };
    const incident = step(step(null, RULE, known, START_MS), RULE, observation("hot"), START_MS + 1000);
    assert.deepEqual(incident?.facts, facts);
  });

  it("stays resolved", () => {
    const resolved = lived([
      [0, "hot"],
      [10, "calm"],
      [40, "calm"],
    ]);
    assert.equal(step(resolved, RULE, observation("hot"), START_MS + 41_000), resolved);
  });
});

describe("the passing of time", () => {
  it("fires a pending incident whose rule still holds, and no other", () => {
    const rule = { ...RULE, for: 5000 };
    const pending = step(null, rule, observation("hot"), START_MS);
    assert.ok(pending);
    assert.equal(pass(pending, rule, "hot", START_MS + 5000).status, "firing");
    assert.equal(pass(pending, rule, "unknown", START_MS + 5000), pending);
    assert.equal(pass(pending, rule, "hot", START_MS + 4999), pending);
  });

  it("resolves what was last seen calm", () => {
    const recovering = lived([
      [0, "hot"],
      [10, "calm"],
    ]);
    assert.ok(recovering);
    assert.equal(pass(recovering, RULE, "calm", START_MS + 40_000).status, "resolved");
    assert.equal(pass(recovering, RULE, "unknown", START_MS + 40_000), recovering);
  });
});

describe("the mix of an incident", () => {
  it("is of the window, and a miss that nobody reported as a read is one", () => {
    const heat = heatOf({ writes: 20_000, reads: 500, misses: 1000 });
    const incident = step(null, RULE, observation("hot", "warning", heat), START_MS);
    assert.deepEqual(incident?.mix, { read: 100, write: 2000, miss: 100 });
  });

  it("is not known where the rule looks at no window", () => {
    const heat = { ...heatOf(), windowMs: 0 };
    assert.equal(step(null, RULE, observation("hot", "warning", heat), START_MS)?.mix, null);
  });
});

describe("the id of an incident", () => {
  const heat = heatOf();
  const { key } = heat;

  it("is the same within the second in which the key became hot, and another in the next", () => {
    assert.equal(
      incidentId("r", { ...heat, asOfMs: START_MS + 1 }),
      incidentId("r", { ...heat, asOfMs: START_MS + 999 }),
    );
    assert.notEqual(incidentId("r", heat), incidentId("r", { ...heat, asOfMs: START_MS + 1000 }));
  });

  it("differs by cluster, rule, database and key, however their texts run into each other", () => {
    const target = { ...heat, key: null, cluster: "shop", target: "10.0.0.1:6379", slot: null };
    const ids = [
      incidentId("r", heat),
      incidentId("s", heat),
      incidentId("r", { ...heat, key: { ...key, db: 1 } }),
      incidentId("r", { ...heat, key: { ...key, cluster: "shopr" } }),
      incidentId("", { ...heat, key: { ...key, cluster: "shopr" } }),
      incidentId("r", { ...heat, key: { ...key, bytes: Buffer.from("user:2") } }),
      incidentId("r", target),
      incidentId("r", { ...target, target: "10.0.0.2:6379" }),
    ];
    assert.equal(new Set(ids).size, ids.length);
  });
});
