import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "../support/fast-check.ts";
import { JudgedTraffic } from "../support/judged-traffic.ts";
import type { Row } from "../support/parts.ts";
import { seededRandom } from "../support/random.ts";

const SURGE = { name: "surge", type: "surge", window: "2s", threshold: "1/s" };
/** 30 windows of 2 s, and some before the first one is whole. */
const WARM_UP_S = 80;
const KEYS = 8;

test("no key whose counts never reach three times what is usual surges, whatever a sketch hides of it", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 60 }), (seed, floor) => {
      const random = seededRandom(seed);
      const traffic = new JudgedTraffic([SURGE]);
      const usual = Array.from({ length: KEYS }, () => 1 + Math.floor(random() * 100));
      traffic.pass(WARM_UP_S + 60, () => {
        const rows: Row[] = [];
        for (const [i, least] of usual.entries()) {
          const write = least + Math.floor(random() * 1.9 * least);
          // What is not above the floor may be left out, as a purge would; what is in may be too high by it.
          if (write <= floor && random() < 0.5) continue;
          const error = Math.floor(random() * floor);
          rows.push({ key: `k${i}`, write, error });
        }
        return { rows, part: { floor } };
      });
      assert.deepEqual(traffic.states, []);
    }),
    { numRuns: 40 },
  );
});

test("a key that goes from less than the floor to far above it surges all the same", () => {
  const traffic = new JudgedTraffic([SURGE]);
  traffic.pass(WARM_UP_S, { rows: [{ key: "other", write: 100 }], part: { floor: 20 } });
  traffic.pass(5, {
    rows: [
      { key: "other", write: 100 },
      { key: "k", write: 200 },
    ],
    part: { floor: 20 },
  });
  assert.match(traffic.states[0] ?? "none", /^firing/);
});
