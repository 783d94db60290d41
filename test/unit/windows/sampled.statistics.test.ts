import assert from "node:assert/strict";
import { test } from "node:test";
import type { Heat } from "../../../src/model/heat.ts";
import { makeReport } from "../../support/parts.ts";
import { keptOf, seededRandom } from "../../support/random.ts";
import { at, setUp, W } from "./setup.ts";

const KEYS = 2000;
const SECONDS = 10;

interface Outcome {
  /** Share of the likely intervals that hold the truth. */
  readonly coverage: number;
  /** Of all estimates together, in their standard deviations. */
  readonly bias: number;
}

/** A window of keys from one access to ten thousand, of each second of which `probabilityOf` is kept. */
function simulate(seed: number, probabilityOf: (second: number) => number): Outcome {
  const random = seededRandom(seed);
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  const truths = Array.from({ length: KEYS }, (_, key) => ({
    name: `key:${key}`,
    count: Math.ceil(10_000 ** (key / KEYS)),
    seconds: new Int32Array(SECONDS),
  }));
  for (const { count, seconds } of truths) {
    for (let i = 0; i < count; i++) seconds[Math.floor(random() * SECONDS)]!++;
  }
  for (let second = 0; second < SECONDS; second++) {
    const probability = probabilityOf(second);
    const rows = truths.map(({ name, seconds }) => ({
      key: name,
      write: keptOf(seconds[second]!, probability, random),
    }));
    add(second, { probability, rows: rows.filter(({ write }) => write > 0) });
  }
  windows.advance(at(SECONDS + 0.5));
  let held = 0;
  let error = 0;
  let variance = 0;
  for (const { name, count, seconds } of truths) {
    const heat = closed(name);
    if (holds(heat, count)) held++;
    error += heat.counts.total.estimate - count;
    seconds.forEach((inSecond, second) => {
      variance += inSecond * (1 / probabilityOf(second) - 1);
    });
  }
  return { coverage: held / KEYS, bias: error / Math.sqrt(variance) };
}

/** Whether the likely interval holds the truth; what is sure must hold it in any case. */
function holds({ counts }: Heat, truth: number): boolean {
  const { lower, upper, likely } = counts.total;
  assert.ok(lower <= truth, `${lower} is sure, the truth is ${truth}`);
  assert.equal(upper, null);
  return likely !== null && likely.lower <= truth && likely.upper !== null && truth <= likely.upper;
}

const SAMPLINGS: readonly [string, (second: number) => number][] = [
  ["1 of 8", () => 1 / 8],
  ["1 of 128", () => 1 / 128],
  ["3 of 10", () => 0.3],
  ["9 of 10", () => 0.9],
  ["1, 1 of 2, 1 of 4, ... of 32", (second) => 2 ** -(second % 6)],
  ["ever another share", (second) => [0.7, 1 / 3, 0.05][second % 3]!],
];

for (const [name, probabilityOf] of SAMPLINGS) {
  test(`of 2000 keys of which ${name} was kept, 99% lie in their likely bounds, and estimates are unbiased`, () => {
    const { coverage, bias } = simulate(7, probabilityOf);
    assert.ok(coverage >= 0.99, `${coverage} of the intervals hold`);
    assert.ok(Math.abs(bias) < 3, `estimates are ${bias} standard deviations off`);
  });
}
