import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { reload } from "../../../src/cli/reload.ts";
import { parseConfig } from "../../../src/config/load.ts";
import type { Rule } from "../../../src/config/schema.ts";

const RUNNING = "rules: [{ name: hot, type: rate, threshold: 1000/s }]\n";

function read(text: string) {
  return parseConfig(text, { env: {}, source: "keyheat.yaml" });
}

/** What comes of a SIGHUP when the file has this text. */
function reloaded(text: string, hasRules = true) {
  const lines: Record<string, unknown>[] = [];
  const taken: string[] = [];
  reload({
    running: read(RUNNING),
    read: () => read(text),
    logger: pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    setRules: hasRules ? (rules: readonly Rule[]) => taken.push(...rules.map(({ name }) => name)) : undefined,
  });
  return { taken, line: lines.at(-1) };
}

test("the rules of the file are taken over, and what else has changed is named", () => {
  const { taken, line } = reloaded(`${RUNNING}grace: 3s\nlog: { level: debug }\n`);
  assert.deepEqual(taken, ["hot"]);
  assert.equal(line?.msg, "rules were read again");
  assert.deepEqual(line?.atNextStart, ["grace", "log"]);
  assert.equal(reloaded(RUNNING).line?.atNextStart, undefined);
});

test("a bad file keeps the old rules and says why, each problem with its path", () => {
  const { taken, line } = reloaded(
    "rules: [{ name: hot, type: rate, threshold: lots }, { name: x, type: rat }]\n",
  );
  assert.deepEqual(taken, []);
  assert.equal(line?.msg, "the config file is bad, the running rules stay");
  assert.match(
    String(line?.problems),
    /rules\[0\]\.threshold: expected a rate.*rules\[1\]\.type: expected one of/s,
  );
});

test("a window that is not kept since the start is refused, the rule named", () => {
  const { taken, line } = reloaded(`rules:
  - { name: hot, type: rate, window: 60s }
  - { name: long, type: rate, window: 2m }
`);
  assert.deepEqual(taken, []);
  assert.match(String(line?.problems), /^rules\[1\]\.window: 120000ms is not kept since the start/);
});

test("a process without rules says that the file takes effect at the next start", () => {
  const { line } = reloaded(`${RUNNING}grace: 3s\n`, false);
  assert.match(String(line?.msg), /takes effect at the next start/);
});
