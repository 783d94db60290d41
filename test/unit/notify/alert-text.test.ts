import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Incident, IncidentGroup } from "../../../src/model/incident.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { alertText, type IncidentText } from "../../../src/notify/alert-text.ts";
import fc from "../../support/fast-check.ts";
import { incidentOf, START_MS } from "../incidents/samples.ts";
import { HOSTILE_KEYS, incidentOfBytes, messageOf } from "./alerts.ts";

const externalUrl = "https://keyheat.example/hot";

function textOf(changes: Partial<Incident>, group: Partial<IncidentGroup> = {}): IncidentText {
  const [text] = alertText(messageOf([incidentOf(changes)], group), { externalUrl }).incidents;
  assert.ok(text);
  return text;
}

function factOf(text: IncidentText, label: string): string | undefined {
  return text.facts.find((fact) => fact.label === label)?.value;
}

const MEASURED: readonly [string, Partial<Incident>, string, string, string][] = [
  [
    "rate",
    { measure: { unit: "accesses/s", value: 1990, threshold: 1000, baseline: null } },
    "Hot key user:1 in shop: 2k accesses/s",
    "Judged by",
    "2k accesses/s, threshold 1k/s",
  ],
  [
    "misses",
    { kind: "miss", measure: { unit: "accesses/s", value: 1990, threshold: 500, baseline: null } },
    "Hot key user:1 in shop: 2k misses/s",
    "Judged by",
    "2k misses/s, threshold 500/s",
  ],
  [
    "surge",
    { measure: { unit: "accesses/s", value: 4800, threshold: 1200, baseline: 400 } },
    "Hot key user:1 in shop: 12x its usual 400/s",
    "Surge",
    "12x its usual 400/s, threshold 1.2k/s",
  ],
  [
    "surge from nothing",
    { measure: { unit: "accesses/s", value: 4800, threshold: 100, baseline: 0 } },
    "Hot key user:1 in shop: 4.8k/s, usually next to nothing",
    "Surge",
    "4.8k/s, usually next to nothing, threshold 100/s",
  ],
  [
    "share",
    { measure: { unit: "share", value: 0.62, threshold: 0.5, baseline: null } },
    "Hot key user:1 in shop: 62% of its node",
    "Share",
    "62% of its node, threshold 50%",
  ],
  [
    "bandwidth",
    { measure: { unit: "bytes/s", value: 310 * 1024 ** 2, threshold: 100 * 1024 ** 2, baseline: null } },
    "Hot key user:1 in shop: 310 MiB/s",
    "Bandwidth",
    "310 MiB/s, threshold 100 MiB/s",
  ],
  [
    "skew",
    { key: null, measure: { unit: "ratio", value: 4.1, threshold: 3, baseline: 12_000 } },
    "Skew: node 127.0.0.1:6379 in shop runs 4.1x the mean of its peers (12k/s)",
    "Skew",
    "node runs 4.1x the mean of its peers (12k/s), threshold 3x",
  ],
  [
    "blind",
    { key: null, windowMs: 0, measure: { unit: "seconds", value: 75, threshold: 60, baseline: null } },
    "Blind: node 127.0.0.1:6379 in shop not seen for 1m 15s",
    "Unseen",
    "not seen for 1m 15s, threshold 1m 00s",
  ],
  [
    "a measure that is not known",
    { measure: { unit: "share", value: null, threshold: 0.5, baseline: null } },
    "Hot key user:1 in shop: not known just now",
    "Share",
    "not known just now, threshold 50%",
  ],
];

