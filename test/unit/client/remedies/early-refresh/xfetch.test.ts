import assert from "node:assert/strict";
import { test } from "node:test";
import { isRefreshDue } from "../../../../../src/client/remedies/early-refresh/xfetch.ts";
import { seededRandom } from "../../../../support/random.ts";

/** A value at the moment of a read. */
interface Read {
  readonly ttlMs: number;
  /** How long it took to compute it. */
  readonly deltaMs: number;
  /** Since it was computed. */
  readonly ageMs: number;
}

type Decide = (read: Read, beta: number, draw: number) => boolean;

const xfetch: Decide = ({ ttlMs, deltaMs }, beta, draw) => isRefreshDue({ ttlMs, deltaMs }, beta, draw);
/** What is often written in its place: it has no recompute time at hand. */
const naive: Decide = ({ ttlMs, ageMs }, beta, draw) => isRefreshDue({ ttlMs, deltaMs: ageMs }, beta, draw);

const DRAWS = 20_000;
const LIFE_MS = 60_000;

/** Each read decides with exp(-ttl / (beta * delta)), within 5 standard deviations. Returns: what was off. */
function offFromPaper(decide: Decide): string[] {
  const random = seededRandom(8);
  const off: string[] = [];
  for (const beta of [0.5, 1, 2]) {
    for (const deltaMs of [20, 500, 20_000]) {
      for (const ttlMs of [1, 10, 300, 30_000, 59_000]) {
        const expected = Math.exp(-ttlMs / (beta * deltaMs));
        const read = { ttlMs, deltaMs, ageMs: LIFE_MS - ttlMs };
        let due = 0;
        for (let i = 0; i < DRAWS; i++) if (decide(read, beta, random())) due++;
        const deviation = Math.sqrt((expected * (1 - expected)) / DRAWS);
        const isOff = Math.abs(due / DRAWS - expected) > 5 * deviation + 1 / DRAWS;
        if (isOff) off.push(`beta ${beta}, delta ${deltaMs}, left ${ttlMs}: ${due / DRAWS}, not ${expected}`);
      }
    }
  }
  return off;
}

test("the chance of a recompute is that of the paper, for every time left and every recompute time", () => {
  assert.deepEqual(offFromPaper(xfetch), []);
});

test("with the time since the last refresh in place of the recompute time it is not", () => {
  assert.ok(offFromPaper(naive).length > 10);
});

/** How long before the expiry a key that is read every `everyMs` is recomputed, on average, in ms; 0: at the expiry. */
function meanLeadMs(decide: Decide, deltaMs: number, everyMs: number): number {
  const random = seededRandom(15);
  const lives = 200;
  let sum = 0;
  for (let life = 0; life < lives; life++) {
    for (let ageMs = 0; ageMs < LIFE_MS; ageMs += everyMs) {
      const ttlMs = LIFE_MS - ageMs;
      if (!decide({ ttlMs, deltaMs, ageMs }, 1, random())) continue;
      sum += ttlMs;
      break;
    }
  }
  return sum / lives;
}

test("a key is recomputed some recompute times before it expires, the more often it is read the earlier", () => {
  // Source of the figure: the first of reads at a rate of 1 / t comes at about delta * (ln(delta / t) + 0.577).
  for (const everyMs of [1, 5]) {
    const expected = 50 * (Math.log(50 / everyMs) + 0.577);
    const lead = meanLeadMs(xfetch, 50, everyMs);
    assert.ok(Math.abs(lead - expected) < 0.2 * expected, `${lead} ms, not about ${expected}`);
    // Half a minute of a minute thrown away, for a query of 50 ms.
    const naiveLead = meanLeadMs(naive, 50, everyMs);
    assert.ok(naiveLead > 20_000, `${naiveLead} ms`);
  }
});

test("a value that does not expire is not recomputed, one that took no time only when it expires", () => {
  for (const draw of [0, 0.5, 1 - Number.EPSILON]) {
    assert.equal(isRefreshDue({ ttlMs: -1, deltaMs: 1000 }, 1, draw), false);
    assert.equal(isRefreshDue({ ttlMs: 1, deltaMs: 0 }, 1, draw), false);
    assert.equal(isRefreshDue({ ttlMs: 0, deltaMs: 0 }, 1, draw), true);
  }
});
