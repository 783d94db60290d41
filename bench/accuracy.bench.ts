import type { Heat } from "../src/model/heat.ts";
import { Ledger } from "../src/runtime/accounting.ts";
import { silentLogger } from "../src/runtime/logger.ts";
import { Windows } from "../src/windows/windows.ts";
import { makeReport } from "../test/support/parts.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { SKETCH_KEYS, setFrame, tapPipeline, VERDICT } from "./support/tap-pipeline.ts";
import { ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const EXPONENT = 1.1;
const WINDOW_MS = 10_000;
const PANES = 12;
const ROUNDS_PER_PANE = 5;

await runBench("accuracy", async (bench) => {
  for (const perSecond of bench.isQuick ? [60_000] : [60_000, 300_000]) measure(bench, perSecond);
});

function measure(bench: Bench, perSecond: number): void {
  const { heats, exact } = lastWindow(perSecond);
  const total = (perSecond * WINDOW_MS) / 1000;
  const ranked = [...exact.values()].sort((one, other) => other - one);
  const bounds = heats.map((heat) => ({ ...heat.counts.total, count: exact.get(nameOf(heat)) ?? 0 }));
  const widths = bounds.map(({ lower, upper }) => ((upper ?? Number.POSITIVE_INFINITY) - lower) / total);
  const holding = bounds.filter(({ lower, upper, count }) => lower <= count && count <= (upper ?? count));
  bench.table({
    title: `Accuracy of the top of a 10 s window at ${perSecond} writes/s`,
    load: `Zipf(${EXPONENT}) over ${KEYS} keys as frames through reader, tap, panes (${SKETCH_KEYS} keys, 1,000 published) and windows; ${exact.size} distinct keys counted exactly beside it`,
    columns: ["top", "recall", "precision", "mean error of estimate %"],
    rows: [10, 100, 1000].map((top) => {
      const found = bounds.slice(0, top);
      // Keys that share the count of the last one may stand for each other.
      const hits = found.filter(({ count }) => count >= (ranked[top - 1] ?? 0)).length;
      const errors = found.map(({ estimate, count }) => Math.abs(estimate - count) / count);
      const meanError = errors.reduce((sum, error) => sum + error, 0) / errors.length;
      return [`${top}`, cell(hits / top, 3), cell(hits / found.length, 3), cell(100 * meanError, 3)];
    }),
  });
  const widest = 100 * Math.max(...widths);
  bench.goal({
    what: "every reported bound contains the exact count",
    holds: holding.length === bounds.length,
    measured: `${holding.length} of ${bounds.length}`,
  });
  bench.goal({
    what: "no bound is wider than 0.1% of the window's total",
    holds: widest <= 0.1,
    measured: `the widest is ${widest.toFixed(4)}%`,
  });
}

/** Simulated time: the same stages as in standalone, with early parts each 200 ms. */
function lastWindow(perSecond: number): { heats: readonly Heat[]; exact: Map<string, number> } {
  const { reader, tap, recorder } = tapPipeline();
  const windows = new Windows({
    windowsMs: [WINDOW_MS],
    hopMs: 1000,
    graceMs: 2000,
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  windows.expect(makeReport({ atMs: 0 }));
  const keys = new ZipfKeys(KEYS, EXPONENT);
  const exact = new Map<string, number>();
  for (let pane = 0; pane < PANES; pane++) {
    const isInWindow = pane >= PANES - WINDOW_MS / 1000;
    for (let round = 1; round <= ROUNDS_PER_PANE; round++) {
      const names = Array.from({ length: perSecond / ROUNDS_PER_PANE }, () => keys.next());
      if (isInWindow) for (const name of names) exact.set(name, (exact.get(name) ?? 0) + 1);
      reader.push(Buffer.from(names.map(setFrame).join(""), "latin1"));
      const nowMs = pane * 1000 + round * 200;
      for (const part of recorder.earlyParts(nowMs, VERDICT.sees, null)) windows.add(part, nowMs);
    }
    const endMs = (pane + 1) * 1000;
    for (const part of tap.rotate({ startMs: endMs, epoch: 1, nowMs: endMs }).publish(VERDICT))
      windows.add(part, endMs);
    windows.advance(endMs);
  }
  return { heats: windows.top("default", WINDOW_MS, 1000).heats, exact };
}

function nameOf({ key }: Heat): string {
  return Buffer.from(key.bytes).toString("latin1");
}