describe("the text of an alert", () => {
  for (const [rule, changes, title, label, fact] of MEASURED) {
    it(`says what was found by ${rule}`, () => {
      const text = textOf(changes);
      assert.equal(text.title, title);
      assert.equal(factOf(text, label), fact);
    });
  }

  it("says nothing of what is seen of a server that is not", () => {
    const blind = MEASURED.find(([rule]) => rule === "blind");
    assert.equal(factOf(textOf({ ...blind?.[1], coverage: { read: 0.5, write: 1 } }), "Coverage"), undefined);
  });

  it("counts incidents, not keys, where one key has several", () => {
    const group = (...incidents: Incident[]) => alertText(messageOf(incidents)).title;
    const [one, other] = [incidentOf({ name: "a" }), incidentOf({ name: "b" })];
    assert.equal(group(one, other), "Warning: 2 hot keys in shop");
    assert.equal(group(one, other, { ...one, id: "surge", rule: "surge" }), "Warning: 3 incidents in shop");
  });

  it("of a key says how hot, how sure, whose, where, since when", () => {
    const text = textOf({
      count: { estimate: 482_000, lower: 479_000, upper: 485_000, likely: null },
      ratePerSecond: 48_200,
      currentRatePerSecond: 61_000,
      shareOfTarget: 0.62,
      mix: { read: 45_000, write: 3000, miss: 9000 },
      commands: { get: 45, set: 3, "\u202eevil": 1, exists: 1 },
      services: { checkout: 30, cart: 10, a: 1, b: 1 },
      slot: 10_778,
      facts: { type: "string", bytes: 120, ttlSeconds: 60, encoding: "embstr" },
      coverage: { read: 0.5, write: 1 },
      reopened: 1,
    });
    assert.deepEqual(
      text.facts.map(({ label, value }) => `${label}: ${value}`),
      [
        "Key: user:1",
        "Pattern: user:{n}",
        "Rate: 48.2k ± 0.3k/s, now 61k/s, rising",
        "Judged by: 2k accesses/s, threshold 1k/s",
        "Share: 62% of its node",
        "Mix: 94% reads, 6% writes, 20% of reads miss",
        "Commands: get 90%, set 6%, \\u{202e}evil 2%",
        "Services: checkout 71%, cart 24%, a 2%",
        "Node: 127.0.0.1:6379, slot 10778",
        "Value: string, embstr, 120 B, expires in 1m 00s",
        "Coverage: sees 50% of reads, all writes",
        "Since: 2026-11-23T17:00:00Z, for 1m 15s, back 1 time",
      ],
    );
  });

  it("leaves out what is not known", () => {
    const text = textOf({
      target: null,
      shareOfTarget: null,
      mix: null,
      commands: {},
      coverage: { read: null, write: null },
    });
    assert.deepEqual(
      text.facts.map(({ label }) => label),
      ["Key", "Pattern", "Rate", "Judged by", "Since"],
    );
  });

  it("says plainly what is unseen, suspect, incomplete or late", () => {
    const unsure = { suspect: true, complete: false, late: true, firedAtMs: START_MS };
    const text = textOf({ ...unsure, coverage: { read: 0, write: 0.998 } }, { atMs: START_MS + 60_000 });
    assert.equal(factOf(text, "Coverage"), "sees all writes, reads unseen");
    assert.equal(
      factOf(text, "Doubt"),
      "suspect: clients reported more accesses than their servers ran: held to what the servers ran; not all of the window was seen; found late, in data that had been held up",
    );
  });

  it("does not call it a gap that the second of a rise is still being counted", () => {
    const rise = { complete: false, firedAtMs: START_MS };
    const text = textOf(rise, { atMs: START_MS + 100 });
    assert.equal(factOf(text, "Doubt"), "its last second is still being counted");
  });

  it("calls a trend what the window and the last seconds agree on", () => {
    const trendOf = (currentRatePerSecond: number, rates: number[]) =>
      factOf(textOf({ currentRatePerSecond, trail: { lastMs: START_MS, rates } }), "Rate")
        ?.split(", ")
        .at(-1);
    assert.equal(trendOf(2100, []), "steady");
    assert.equal(trendOf(4000, []), "rising");
    assert.equal(trendOf(1000, []), "falling");
    assert.equal(
      trendOf(4000, [100, 3900, 4000, 4100, 4000]),
      "steady",
      "of a window that still holds its rise",
    );
    assert.equal(trendOf(9000, [100, 3900, 4000, 4100, 9000]), "rising");
  });

  it("links to the console and to each remedy, as far as its own address is known", () => {
    const advice = [{ remedy: "one-key", why: "It is\u202e one key.", url: "docs/advice.md#one-key" }];
    const linked = textOf({ advice });
    const place = "https://keyheat.example/hot/docs/advice#one-key";
    assert.equal(linked.consoleUrl, "https://keyheat.example/hot/?incident=incident-of-user%3A1");
    assert.deepEqual(linked.advice, [
      { remedy: "one-key", why: "It is\\u{202e} one key.", url: place, place },
    ]);
    const [bare] = alertText(messageOf([incidentOf({ advice })])).incidents;
    assert.equal(bare?.consoleUrl, null);
    assert.deepEqual([bare?.advice[0]?.url, bare?.advice[0]?.place], [null, "docs/advice.md#one-key"]);
  });

  it("of a resolve says how it ended and how long it was", () => {
    const resolved = { status: "resolved", resolvedAtMs: START_MS + 3_725_000, reason: "cooled" } as const;
    const group = { event: "resolved" } as const;
    const text = textOf(resolved, group);
    assert.equal(text.title, "Key user:1 in shop has cooled");
    assert.equal(factOf(text, "Since"), "2026-11-23T17:00:00Z, lasted 1h 02m");
    const gone = textOf({ ...resolved, reason: "decommissioned" }, group);
    assert.equal(
      gone.title,
      "Key user:1 in shop is no longer judged: its node has left the cluster, or its rule is gone",
    );
  });

  it("of several has their number and the highest severity as its title", () => {
    const incidents = [incidentOf(), incidentOf({ name: "b", severity: "critical" })];
    const { title, severity } = alertText(messageOf(incidents, { more: 3 }));
    assert.deepEqual([title, severity], ["Critical: 5 hot keys in shop", "critical"]);
    const mixed = alertText(messageOf([incidentOf(), incidentOf({ key: null })], { event: "resolved" }));
    assert.equal(mixed.title, "Resolved: 2 incidents in shop");
  });

  it("of a node lists the first keys that it stands for", () => {
    const folded = Array.from({ length: 7 }, (_, index) => ({
      ...incidentOf({ name: `sale:${index}` }),
      foldedInto: "skew",
    }));
    const other = { ...incidentOf({ name: "other" }), foldedInto: "another skew" };
    const text = textOf({ id: "skew", key: null }, { folded: [other, ...folded], foldedMore: 3 });
    assert.equal(
      factOf(text, "Its hot keys"),
      "sale:0 2k/s, sale:1 2k/s, sale:2 2k/s, sale:3 2k/s, sale:4 2k/s, +5 more",
    );
  });

  it("is marked where somebody tries the receiver out", () => {
    assert.match(
      alertText(messageOf([incidentOf()], { isTest: true })).title,
      /^Test, nothing has happened\. /,
    );
  });
});

