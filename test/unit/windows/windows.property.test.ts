import assert from "node:assert/strict";
import { test } from "node:test";
import { firingCount, type Heat } from "../../../src/model/heat.ts";
import { KeyHasher } from "../../../src/panes/key-words.ts";
import { Ledger, unaccounted } from "../../../src/runtime/accounting.ts";
import { ByteBudget } from "../../../src/runtime/byte-budget.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { ClusterWindows } from "../../../src/windows/cluster-windows.ts";
import { Windows } from "../../../src/windows/windows.ts";
import fc from "../../support/fast-check.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import {
  type Delivery,
  draws,
  GRACE_MS,
  HOP_MS,
  KEYS,
  makeScenario,
  ORIGIN_MS,
  type Scenario,
  truthOf,
  WINDOWS_MS,
} from "./scenario.ts";

const TICK_MS = 250;

function makeWindows(ledger = new Ledger("windows")): Windows {
  return new Windows({
    windowsMs: WINDOWS_MS,
    hopMs: HOP_MS,
    graceMs: GRACE_MS,
    ledger,
    logger: silentLogger,
  });
}

function keyOf(text: string) {
  return { cluster: "default", db: 0, bytes: Buffer.from(text) };
}

/** Feeds deliveries as time passes. `onHop` runs after each closed hop. */
function run(
  windows: Windows,
  scenario: Scenario,
  deliveries: readonly Delivery[],
  onHop: (nowMs: number) => void,
): void {
  windows.advance(ORIGIN_MS);
  for (const { name, slots } of scenario.targets) {
    windows.expect(makeReport({ target: name, slots, atMs: ORIGIN_MS - 60_000 }));
  }
  let index = 0;
  const lastMs = Math.max(scenario.endMs + GRACE_MS, deliveries.at(-1)?.atMs ?? 0);
  for (let nowMs = ORIGIN_MS; nowMs <= lastMs + TICK_MS; nowMs += TICK_MS) {
    for (; index < deliveries.length && deliveries[index]!.atMs <= nowMs; index++) {
      const { touched } = windows.add(deliveries[index]!.part, nowMs);
      for (const handle of touched) checkRunning(windows, scenario, handle);
    }
    if (windows.advance(nowMs).length > 0) onHop(nowMs);
  }
}

function checkRunning(windows: Windows, scenario: Scenario, handle: number): void {
  const key = Buffer.from(windows.keyOf("default", handle).bytes).toString();
  for (const windowMs of WINDOWS_MS) {
    const heat = windows.running("default", handle, windowMs);
    const { total } = heat.counts;
    const most = windows.runningFiringMax("default", handle, windowMs, "total");
    assert.ok(most >= firingCount(total));
    if (total.likely === null) assert.equal(most, total.lower);
    checkBounds(heat, scenario, key);
  }
}

function checkBounds({ counts, asOfMs, windowMs }: Heat, scenario: Scenario, key: string): void {
  const truth = truthOf(scenario, key, asOfMs - windowMs, asOfMs);
  for (const kind of ["write", "miss", "total"] as const) {
    const { lower, upper, estimate, likely } = counts[kind];
    assert.ok(lower <= truth[kind], `${key} ${kind}: lower ${lower} passes ${truth[kind]}`);
    assert.ok(upper === null || upper >= truth[kind], `${key} ${kind}: upper ${upper} below ${truth[kind]}`);
    const [from, to] = likely === null ? [lower, upper] : [likely.lower, likely.upper];
    assert.ok(lower <= from && from <= estimate && estimate <= (to ?? estimate));
  }
  assert.deepEqual(counts.read, counts.miss, "where nobody sees reads, misses stand for them");
}

/**
 * Whether all of the good agent's parts of a window have come: then it owes an upper bound. (A hop may close before,
 * on the word of an agent that saw less.)
 */
function hasAll(scenario: Scenario, { asOfMs, windowMs }: Heat, nowMs: number): boolean {
  if (asOfMs - windowMs < ORIGIN_MS || asOfMs > scenario.endMs) return false;
  return scenario.deliveries.every(
    ({ part, atMs, again }) => again || part.agent !== "agent-a" || part.startMs >= asOfMs || atMs <= nowMs,
  );
}

