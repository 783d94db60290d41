import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyCycle } from "../../../../src/sources/keyspace/duty-cycle.ts";
import fc from "../../../support/fast-check.ts";
import { seededRandom } from "../../../support/random.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";

const PANE_MS = 1000;
const NEARLY_ALL = 1 - 2 ** -10;

/** A duty cycle, and what it told the subscription. Times in ms since the start. */
class Scene {
  readonly clock = new SimulatedClock();
  readonly switches: [atMs: number, isOn: boolean][] = [];
  readonly duty: DutyCycle;

  constructor(random: () => number = seededRandom(1)) {
    this.duty = new DutyCycle(
      this.clock,
      (isOn) => this.switches.push([this.clock.monotonic(), isOn]),
      random,
    );
  }

  get nowMs(): number {
    return this.clock.monotonic();
  }

  /** Ends the pane, read up to `lateMs` ago, and plans the next one. */
  nextPane(share: number, lateMs = 0): number {
    const watchedShare = this.duty.endPane(this.nowMs - lateMs);
    this.duty.beginPane(share, PANE_MS);
    return watchedShare;
  }

  /** A pane from beginning to end; `during` at its offset. Returns its share, read to its very end. */
  pane(share: number, during: readonly [offsetMs: number, act: () => void][] = []): number {
    this.duty.beginPane(share, PANE_MS);
    let atMs = 0;
    for (const [offsetMs, act] of during) {
      this.clock.advance(offsetMs - atMs);
      atMs = offsetMs;
      act();
    }
    this.clock.advance(PANE_MS - atMs);
    return this.duty.endPane(this.nowMs);
  }

  /** For how long the subscription was told to be on, within `[0, untilMs)`. */
  listenedUntil(untilMs: number): number {
    let listenedMs = 0;
    let onMs: number | null = 0;
    for (const [atMs, isOn] of this.switches) {
      if (isOn) onMs = atMs;
      else if (onMs !== null) {
        listenedMs += Math.max(0, Math.min(atMs, untilMs) - onMs);
        onMs = null;
      }
    }
    return onMs === null ? listenedMs : listenedMs + Math.max(0, untilMs - onMs);
  }
}

test("with all of the time it listens all of the time, and a pane is watched by exactly 1", () => {
  const scene = new Scene();
  assert.ok(scene.duty.isOn);
  for (let pane = 0; pane < 5; pane++) assert.equal(scene.pane(1), 1);
  assert.deepEqual(scene.switches, []);
  assert.equal(scene.clock.waiting, 0);
});

test("with a quarter of the time it listens for 250 ms of a second, from a moment that chance gives", () => {
  for (const [random, fromMs] of [
    [0, 0],
    [0.5, 375],
    [0.999, 749.25],
  ] as const) {
    const scene = new Scene(() => random);
    assert.equal(scene.pane(1 / 4), 0.25);
    assert.deepEqual(scene.switches, [
      [0, false],
      [fromMs, true],
      [fromMs + 250, false],
    ]);
    assert.equal(scene.duty.isOn, false);
  }
});

test("moments are spread over the pane, so that nothing that repeats with the clock is always missed", () => {
  const scene = new Scene(seededRandom(7));
  const heard = new Array<number>(10).fill(0);
  const panes = 2000;
  for (let pane = 0; pane < panes; pane++) scene.pane(1 / 4);
  let onMs = 0;
  for (const [atMs, isOn] of scene.switches) {
    if (isOn) onMs = atMs;
    else for (let ms = onMs; ms < atMs; ms += 10) heard[Math.floor((ms % PANE_MS) / 100)]! += 10 / 100;
  }
  const rarest = Math.min(...heard) / panes;
  assert.ok(rarest > 0.04, `${rarest} of the rarest tenth`);
  const expectedTenth = 0.05 / 0.75;
  assert.ok(Math.abs((heard[0] ?? 0) / panes - expectedTenth) < 0.02, String(heard[0]));
});

test("full time after a part of it begins with the pane", () => {
  const scene = new Scene(() => 0.5);
  assert.equal(scene.pane(1 / 2), 0.5);
  assert.equal(scene.pane(1), 1);
  assert.deepEqual(scene.switches.at(-1), [1000, true]);
});

test("a pane is not paused before 1/16 of it was listened to, then it is until its end", () => {
  const early = new Scene();
  assert.equal(early.pane(1, [[62, () => early.duty.pause()]]), 1);
  assert.deepEqual(early.switches, []);
  const scene = new Scene();
  const share = scene.pane(1, [
    [100, () => scene.duty.pause()],
    [500, () => scene.duty.pause()],
  ]);
  assert.equal(share, 0.1);
  assert.deepEqual(scene.switches, [[100, false]]);
});

test("a pause counts from when it began to listen, and what was planned for the pane is off", () => {
  const scene = new Scene(() => 0.5);
  const share = scene.pane(1 / 2, [
    [300, () => scene.duty.pause()],
    [312, () => scene.duty.pause()],
    [313, () => scene.duty.pause()],
  ]);
  assert.deepEqual(scene.switches, [
    [0, false],
    [250, true],
    [313, false],
  ]);
  assert.equal(share, 0.063);
  assert.equal(scene.clock.waiting, 0);
});

test("a pause before the moment has come changes nothing", () => {
  const scene = new Scene(() => 0.5);
  assert.equal(scene.pane(1 / 4, [[200, () => scene.duty.pause()]]), 0.25);
});

test("what is read late counts in the pane in which it is read", () => {
  const scene = new Scene(() => 1 - 2 ** -53);
  scene.duty.beginPane(1 / 2, PANE_MS);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 4, 200), 0.3);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 4), 0.45, "its own 250 ms, and 200 of the pane before");
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1), 0.25);
});