describe("a key in the text of an alert", () => {
  const keyIn = (bytes: Uint8Array) => {
    const [text] = alertText(messageOf([incidentOfBytes(bytes)])).incidents;
    return text && factOf(text, "Key");
  };

  it("has what cannot be seen escaped", () => {
    assert.equal(keyIn(HOSTILE_KEYS["right-to-left marks"]), "user\\u{202e}gnp.exe\\u{2066}\\u{200f}");
    assert.equal(
      keyIn(HOSTILE_KEYS["zero width"]),
      "user\\u{200b}\\u{200d}\\u{2060}\\u{feff}:1\\u{3164}\\u{a0}\\u{2800}",
    );
    assert.equal(keyIn(HOSTILE_KEYS["control characters"]), "a\\u{0}\\u{7}\\n\\r\\u{1b}[31m\\u{7f}\\u{85}");
    assert.equal(keyIn(HOSTILE_KEYS["no UTF-8"]), "u\\xff\\xfe\\xc3(\\u{0}<!");
    assert.equal(keyIn(HOSTILE_KEYS.empty), "(the empty key)");
  });

  it("is cut where it is long, with its length", () => {
    assert.match(keyIn(Buffer.alloc(200, "a")) ?? "", /^a{111}~[0-9a-f]{8} \(200 bytes\)$/);
    assert.match(keyIn(Buffer.alloc(5000, "a")) ?? "", /^a{111}~[0-9a-f]{8} \(longer than 1024 bytes\)$/);
  });

  it("is its label where it is redacted", () => {
    const bytes = redactedKey({
      slot: 7,
      identity: Buffer.from("0123456789abcdef", "hex"),
      label: "user:{n}",
    });
    assert.equal(keyIn(bytes), "user:{n}~01234567");
  });

  it("is one printable line of bounded length, whatever its bytes, in a title of at most 150 characters", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), fc.string({ unit: "binary" }), (bytes, name) => {
        const incident = incidentOfBytes(bytes, { target: name, cluster: name, pattern: name });
        const { title, incidents } = alertText(messageOf([incident]), { externalUrl });
        assert.ok(title.length <= 150);
        for (const text of [title, ...(incidents[0]?.facts ?? []).map(({ value }) => value)]) {
          assert.ok(text.length <= 180 && text.isWellFormed(), text);
          assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/u);
        }
      }),
      { numRuns: 300 },
    );
  });
});
