import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadShedding, type ReaderLook } from "../../../../src/sources/keyspace/load-shedding.ts";
import fc from "../../../support/fast-check.ts";

const LOOK_MS = 50;
const PANE_MS = 1000;
/** Late enough not to be easy, not so late that there is no room. */
const HAS_ROOM_MS = 100;

/** Looks each 50 ms, and a pane each second, like the source's. */
class Scene {
  readonly shedding: LoadShedding;
  nowMs = 0;
  #lookedMs = 0;

  constructor(yieldAt = 0) {
    this.shedding = new LoadShedding(yieldAt);
  }

  /** `[probability, watchedShare]`. */
  get intake(): [number, number] {
    const { probability, watchedShare } = this.shedding.intake;
    return [probability, watchedShare];
  }

  look(fields: Partial<ReaderLook> = {}): boolean {
    return this.shedding.look({ nowMs: this.nowMs, behindMs: 0, lagMs: 0, busy: 0.1, ...fields });
  }

  pass(ms: number, fields: Partial<ReaderLook> = {}): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += LOOK_MS;
      this.look(fields);
      if (this.nowMs - this.#lookedMs >= PANE_MS) {
        this.#lookedMs = this.nowMs;
        this.shedding.beforePane(this.nowMs, HAS_ROOM_MS);
      }
    }
  }

  /** How long it takes until something else is taken in, in ms. */
  passUntilChange(fields: Partial<ReaderLook>, maxMs = 60_000): number {
    const before = this.intake.join();
    const fromMs = this.nowMs;
    while (this.intake.join() === before) {
      assert.ok(this.nowMs - fromMs < maxMs, `nothing changed for ${maxMs} ms at ${before}`);
      this.pass(LOOK_MS, fields);
    }
    return this.nowMs - fromMs;
  }
}

const BEHIND = { behindMs: 200, busy: 1 };

test("a reader that keeps up takes in everything, however busy it is and however much is on its way", () => {
  const scene = new Scene();
  scene.pass(5000);
  scene.pass(5000, { busy: 1 });
  scene.pass(5000, { behindMs: 149, lagMs: 5000, busy: 1 });
  assert.deepEqual(scene.intake, [1, 1]);
  assert.equal(scene.shedding.reason, null);
});

test("a reader that is 150 ms behind counts 1 of 2, and 1 of 4 if that was not enough once it had settled", () => {
  const scene = new Scene();
  assert.equal(scene.look({ behindMs: 150 }), false);
  assert.deepEqual(scene.intake, [1 / 2, 1]);
  scene.nowMs = 299;
  assert.equal(scene.look({ behindMs: 299 }), false);
  assert.deepEqual(scene.intake, [1 / 2, 1], "the first step has had no time to show");
  scene.nowMs = 300;
  scene.look({ behindMs: 150 });
  assert.deepEqual(scene.intake, [1 / 4, 1]);
});

test("a reader that is too far behind takes as little as possible at once, until it has caught up", () => {
  const scene = new Scene();
  assert.equal(scene.look({ behindMs: 300 }), true);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 16]);
  assert.equal(
    scene.shedding.reason,
    "1 of 4 events is counted, 1/16 of the time is watched: the agent cannot keep up",
  );
  scene.nowMs = 50;
  assert.equal(scene.look({ behindMs: 100 }), false);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 2], "what sampling alone could not do, half of the time should");
});

test("too far behind right after a step, it listens no more at once and takes the step when the first has settled", () => {
  const scene = new Scene();
  scene.look({ behindMs: 150 });
  scene.nowMs = 150;
  assert.equal(scene.look({ behindMs: 300 }), true);
  assert.deepEqual(scene.intake, [1 / 2, 1 / 16]);
  scene.nowMs = 300;
  assert.equal(scene.look({ behindMs: 450 }), true);
  scene.nowMs = 350;
  scene.look();
  assert.deepEqual(scene.intake, [1 / 4, 1 / 2]);
});

test("it does not go back where events were read late in the pane: there is no room for more", () => {
  const scene = new Scene();
  scene.look({ behindMs: 150 });
  const levels: number[] = [];
  for (const worstLagMs of [0, 300, 300, 100, 100, 100, 300, 100, 100]) {
    for (let i = 0; i < PANE_MS / LOOK_MS; i++) {
      scene.nowMs += LOOK_MS;
      scene.look();
    }
    scene.shedding.beforePane(scene.nowMs, worstLagMs);
    levels.push(scene.intake[0]);
  }
  // The retry time of what failed is over after the eighth, and so is the calm second after the last late pane.
  assert.deepEqual(levels, [1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1]);
});