/** Whether the good agent sampled any pane of a window. */
function isSampled(scenario: Scenario, { asOfMs, windowMs }: Heat): boolean {
  return scenario.deliveries.some(
    ({ part: { startMs, probability, watchedShare } }) =>
      probability * watchedShare < 1 && startMs >= asOfMs - windowMs && startMs < asOfMs,
  );
}

test("at every closed hop, and in every running window, the bounds hold what truly happened", () => {
  fc.assert(
    fc.property(draws, (drawn) => {
      const scenario = makeScenario(drawn);
      const ledger = new Ledger("windows");
      const windows = makeWindows(ledger);
      run(windows, scenario, scenario.deliveries, (nowMs) => {
        for (const windowMs of WINDOWS_MS) {
          for (const key of KEYS) {
            const heat = windows.closedOf(keyOf(key), windowMs);
            checkBounds(heat, scenario, key);
            if (drawn.losesParts || !hasAll(scenario, heat, nowMs)) continue;
            const isWhole = heat.complete && heat.counts.total.upper !== null;
            assert.ok(isWhole || isSampled(scenario, heat), "a whole window is complete");
            assert.notEqual(heat.clearing.total, null, "sampled or not, it was watched");
          }
        }
      });
      assert.equal(unaccounted(ledger.books()), 0);
    }),
    { numRuns: 60 },
  );
});

test("order, grouping and redelivery of parts change nothing in the sums", () => {
  fc.assert(
    fc.property(draws, fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 50 }), (drawn, mix) => {
      const scenario = makeScenario(drawn);
      const shuffled = scenario.deliveries
        .map((delivery, index) => ({ ...delivery, order: (mix[index % mix.length]! * (index + 7)) % 10_007 }))
        .sort((a, b) => a.order - b.order)
        // All arrive at once, while every pane is still within grace or covered by a window.
        .map(({ part, again }) => ({ part, again, atMs: scenario.deliveries.at(-1)!.atMs }));
      const straight = finalHeats(scenario, scenario.deliveries);
      assert.deepEqual(finalHeats(scenario, [...shuffled, ...shuffled.slice(0, 9)]), straight);
    }),
    { numRuns: 40 },
  );
});

/** Counts of every key when all has arrived, in the longest window: none of its panes is too old to be amended. */
function finalHeats(scenario: Scenario, deliveries: readonly Delivery[]) {
  const short = { ...scenario, endMs: Math.max(scenario.endMs, ...deliveries.map(({ atMs }) => atMs)) };
  const windows = makeWindows();
  run(windows, short, deliveries, () => {});
  return WINDOWS_MS.flatMap((windowMs) =>
    KEYS.map((key) => {
      const { counts, clearing, complete, asOfMs, shareOfTarget } = windows.closedOf(keyOf(key), windowMs);
      return { key, windowMs, asOfMs, counts, clearing, complete, shareOfTarget };
    }),
  );
}

test("when everything has left the windows, no sum, handle or byte is left behind", () => {
  fc.assert(
    fc.property(draws, (drawn) => {
      const scenario = makeScenario(drawn);
      const keyBudget = new ByteBudget(2 ** 20);
      const partBudget = new ByteBudget(2 ** 24);
      const windows = new ClusterWindows(
        {
          name: "default",
          windowsMs: WINDOWS_MS,
          hopMs: HOP_MS,
          graceMs: GRACE_MS,
          keyBudget,
          partBudget,
          entries: new Ledger("window-entries"),
          hasher: new KeyHasher(),
          ownsBucket: () => true,
        },
        { nowMs: ORIGIN_MS, sinceMs: ORIGIN_MS },
      );
      for (const { atMs, part } of scenario.deliveries) {
        windows.add(part, atMs);
        windows.advance(atMs);
      }
      // A key that is held keeps the engine from starting afresh, which would hide what was left behind.
      const laterMs = scenario.endMs + 20_000;
      windows.advance(laterMs - HOP_MS);
      windows.add(makePart({ startMs: laterMs - HOP_MS, rows: [{ key: "sentinel" }] }), laterMs);
      windows.advance(laterMs + GRACE_MS);
      assert.equal(windows.keys.size, 1);
      for (const window of [...windows.running, ...windows.closed]) {
        for (const accumulator of window.accumulators) assert.ok(accumulator.isZero());
      }
      windows.advance(laterMs + 20_000);
      assert.deepEqual([windows.keys.size, keyBudget.used, partBudget.used], [0, 0, 0]);
      assert.ok(windows.isIdle);
    }),
    { numRuns: 40 },
  );
});
