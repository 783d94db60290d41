import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { RuleSet } from "../../src/rules/rule-set.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { SurgeJudge } from "../../src/surge-judge.ts";
import { Windows } from "../../src/windows/windows.ts";
import { encodeHeat } from "../../src/wire/heat-codec.ts";
import { makePart, makeReport } from "../support/parts.ts";

const NOBODY: ReadonlySet<string> = new Set();
/** A record of the heat topic stays below 1 MiB, hottest keys included. */
const BASELINES_BYTES_MAX = 600 * 1024;

test("what is usual of many clusters on one partition fits into a record, and what is left out bounds the others", () => {
  const { groups } = new RuleSet(defaultConfig({ rules: [{ name: "surge", type: "surge" }] }).rules);
  const windows = new Windows({
    windowsMs: [10_000],
    hopMs: 1000,
    graceMs: 2000,
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  const judge = new SurgeJudge();
  const clusters = Array.from({ length: 8 }, (_, number) => `cluster-${number}`);
  const rows = Array.from({ length: 1500 }, (_, i) => ({ key: `${i}:${"k".repeat(100)}`, write: 10 + i }));
  for (let startMs = 0; startMs < 40_000; startMs += 1000) {
    const atMs = startMs + 1000;
    for (const cluster of clusters) {
      windows.expect(makeReport({ cluster, atMs }));
      windows.add(makePart({ cluster, startMs, rows }), atMs);
    }
    for (const { cluster } of windows.advance(atMs))
      judge.hop(windows, cluster, groups[0]!, NOBODY, () => true);
  }
  const told = clusters.map((cluster) => ({
    cluster,
    windows: [],
    coverage: null,
    baselines: judge.told(windows, cluster, groups),
    demands: [],
  }));
  const { length } = encodeHeat({ partition: 0, instance: "one", atMs: 0, clusters: told });
  assert.ok(length < BASELINES_BYTES_MAX, `${length} bytes`);
  const [series] = told[0]!.baselines;
  assert.ok(series!.keys.length > 300, `${series!.keys.length} keys`);
  assert.ok(series!.others.lagged.at(-1)! >= 10 * (10 + 1500 - series!.keys.length - 1), "of those left out");
});