test("what has failed is tried again soon where events have hardly been late for three panes: something has changed", () => {
  const scene = new Scene();
  scene.look({ behindMs: 150 });
  const levels: number[] = [];
  for (const worstLagMs of [20, 20, 100, 20, 20, 20]) {
    for (let i = 0; i < PANE_MS / LOOK_MS; i++) {
      scene.nowMs += LOOK_MS;
      scene.look();
    }
    scene.shedding.beforePane(scene.nowMs, worstLagMs);
    levels.push(scene.intake[0]);
  }
  assert.deepEqual(levels, [1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2, 1]);
});

test("the time that is watched falls by one step a pane, however long the reader is behind in it", () => {
  const scene = new Scene();
  const shares: number[] = [];
  for (let pane = 0; pane < 9; pane++) {
    for (let i = 0; i < 20; i++) {
      scene.nowMs += LOOK_MS;
      scene.look({ behindMs: 200 });
    }
    scene.shedding.beforePane(scene.nowMs, 0);
    assert.equal(scene.intake[0], 1 / 4);
    shares.push(scene.intake[1]);
  }
  assert.deepEqual(shares, [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 16, 1 / 16, 1 / 16, 1 / 16]);
});

test("after a calm second with room the reader takes one step back a pane, to everything in the end", () => {
  const scene = new Scene();
  scene.pass(6000, BEHIND);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 16]);
  const seen: string[] = [];
  for (let pane = 0; pane < 30; pane++) {
    scene.pass(PANE_MS);
    if (seen.at(-1) !== scene.intake.join()) seen.push(scene.intake.join());
  }
  assert.deepEqual(seen, ["0.25,0.0625", "0.25,0.125", "0.25,0.25", "0.25,0.5", "0.25,1", "0.5,1", "1,1"]);
  assert.equal(scene.shedding.reason, null);
});

test("there is no step back while the process is busy, while events are late, or within the calm second", () => {
  for (const fields of [{ busy: 0.45 }, { lagMs: 101 }, { behindMs: 150 }]) {
    const scene = new Scene();
    scene.pass(1000, BEHIND);
    // So long that a level which has failed may be tried again.
    scene.pass(10_000, { busy: 1, lagMs: 101 });
    const before = scene.intake;
    scene.pass(10_000, fields);
    assert.ok(scene.intake[1] <= before[1] && scene.intake[0] === 1 / 4, JSON.stringify(fields));
  }
  const scene = new Scene();
  scene.look({ behindMs: 200 });
  scene.nowMs = 20_000;
  scene.look();
  scene.nowMs = 20_999;
  scene.shedding.beforePane(scene.nowMs, 0);
  assert.deepEqual(scene.intake, [1 / 2, 1]);
  scene.nowMs = 21_000;
  scene.shedding.beforePane(scene.nowMs, 0);
  assert.deepEqual(scene.intake, [1, 1]);
});

test("the next step back takes another calm second, however short the panes are", () => {
  const scene = new Scene();
  scene.pass(1000, BEHIND);
  const steps: number[] = [];
  let before = scene.intake.join();
  for (let pane = 0; pane < 80; pane++) {
    scene.nowMs += 100;
    scene.look();
    scene.shedding.beforePane(scene.nowMs, 0);
    if (scene.intake.join() !== before) steps.push(scene.nowMs);
    before = scene.intake.join();
  }
  assert.equal(before, "1,1");
  assert.deepEqual(
    steps.slice(1).map((atMs, i) => atMs - (steps[i] ?? 0)),
    steps.slice(1).map(() => 1000),
  );
});

test("events that are a little late, and a process that has room, are calm", () => {
  const scene = new Scene();
  scene.look({ behindMs: 200 });
  scene.pass(10_000, { behindMs: 149, lagMs: 100, busy: 0.44 });
  assert.deepEqual(scene.intake, [1, 1]);
});

