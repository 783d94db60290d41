import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scene } from "../../../../src/http/console/shapes.js";
import { summaryOf } from "../../../../src/http/console/summary.js";
import { makeHotKeys, makeOpen, makeScene, makeTarget } from "./scenes.ts";

const NOW_MS = new Date(2026, 10, 23, 13, 5, 30).getTime();

function shown(scene: Scene): [string, string] {
  const { tone, headline } = summaryOf(scene, NOW_MS);
  return [tone, headline];
}

test("quiet is said only where all is seen, now", () => {
  assert.deepEqual(shown(makeScene()), ["quiet", "Quiet: nothing fires, and every server is seen."]);
  const recovering = makeScene({ incidents: [makeOpen({ status: "recovering" })] });
  assert.deepEqual(shown(recovering), ["quiet", "Nothing fires; 1 incident open."]);
  const notQuiet: Scene[] = [
    makeScene({ targets: [] }),
    makeScene({ targets: [makeTarget({ state: "blind" })] }),
    makeScene({ targets: [makeTarget(), makeTarget({ state: "stale" })] }),
    makeScene({ hotKeys: makeHotKeys({ complete: false }) }),
    makeScene({ incidents: null }),
    makeScene({ link: { kind: "connecting" } }),
    makeScene({ link: { kind: "refused", reason: "" } }),
    makeScene({ link: { kind: "broken", sinceMs: NOW_MS - 1000, reason: "x" } }),
    makeScene({ incidents: [makeOpen()] }),
  ];
  for (const scene of notQuiet) {
    const [tone, headline] = shown(scene);
    assert.notEqual(tone, "quiet", headline);
    assert.doesNotMatch(headline, /^Quiet/);
  }
});

test("blind servers are said, also while something fires", () => {
  const blind = makeTarget({ state: "blind" });
  assert.deepEqual(shown(makeScene({ targets: [blind] })), [
    "blind",
    "Nothing fires, but its only server is not seen: this is not quiet, it is blind.",
  ]);
  const firing = makeScene({ incidents: [makeOpen()], targets: [makeTarget(), blind, blind] });
  assert.deepEqual(shown(firing), ["hot", "1 incident fires, and 2 of 3 servers are not seen."]);
  const many = makeScene({ incidents: [makeOpen(), makeOpen({ id: "i-2" })], hasMoreIncidents: true });
  assert.deepEqual(shown(many), ["hot", "At least 2 incidents fire."]);
});

test("a broken connection says since when, and that what is shown is old", () => {
  const scene = makeScene({
    link: { kind: "broken", sinceMs: NOW_MS - 12_000, reason: "the server cannot be reached" },
  });
  assert.deepEqual(summaryOf(scene, NOW_MS), {
    tone: "broken",
    headline: "No longer live since 13:05:18.",
    details: [
      "What stands below was so 12s ago; what is hot now is not known. The reason: the server cannot be reached. Trying again.",
    ],
  });
  const never = makeScene({
    link: { kind: "broken", sinceMs: null, reason: "the server cannot be reached" },
  });
  assert.deepEqual(shown(never), ["broken", "Not connected."]);
});

test("reads that nobody reports and what Keyheat lacks are said beside", () => {
  const kinds = {
    read: { ran: 100, observed: 0, ratio: 0, vantage: null },
    write: { ran: 100, observed: 100, ratio: 1, vantage: "server-events" },
  };
  const scene = makeScene({
    targets: [makeTarget({ kinds })],
    readiness: { ready: true, degraded: ["Kafka is away"] },
  });
  assert.deepEqual(summaryOf(scene, NOW_MS).details, [
    "Reads of 1 server are not seen: no application reports them.",
    "Keyheat itself lacks something; see below.",
  ]);
});
