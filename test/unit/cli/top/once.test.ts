import assert from "node:assert/strict";
import { test } from "node:test";
import { onceText } from "../../../../src/cli/top/once.ts";
import type { TopIo, TopOptions } from "../../../../src/cli/top/options.ts";
import type { ApiBodies } from "../../../../src/cli/view/api-bodies.ts";
import { NO_TRAILS } from "../../../../src/cli/view/trails.ts";

const BODIES: ApiBodies = {
  hotKeys: {
    cluster: "default",
    windowSeconds: 10,
    asOf: "2026-11-23T17:00:10.000Z",
    complete: true,
    keys: [],
  },
  incidents: { incidents: [] },
  coverage: { targets: [] },
  readiness: { reasons: [], degraded: [] },
};
const OPTIONS: TopOptions = { redis: [], url: "http://x", limit: 50, sort: "total", filter: "" };
const TEXTS = { title: "keyheat top", subtitle: "", footer: "" };

function headIn(columns: number | undefined, env: NodeJS.ProcessEnv): string {
  const io = { out: { columns } as TopIo["out"], env };
  const lines = onceText({ bodies: BODIES, trails: NO_TRAILS }, OPTIONS, TEXTS, io).split("\n");
  return lines.find((line) => line.includes("KEY")) ?? "";
}

test("one frame is as wide as the terminal, else as COLUMNS says, else 120 columns", () => {
  assert.match(headIn(61, {}), /^ +# KEY +TOTAL\/S ±BOUND +SHARE INCIDENT$/);
  assert.equal(headIn(undefined, { COLUMNS: "60" }), headIn(61, {}));
  assert.match(headIn(undefined, {}), /READ\/S.*VANTAGE +SERVICES +INCIDENT$/);
  assert.equal(headIn(undefined, { COLUMNS: "wide" }), headIn(121, {}));
});

test("a terminal that does not know its width, and says 0, is no terminal of no columns", () => {
  assert.equal(headIn(0, {}), headIn(undefined, {}));
});
