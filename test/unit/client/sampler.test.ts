import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COUNTED_PER_SECOND, PROBABILITY_MIN, Sampler } from "../../../src/client/sampler.ts";
import { seededRandom } from "../../support/random.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const SEED = 20_261_123;

/** A tally that counts how often it was taken. */
class CountingTally {
  readonly probability: number;
  taken = 0;

  constructor(probability: number) {
    this.probability = probability;
  }

  add(): void {}
}

function rig({ fixed = null, seed = SEED }: { fixed?: number | null; seed?: number } = {}) {
  const clock = new SimulatedClock();
  const tallies = new Map<number, CountingTally>();
  const sampler = new Sampler<CountingTally>({
    fixed,
    clock,
    random: seededRandom(seed),
    onTime: null,
    tallyOf: (probability) => {
      const tally = tallies.get(probability) ?? new CountingTally(probability);
      tallies.set(probability, tally);
      return tally;
    },
  });
  const send = (commands: number) => {
    let taken = 0;
    for (let i = 0; i < commands; i++) {
      const tally = sampler.take();
      if (tally === null) continue;
      tally.taken++;
      taken++;
    }
    return taken;
  };
  /** Commands a second, evenly in steps of 10 ms; settles each second. */
  const run = (perSecond: number, seconds: number) => {
    let taken = 0;
    for (let step = 0; step < seconds * 100; step++) {
      clock.advance(10);
      taken += send(perSecond / 100);
      if (step % 100 === 99) sampler.settle(clock.monotonic());
    }
    return taken;
  };
  return { clock, sampler, tallies, send, run };
}

describe("how many commands are counted", () => {
  test("all, while there are fewer than 5,000 a second", () => {
    const { run, sampler } = rig();
    assert.equal(run(4900, 20), 4900 * 20);
    assert.equal(sampler.probability, 1);
  });

  test("about 5,000 a second of more, but at least an eighth", () => {
    for (const [perSecond, expected] of [
      [8000, 1 / 2],
      [15_000, 1 / 4],
      [35_000, 1 / 8],
      [400_000, 1 / 8],
    ] as const) {
      const { run, sampler } = rig();
      run(perSecond, 3);
      assert.equal(sampler.probability, expected, `${perSecond}/s`);
    }
  });

  test("fewer within the second in which a rush begins", () => {
    const { clock, send, sampler } = rig();
    clock.advance(10);
    send(20_000);
    assert.equal(sampler.probability, PROBABILITY_MIN);
  });

  test("a short rush is counted whole", () => {
    const { clock, send, sampler } = rig();
    for (let second = 0; second < 20; second++) {
      clock.advance(1000);
      assert.equal(send(900), 900);
      sampler.settle(clock.monotonic());
    }
  });

  test("all again once the load is gone, at the end of a second", () => {
    const { run, sampler } = rig();
    run(200_000, 2);
    assert.equal(sampler.probability, 1 / 8);
    run(1000, 1);
    assert.equal(sampler.probability, 1);
  });

  test("a load at the edge does not go to and fro", () => {
    const { run, tallies } = rig();
    run(9000, 20);
    run(9000, 20);
    const taken = Array.from(tallies.values(), (tally) => tally.taken);
    assert.ok((tallies.get(1)?.taken ?? 0) < 2 * COUNTED_PER_SECOND, `${taken} taken`);
  });

  test("a fixed probability stays, whatever the load", () => {
    const { run, sampler } = rig({ fixed: 1 / 32 });
    const taken = run(100_000, 2);
    assert.equal(sampler.probability, 1 / 32);
    assert.ok(Math.abs(taken - 200_000 / 32) < 5 * Math.sqrt(200_000 / 32), `${taken} taken`);
  });
});

describe("which commands are counted", () => {
  test("each independently of the others: gaps are geometric", () => {
    const { sampler } = rig({ fixed: 1 / 8 });
    const gaps = new Array<number>(40).fill(0);
    let gap = 0;
    const takes = 400_000;
    for (let i = 0; i < takes; i++) {
      gap++;
      if (sampler.take() === null) continue;
      gaps[Math.min(gap, gaps.length - 1)]!++;
      gap = 0;
    }
    const taken = gaps.reduce((sum, count) => sum + count, 0);
    for (let length = 2; length < 30; length++) {
      const expected = taken * (1 / 8) * (7 / 8) ** (length - 1);
      assert.ok(
        Math.abs(gaps[length]! - expected) < 4.5 * Math.sqrt(expected),
        `gaps of ${length}: ${gaps[length]}, expected ${expected}`,
      );
    }
  });

  test("a key that is every eighth command is counted as often as the others", () => {
    const { sampler } = rig({ fixed: 1 / 8 });
    let hits = 0;
    const rounds = 200_000;
    for (let i = 0; i < rounds * 8; i++) if (sampler.take() !== null && i % 8 === 0) hits++;
    assert.ok(Math.abs(hits - rounds / 8) < 4 * Math.sqrt((rounds * 7) / 64), `${hits} of ${rounds / 8}`);
  });

  test("a key at 1,000/s is known within 3% after 10 s at an eighth, without bias", () => {
    const runs = 100;
    const truth = 10_000;
    const estimates = Array.from({ length: runs }, (_, run) => {
      const { sampler } = rig({ fixed: 1 / 8, seed: SEED + run });
      let counted = 0;
      // Each tenth of 10,000/s commands is of the key.
      for (let i = 0; i < truth * 10; i++) {
        const tally = sampler.take();
        if (tally !== null && i % 10 === 3) counted++;
      }
      return counted * 8;
    });
    const mean = estimates.reduce((sum, estimate) => sum + estimate, 0) / runs;
    const variance = estimates.reduce((sum, estimate) => sum + (estimate - mean) ** 2, 0) / (runs - 1);
    const standardError = Math.sqrt(variance);
    assert.ok(standardError / truth < 0.03, `standard error ${(100 * standardError) / truth}%`);
    assert.ok(Math.abs(mean - truth) < (3 * standardError) / Math.sqrt(runs), `mean ${mean} of ${truth}`);
  });

  test("changing the probability under load adds no bias", () => {
    const runs = 200;
    const estimates = Array.from({ length: runs }, (_, seed) => {
      const { clock, sampler } = rig({ seed: SEED + seed });
      let estimate = 0;
      let sent = 0;
      for (let step = 0; step < 100; step++) {
        clock.advance(10);
        const load = step % 20 < 10 ? 900 : 20;
        for (let i = 0; i < load; i++) {
          const tally = sampler.take();
          if (sent++ % 10 === 0 && tally !== null) estimate += 1 / tally.probability;
        }
        if (step % 25 === 24) sampler.settle(clock.monotonic());
      }
      return estimate / (sent / 10);
    });
    const mean = estimates.reduce((sum, estimate) => sum + estimate, 0) / runs;
    const deviation = Math.sqrt(estimates.reduce((sum, e) => sum + (e - mean) ** 2, 0) / (runs - 1));
    assert.ok(
      Math.abs(mean - 1) < (3.5 * deviation) / Math.sqrt(runs),
      `mean ${mean}, deviation ${deviation}`,
    );
  });
});