test("what has failed is tried again after 8 s, then later each time, 64 s at most", () => {
  const scene = new Scene();
  scene.look({ behindMs: 200 });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    waits.push(scene.passUntilChange({}, 70_000));
    assert.deepEqual(scene.intake, [1, 1]);
    scene.passUntilChange(BEHIND);
    assert.deepEqual(scene.intake, [1 / 2, 1]);
  }
  const seconds = waits.map((ms) => Math.floor(ms / 1000));
  assert.deepEqual(seconds, [8, 16, 32, 64, 64]);
});

test("a failure of long ago is forgotten: the next one waits for 8 s again", () => {
  const scene = new Scene();
  scene.look({ behindMs: 200 });
  scene.passUntilChange({});
  scene.passUntilChange(BEHIND);
  assert.ok(scene.passUntilChange({}) >= 16_000);
  scene.pass(20_000);
  scene.passUntilChange(BEHIND);
  const waitedMs = scene.passUntilChange({});
  assert.ok(waitedMs >= 8000 && waitedMs < 10_000, `${waitedMs} ms`);
});

test("only what has failed must wait: the steps that were passed over in a hurry are tried at once", () => {
  const scene = new Scene();
  scene.look({ behindMs: 300 });
  scene.pass(LOOK_MS);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 2]);
  assert.ok(scene.passUntilChange({}) <= 2000);
  assert.deepEqual(scene.intake, [1 / 4, 1]);
  assert.equal(scene.passUntilChange({}), 1000);
  assert.deepEqual(scene.intake, [1 / 2, 1]);
  scene.passUntilChange({});
  assert.deepEqual(scene.intake, [1, 1]);
  assert.ok(scene.nowMs >= 8000 && scene.nowMs <= 9000, `${scene.nowMs} ms`);
});

test("reasons name what is not taken in, and why", () => {
  const scene = new Scene();
  scene.look({ behindMs: 150 });
  assert.equal(scene.shedding.reason, "1 of 2 events is counted: the agent cannot keep up");
  const relieved = new Scene(0.5);
  for (let look = 0; look < 2; look++) relieved.shedding.lookAtServer(1, look);
  assert.equal(
    relieved.shedding.reason,
    "1/2 of the time is watched: the server's main thread is busy (yieldAt)",
  );
  relieved.look({ behindMs: 150 });
  assert.equal(
    relieved.shedding.reason,
    "1 of 2 events is counted, 1/2 of the time is watched: the agent cannot keep up",
  );
});

test("with yieldAt 0 the tap never gives way to the server", () => {
  const scene = new Scene(0);
  for (let look = 0; look < 50; look++) scene.shedding.lookAtServer(1, look * 1000);
  assert.deepEqual(scene.intake, [1, 1]);
});

test("a server that is saturated for two looks is relieved, by the time that is watched alone", () => {
  const scene = new Scene(0.9);
  const shares: number[] = [];
  for (let look = 0; look < 12; look++) {
    scene.shedding.lookAtServer(0.9, look * 1000);
    shares.push(scene.intake[1]);
  }
  assert.deepEqual(shares, [
    1,
    1 / 2,
    1 / 2,
    1 / 4,
    1 / 4,
    1 / 8,
    1 / 8,
    1 / 16,
    1 / 16,
    1 / 16,
    1 / 16,
    1 / 16,
  ]);
  assert.equal(scene.intake[0], 1);
});

test("one saturated look between others is no saturation, and a look that says nothing changes nothing", () => {
  const scene = new Scene(0.9);
  for (let look = 0; look < 20; look++) scene.shedding.lookAtServer(look % 2 ? 1 : 0.89, look * 1000);
  assert.deepEqual(scene.intake, [1, 1]);
  scene.shedding.lookAtServer(0, 20_000);
  scene.shedding.lookAtServer(1, 21_000);
  scene.shedding.lookAtServer(null, 22_000);
  assert.deepEqual(scene.intake, [1, 1]);
  scene.shedding.lookAtServer(1, 23_000);
  assert.deepEqual(scene.intake, [1, 1 / 2], "an unknown look is neither saturated nor the end of it");
});

