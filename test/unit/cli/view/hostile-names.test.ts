import assert from "node:assert/strict";
import { test } from "node:test";
import { inertJson, topDocument } from "../../../../src/cli/top/document.ts";
import type { ApiBodies } from "../../../../src/cli/view/api-bodies.ts";
import { sceneOf } from "../../../../src/cli/view/api-scene.ts";
import { frameLines } from "../../../../src/cli/view/frame.ts";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import { colours, noColours, type Paint } from "../../../../src/cli/view/paint.ts";
import { changeLines, summaryLine } from "../../../../src/cli/view/plain-lines.ts";
import { NO_TRAILS } from "../../../../src/cli/view/trails.ts";
import { firstState } from "../../../../src/cli/view/view-state.ts";
import { keep, showKey } from "../../../../src/model/key.ts";
import { patternOf } from "../../../../src/model/pattern.ts";
import fc from "../../../support/fast-check.ts";
import { TEXTS } from "./scenes.ts";

const utf8 = (text: string) => Buffer.from(text);

/** What names keys whoever wants the terminal of others to do something. */
const HOSTILE: Readonly<Record<string, Uint8Array>> = {
  "a cleared screen": utf8("\u001b[2J\u001b[Hgone"),
  "a link (OSC 8)": utf8("\u001b]8;;http://evil.example\u001b\\click\u001b]8;;\u001b\\"),
  "the clipboard (OSC 52)": utf8("\u001b]52;c;cm0gLXJmIH4=\u0007"),
  "a title": utf8("\u001b]0;root@prod\u0007"),
  "a report that types (CSI n)": utf8("\u001b[6n\u001b[c"),
  "C1 controls as UTF-8": utf8("\u009b2J\u009d52;c;x\u009c\u0090q\u009c"),
  "C1 controls as bytes": Buffer.from([0x9b, 0x32, 0x4a, 0x9d, 0x9c]),
  "bell, backspace, return": utf8("a\u0007\b\b\rb\u0000\u007f"),
  "lines and tabs": utf8("a\nb\tc\u000bd\u000ce\u0085f\u2028g\u2029h"),
  "text that runs backwards": utf8("user\u202e:drowssap\u202c\u2066x\u2069\u200f"),
  "invisible text": utf8("a\u200b\u200d\u2060\ufeff\u00ad\u{e0041}b"),
  "half a surrogate, as bytes": Buffer.from([0xed, 0xa0, 0x80, 0x61]),
  "no UTF-8 at all": Buffer.from([0xff, 0xfe, 0x1b, 0x5b, 0x41, 0xc3, 0x28]),
  "10 KiB of escapes": utf8("\u001b[31m".repeat(2048)),
  "10 KiB of one letter": utf8("x".repeat(10_240)),
  nothing: new Uint8Array(),
};

/** Bodies of an API whose every name is the same bytes, as text where it takes text. */
function bodiesNamed(bytes: Uint8Array): ApiBodies {
  const kept = keep(bytes);
  const text = Buffer.from(bytes).toString("utf8");
  const shown = showKey(kept);
  const place = { db: 0, slot: 7, target: text, pattern: patternOf(kept) };
  const key = {
    ...shown,
    ...place,
    rank: 1,
    ratePerSecond: { read: 1, write: 2, miss: 0, total: 3 },
    currentRatePerSecond: 3,
    count: { estimate: 30, lower: 30, upper: 30 },
    shareOfTarget: 0.5,
    vantages: { write: "server-events" as const },
    commands: { [text]: 30 },
    services: { [text]: 30 },
    absorbedPerSecond: 0,
    bytesPerSecond: null,
    suspect: false,
  };
  const incident = {
    ...shown,
    ...place,
    id: text,
    cluster: "default",
    rule: text,
    severity: "critical" as const,
    status: "firing" as const,
    startedAt: "2026-11-23T17:00:00.000Z",
    resolvedAt: null,
    ratePerSecond: 3,
    peakRatePerSecond: 3,
    measure: { unit: "accesses/s" as const, value: 3, threshold: 1, baseline: null },
    facts: { type: text, bytes: 1, ttlSeconds: null, encoding: text },
    advice: [{ remedy: text, why: text, url: text }],
    muted: null,
  };
  const target = {
    cluster: text,
    target: text,
    role: "primary" as const,
    state: "seen" as const,
    kinds: { read: { ratio: 1 }, write: { ratio: 1 } },
  };
  return {
    hotKeys: {
      cluster: "default",
      windowSeconds: 10,
      asOf: "2026-11-23T17:00:10.000Z",
      complete: true,
      keys: [key],
    },
    incidents: { incidents: [incident, { ...incident, cluster: "other", key: null, db: null }] },
    coverage: { targets: [target] },
    readiness: { reasons: [text], degraded: [text] },
  };
}

/** Every frame that the view can make of them: table, page of a key, a typed filter; and the plain lines. */
function everythingShown(bodies: ApiBodies, filter: string, columns: number, paint: Paint): string[] {
  const scene = sceneOf(bodies, 1000);
  const moment = { scene, trails: NO_TRAILS, failure: null };
  const [row] = scene.keys;
  assert.ok(row);
  const table = firstState(ALL_KEYS);
  const states = [
    table,
    { ...table, opened: { row, isGone: false, scroll: 0 } },
    { ...table, isTyping: true, selection: { ...ALL_KEYS, filter } },
    { ...table, selection: { ...ALL_KEYS, filter } },
  ];
  const frames = states.flatMap((state) => {
    const view = { state, moment, texts: TEXTS, hints: "keys", nowMs: 2000 } as const;
    return frameLines(view, { columns, rows: 500 }, paint);
  });
  const told = { incidents: new Map(), problems: new Set<string>() };
  return [...frames, summaryLine(scene), ...changeLines(scene, told)];
}

const ACTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

for (const [what, bytes] of Object.entries(HOSTILE)) {
  test(`${what} in a name does nothing to a terminal: in the table, on the key's page, in lines, in JSON`, () => {
    const bodies = bodiesNamed(bytes);
    for (const columns of [30, 80, 200]) {
      for (const line of everythingShown(bodies, Buffer.from(bytes).toString("utf8"), columns, noColours)) {
        assert.doesNotMatch(line, ACTIVE);
      }
    }
    const json = inertJson(topDocument(bodies, ALL_KEYS));
    assert.doesNotMatch(json, ACTIVE);
    assert.equal(JSON.parse(json).keys[0].key, bodies.hotKeys.keys[0]?.key);
  });
}

test("the only control characters of a frame are the view's own", () => {
  const OWN = new RegExp(`${"\u001b"}\\[(?:[1237]|2[27]|3[1239])m|${"\u001b"}\\[\\d+G`, "g");
  const property = fc.property(
    fc.uint8Array({ maxLength: 60 }),
    fc.integer({ min: 21, max: 220 }),
    (bytes, columns) => {
      const filter = Buffer.from(bytes).toString("utf8");
      for (const line of everythingShown(bodiesNamed(bytes), filter, columns, colours)) {
        assert.doesNotMatch(line.replaceAll(OWN, ""), ACTIVE);
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("names of 10 KiB are shown with what makes them different, and the page says that there is more", () => {
  const [row] = sceneOf(bodiesNamed(utf8(`cart:${"x".repeat(10_240)}`)), 0).keys;
  assert.match(row?.label ?? "", /^cart:x+~[0-9a-f]{8}\.\.\.$/);
  assert.deepEqual([row?.isCut, row?.text.length], [true, 1024]);
});