test("a pane that is read late is nearly all, and what the next one has too much is nobody's", () => {
  const scene = new Scene();
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1, 0.5), NEARLY_ALL, "as good as all, but not to its end");
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1), 1);
});

test("a pane of which nothing was read says so by being nearly all, and the next one answers for both", () => {
  const scene = new Scene(() => 0.5);
  scene.duty.beginPane(1, PANE_MS);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 4, 1000), NEARLY_ALL);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1, 500), 0.5 + 0.125 / 2, "1000 ms and 125, of 2000");
});

test("a stream that is never read is owed ten panes and no more, and is never nothing", () => {
  const scene = new Scene();
  const shares: number[] = [];
  scene.duty.beginPane(1, PANE_MS);
  for (let pane = 0; pane < 12; pane++) {
    scene.clock.advance(PANE_MS);
    shares.push(scene.nextPane(1, scene.nowMs));
  }
  assert.deepEqual(new Set(shares.slice(0, 9)), new Set([NEARLY_ALL]));
  assert.equal(shares[9], 1 / 32);
  assert.equal(shares[10], NEARLY_ALL);
});

test("a reader that claims less than before is not believed: what was counted is not counted again", () => {
  const scene = new Scene(() => 0.5);
  scene.duty.beginPane(1, PANE_MS);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 4), 1);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 4, 1500), NEARLY_ALL);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1), 0.25);
});

test("once stopped it waits for nothing", () => {
  const scene = new Scene(() => 0.5);
  scene.duty.beginPane(1 / 4, PANE_MS);
  assert.equal(scene.clock.waiting, 2);
  scene.duty.stop();
  assert.equal(scene.clock.waiting, 0);
  scene.clock.advance(PANE_MS);
  assert.deepEqual(scene.switches, [[0, false]]);
});

const PANE = fc.record({
  share: fc.constantFrom(1 / 2, 1 / 4, 1 / 8, 1 / 16),
  lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
  lengthMs: fc.integer({ min: 990, max: 1010 }),
  pauseAtMs: fc.option(fc.integer({ min: 0, max: 900 })),
});

test("over many panes shares times lengths are the time that was listened to, however late it is read", () => {
  fc.assert(
    fc.property(fc.array(PANE, { minLength: 5, maxLength: 60 }), fc.integer(), (panes, seed) => {
      const scene = new Scene(seededRandom(seed));
      scene.duty.beginPane(1 / 2, PANE_MS);
      let toldMs = 0;
      let owedMs = 0;
      let readToMs = 0;
      let settledToMs = 0;
      for (const { share, lateMs, lengthMs, pauseAtMs } of panes) {
        const pauseMs = pauseAtMs ?? 0;
        scene.clock.advance(pauseMs);
        if (pauseAtMs !== null) scene.duty.pause();
        scene.clock.advance(lengthMs - pauseMs);
        readToMs = Math.max(readToMs, scene.nowMs - lateMs);
        owedMs += lengthMs;
        const watchedShare = scene.nextPane(share, lateMs);
        assert.ok(watchedShare >= 1 / 32 && watchedShare < 1, String(watchedShare));
        if (watchedShare === NEARLY_ALL) continue;
        toldMs += watchedShare * owedMs;
        owedMs = 0;
        settledToMs = readToMs;
      }
      const listenedMs = scene.listenedUntil(settledToMs);
      assert.ok(Math.abs(toldMs - listenedMs) < 1e-6, `${toldMs} ms told, ${listenedMs} listened`);
    }),
    { numRuns: 300 },
  );
});

test("a pane of which the end, and late the pane before, were read is not all where it was not listened to between", () => {
  const scene = new Scene(() => 0);
  scene.duty.beginPane(1, PANE_MS);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1 / 2, 600), 0.4);
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1), NEARLY_ALL, "600 ms of the pane before and 500 of its own");
  scene.clock.advance(PANE_MS);
  assert.equal(scene.nextPane(1), 1);
});

test("whatever is planned and however late it is read, a share is above 0 and at most 1, and 1 only for all", () => {
  const pane = fc.record({
    share: fc.constantFrom(1, 1 / 2, 1 / 16),
    lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6000 })),
    pauses: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(pane, { minLength: 1, maxLength: 60 }), fc.integer(), (panes, seed) => {
      const scene = new Scene(seededRandom(seed));
      for (const { share, lateMs, pauses } of panes) {
        const fromMs = scene.nowMs;
        scene.clock.advance(PANE_MS / 2);
        if (pauses) scene.duty.pause();
        scene.clock.advance(PANE_MS / 2);
        const listenedMs = scene.listenedUntil(scene.nowMs) - scene.listenedUntil(fromMs);
        const watchedShare = scene.nextPane(share, lateMs);
        assert.ok(watchedShare >= 1 / 32 && watchedShare <= 1, String(watchedShare));
        if (watchedShare === 1) assert.ok(listenedMs >= PANE_MS - 1e-6, `${listenedMs} ms`);
      }
    }),
    { numRuns: 300 },
  );
});

test("a pane that was listened to all the time is whole, however long the calls themselves take", () => {
  let nowMs = 0;
  // Each look at the clock takes a moment.
  const clock = new (class extends SimulatedClock {
    override monotonic(): number {
      nowMs += 0.013;
      return nowMs;
    }
  })();
  const duty = new DutyCycle(clock, () => {});
  duty.beginPane(1, 1000);
  for (let pane = 0; pane < 100; pane++) {
    nowMs += 1000;
    assert.equal(duty.endPane(null), 1);
    duty.beginPane(1, 1000);
  }
});