test("relief stays while the server is nearly saturated, and ends step by step after 5 s", () => {
  const scene = new Scene(0.5);
  let nowMs = 0;
  const looks = (count: number, cpuShare: number) => {
    const shares: number[] = [];
    for (let look = 0; look < count; look++) {
      nowMs += 1000;
      scene.shedding.lookAtServer(cpuShare, nowMs);
      shares.push(scene.intake[1]);
    }
    return shares;
  };
  looks(4, 0.5);
  assert.deepEqual(new Set(looks(20, 0.4)), new Set([1 / 4]), "0.4 is 0.8 of yieldAt");
  looks(5, 0.39);
  assert.deepEqual(looks(1, 0.4), [1 / 4], "the 5 s begin anew");
  const ends = looks(11, 0.39);
  assert.deepEqual(ends.slice(0, 5), [1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4]);
  assert.deepEqual(ends.slice(5, 10), [1 / 2, 1 / 2, 1 / 2, 1 / 2, 1 / 2]);
  assert.equal(ends[10], 1);
  assert.equal(scene.shedding.reason, null);
});

test("the reader's need and the server's do not add up: the greater one holds", () => {
  const scene = new Scene(0.5);
  for (let look = 0; look < 4; look++) scene.shedding.lookAtServer(1, look);
  scene.pass(1000, BEHIND);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 4]);
  scene.pass(5000, BEHIND);
  assert.deepEqual(scene.intake, [1 / 4, 1 / 16]);
});

/** Steps away from everything: 1/2, 1/4, then the time that is watched. */
function levelOf([probability, watchedShare]: [number, number]): number {
  return Math.log2(1 / (probability * watchedShare));
}

test("whatever the reader looks like, the intake is one of the seven, and moves by the rules", () => {
  const look = fc.record({
    ms: fc.integer({ min: 1, max: 400 }),
    behindMs: fc.constantFrom(0, 0, 0, 100, 149, 150, 200, 299),
    lagMs: fc.constantFrom(0, 0, 100, 101, 3000),
    busy: fc.constantFrom(0, 0.2, 0.44, 1),
    endsPane: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 300 }), (looks) => {
      const scene = new Scene();
      let level = 0;
      let dutyStepsInPane = 0;
      let notCalmMs = 0;
      let steppedBackMs = Number.NEGATIVE_INFINITY;
      for (const { ms, behindMs, lagMs, busy, endsPane } of looks) {
        scene.nowMs += ms;
        assert.equal(scene.look({ behindMs, lagMs, busy }), false);
        if (behindMs >= 150 || lagMs > 100) notCalmMs = scene.nowMs;
        const next = levelOf(scene.intake);
        assert.ok([1, 1 / 2, 1 / 4].includes(scene.intake[0]));
        assert.ok([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16].includes(scene.intake[1]));
        assert.ok(scene.intake[1] === 1 || scene.intake[0] === 1 / 4, "sampling comes first");
        assert.ok(next === level || (next === level + 1 && behindMs >= 150), `${level} to ${next}`);
        dutyStepsInPane += next > level && next > 2 ? 1 : 0;
        assert.ok(dutyStepsInPane <= 1, "one step a pane");
        level = next;
        if (!endsPane) continue;
        scene.shedding.beforePane(scene.nowMs, 0);
        dutyStepsInPane = 0;
        const after = levelOf(scene.intake);
        if (after !== level) {
          assert.equal(after, level - 1);
          assert.ok(scene.nowMs - notCalmMs >= 1000, "back only after a calm second");
          assert.ok(scene.nowMs - steppedBackMs >= 1000, "and another one for the next step");
          steppedBackMs = scene.nowMs;
        }
        level = after;
      }
    }),
    { numRuns: 500 },
  );
});

test("whatever happens, too far behind means as little as possible, and never less than that", () => {
  const look = fc.record({
    ms: fc.integer({ min: 1, max: 1200 }),
    behindMs: fc.constantFrom(0, 0, 150, 299, 300, 5000),
    cpuShare: fc.constantFrom(null, 0, 0.4, 1),
    endsPane: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 200 }), (looks) => {
      const scene = new Scene(0.5);
      for (const { ms, behindMs, cpuShare, endsPane } of looks) {
        scene.nowMs += ms;
        assert.equal(scene.look({ behindMs }), behindMs >= 300);
        scene.shedding.lookAtServer(cpuShare, scene.nowMs);
        if (endsPane) scene.shedding.beforePane(scene.nowMs, 0);
        const [probability, watchedShare] = scene.intake;
        assert.ok([1, 1 / 2, 1 / 4].includes(probability));
        assert.ok([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16].includes(watchedShare));
        if (behindMs >= 300) assert.equal(watchedShare, 1 / 16);
        assert.equal(scene.shedding.reason === null, probability === 1 && watchedShare === 1);
      }
    }),
    { numRuns: 300 },
  );
});
