import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { boundedRate, briefBytes, briefNumber, briefRatio, briefShare } from "../../../src/model/figures.ts";
import type { Bounds } from "../../../src/model/heat.ts";
import { sparkline } from "../../../src/notify/sparkline.ts";

describe("figures in alerts", () => {
  it("have three digits at most", () => {
    const cases = { 0: "0", 0.04: "0", 0.5: "0.5", 12.34: "12.3", 412.4: "412", 999.4: "999", 999.7: "1k" };
    for (const [value, expected] of Object.entries(cases)) assert.equal(briefNumber(Number(value)), expected);
    assert.deepEqual([48_200, 99_960, 412_000, 1_234_567, 2e9].map(briefNumber), [
      "48.2k",
      "100k",
      "412k",
      "1.2M",
      "2G",
    ]);
  });

  it("have units that people know", () => {
    assert.deepEqual([0, 120, 310 * 1024 ** 2, 1.5 * 1024 ** 3].map(briefBytes), [
      "0 B",
      "120 B",
      "310 MiB",
      "1.5 GiB",
    ]);
    assert.deepEqual([0, 0.004, 0.62, 1].map(briefShare), ["0%", "0.4%", "62%", "100%"]);
    assert.deepEqual([4.14, 12.02, 250.4].map(briefRatio), ["4.1x", "12x", "250x"]);
  });

  describe("of a rate with its bounds, over 10 s", () => {
    const none = null;
    const cases: readonly [string, Bounds, string][] = [
      ["exact", { estimate: 482_000, lower: 482_000, upper: 482_000, likely: none }, "48.2k/s"],
      ["even", { estimate: 482_000, lower: 479_000, upper: 485_000, likely: none }, "48.2k ± 0.3k/s"],
      ["tight", { estimate: 482_000, lower: 481_900, upper: 482_100, likely: none }, "48.2k ± 10/s"],
      [
        "very tight",
        { estimate: 482_000, lower: 481_999.5, upper: 482_000.5, likely: none },
        "48.2k ± <0.1/s",
      ],
      ["small", { estimate: 125, lower: 120, upper: 130, likely: none }, "12.5 ± 0.5/s"],
      [
        "lopsided",
        { estimate: 482_000, lower: 482_000, upper: 489_000, likely: none },
        "48.2k/s (48.2k to 48.9k/s)",
      ],
      ["open", { estimate: 482_000, lower: 482_000, upper: null, likely: none }, "at least 48.2k/s"],
      [
        "open and scaled",
        { estimate: 482_000, lower: 100_000, upper: null, likely: none },
        "at least 10k/s, likely 48.2k/s",
      ],
      [
        "sampled",
        { estimate: 482_000, lower: 100_000, upper: null, likely: { lower: 462_000, upper: 502_000 } },
        "48.2k ± 2k/s",
      ],
      [
        "sampled and open",
        { estimate: 482_000, lower: 100_000, upper: null, likely: { lower: 462_000, upper: null } },
        "at least 46.2k/s, likely 48.2k/s",
      ],
    ];
    for (const [what, bounds, expected] of cases) {
      it(`that is ${what}: ${expected}`, () => assert.equal(boundedRate(bounds, 10_000), expected));
    }
  });
});

describe("a sparkline", () => {
  it("stands on nothing, and its highest step is full", () => {
    assert.equal(sparkline([0, 1, 25, 50, 75, 100]), "▁▂▃▅▆█");
    assert.equal(sparkline([0, 0]), "▁▁");
  });

  it("is empty where there is nothing to compare", () => {
    assert.deepEqual([sparkline([]), sparkline([5])], ["", ""]);
  });
});
