import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Roster } from "../../../src/windows/roster.ts";
import { makeReport } from "../../support/parts.ts";

const START_MS = Date.UTC(2026, 10, 23, 17);

interface ViewFields {
  readonly agent?: string;
  readonly slotsCovered?: number | null;
  readonly cluster?: string;
  /** How old the view is when it comes. */
  readonly ageMs?: number;
}

/** A roster under simulated time. */
class Scene {
  readonly roster = new Roster();
  nowMs = START_MS;

  view(targets: readonly string[], fields: ViewFields = {}): void {
    const { agent = "agent-a", slotsCovered = null, cluster = "default", ageMs = 0 } = fields;
    const atMs = this.nowMs - ageMs;
    this.roster.noteView({ type: "topology", agent, cluster, atMs, targets, slotsCovered }, this.nowMs);
  }

  report(target: string, agent = "agent-a"): void {
    this.roster.noteReport(makeReport({ target, agent }), this.nowMs);
  }

  gone(): string[] {
    return this.roster.gone(this.nowMs).map(({ target }) => target);
  }

  /** Passes time second by second; `each` is what agents send meanwhile. Returns who is gone, and after how long. */
  pass(seconds: number, each: () => void = () => {}): [target: string, afterSeconds: number][] {
    const gone: [string, number][] = [];
    for (let second = 1; second <= seconds; second++) {
      this.nowMs += 1000;
      each();
      gone.push(...this.gone().map((target): [string, number] => [target, second]));
    }
    return gone;
  }
}

describe("the roster", () => {
  it("says once that a target is gone, when no view has listed it for 3 s", () => {
    const scene = new Scene();
    scene.report("a");
    scene.report("b");
    assert.deepEqual(
      scene.pass(5, () => scene.view(["a", "b"])),
      [],
    );
    assert.deepEqual(
      scene.pass(10, () => scene.view(["a"])),
      [["b", 4]],
    );
    assert.equal(scene.roster.isMember("default", "a"), true);
    assert.equal(scene.roster.isMember("default", "b"), false);
  });

  it("does not mind a target that is missing for a moment", () => {
    const scene = new Scene();
    scene.report("a");
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(
        scene.pass(3, () => scene.view([])),
        [],
      );
      assert.deepEqual(
        scene.pass(1, () => scene.view(["a"])),
        [],
      );
    }
  });

  it("takes a target back at once when a view lists it again, and may then lose it again", () => {
    const scene = new Scene();
    scene.report("a");
    assert.deepEqual(
      scene.pass(5, () => scene.view([])),
      [["a", 4]],
    );
    scene.view(["a"]);
    assert.equal(scene.roster.isMember("default", "a"), true);
    assert.deepEqual(
      scene.pass(5, () => scene.view([])),
      [["a", 4]],
    );
  });

  it("knows of targets from the incidents of an earlier run", () => {
    const scene = new Scene();
    scene.roster.noteTarget("default", "former", scene.nowMs);
    assert.deepEqual(scene.pass(60), [], "no view is there");
    assert.deepEqual(
      scene.pass(5, () => scene.view(["a"])),
      [["former", 4]],
    );
  });

  it("keeps everything while no view is fresh: blind is not quiet", () => {
    const scene = new Scene();
    scene.report("a");
    scene.view(["b"], { ageMs: 9000 });
    assert.deepEqual(scene.pass(60), []);
    // As after a rebalance: old views are read again.
    assert.deepEqual(
      scene.pass(60, () => scene.view(["b"], { ageMs: 11_000 })),
      [],
    );
    assert.equal(scene.roster.isMember("default", "a"), true);
  });

  it("does not count the time without a fresh view", () => {
    const scene = new Scene();
    scene.report("a");
    scene.view([]);
    assert.deepEqual(scene.pass(1), []);
    scene.nowMs += 60_000;
    assert.deepEqual(scene.pass(1), []);
    assert.deepEqual(
      scene.pass(3, () => scene.view([])),
      [],
    );
    assert.deepEqual(
      scene.pass(1, () => scene.view([])),
      [["a", 1]],
    );
  });

  it("takes an older view of an agent for what it is", () => {
    const scene = new Scene();
    scene.report("a");
    const each = () => {
      scene.view(["a"]);
      scene.view([], { ageMs: 5000 });
    };
    assert.deepEqual(scene.pass(10, each), []);
  });

  it("keeps clusters apart, and knows nothing of those that it never heard of", () => {
    const scene = new Scene();
    scene.report("a");
    assert.deepEqual(
      scene.pass(10, () => scene.view([], { cluster: "other" })),
      [],
    );
    assert.equal(scene.roster.isMember("nowhere", "a"), true);
  });
});

describe("in Cluster mode the roster", () => {
  it("listens to the views that cover the most slots alone", () => {
    const scene = new Scene();
    for (const target of ["a", "b", "c"]) scene.report(target);
    const each = () => {
      scene.view(["a", "b"], { slotsCovered: 16_384 });
      // Reset: it knows only itself.
      scene.view(["c"], { agent: "agent-c", slotsCovered: 0 });
      scene.view(["c"], { agent: "agent-d", slotsCovered: null });
    };
    assert.deepEqual(scene.pass(10, each), [["c", 4]]);
  });

  it("has a target while one of the best views lists it, whoever reports it", () => {
    const scene = new Scene();
    scene.report("a", "agent-b");
    const each = () => {
      scene.view(["b"], { agent: "agent-b", slotsCovered: 16_384 });
      scene.view(["a", "b"], { agent: "agent-c", slotsCovered: 16_384 });
    };
    assert.deepEqual(scene.pass(10, each), []);
  });

  it("loses nothing to a reset node that is the only one to be seen once the best view is old", () => {
    const scene = new Scene();
    scene.report("a");
    scene.view(["a"], { slotsCovered: 16_384 });
    const gone = scene.pass(9, () => scene.view([], { agent: "agent-c", slotsCovered: 0 }));
    assert.deepEqual(gone, []);
  });
});

describe("outside Cluster mode the roster", () => {
  it("listens to the agents that have reported the target", () => {
    const scene = new Scene();
    scene.report("a", "agent-a");
    scene.report("b", "agent-b");
    const each = () => {
      scene.view(["a"], { agent: "agent-a" });
      scene.view([], { agent: "agent-b" });
    };
    assert.deepEqual(scene.pass(10, each), [["b", 4]]);
  });

  it("waits for those agents, however many others there are", () => {
    const scene = new Scene();
    scene.report("a", "agent-a");
    assert.deepEqual(
      scene.pass(60, () => scene.view(["b"], { agent: "agent-b" })),
      [],
    );
  });
});

describe("the roster's memory", () => {
  it("is bounded: what is beyond the limits is left alone", () => {
    const scene = new Scene();
    for (let i = 0; i < 20_010; i++) scene.report(`t${i}`);
    const gone = scene.pass(5, () => scene.view(["x"]));
    assert.equal(gone.length, 20_000);
    assert.equal(scene.roster.isMember("default", "t20005"), true);
    for (let i = 0; i < 300; i++) scene.view([], { cluster: `c${i}` });
    scene.roster.noteTarget("c299", "a", scene.nowMs);
    assert.deepEqual(
      scene.pass(5, () => scene.view([], { cluster: "c299" })),
      [],
    );
  });

  it("lets go of targets that nothing was heard of for an hour, and has room for others", () => {
    const scene = new Scene();
    for (let i = 0; i < 20_000; i++) scene.report(`t${i}`);
    scene.nowMs += 3_601_000;
    scene.gone();
    scene.report("later");
    assert.deepEqual(
      scene.pass(5, () => scene.view(["x"])),
      [["later", 4]],
    );
  });

  it("takes in 1,000 agents of a cluster, and others only where one has fallen silent", () => {
    const scene = new Scene();
    scene.report("a");
    for (let i = 0; i < 1000; i++) scene.view(["a"], { agent: `agent-${i}`, slotsCovered: 100 });
    // The better view of one more agent is not taken in, until there is room.
    const better = () => scene.view([], { agent: "one-more", slotsCovered: 16_384 });
    assert.deepEqual(scene.pass(9, better), []);
    assert.deepEqual(scene.pass(6, better), [["a", 4]]);
  });

  it("does not hear a view that covers more slots than there are", () => {
    const scene = new Scene();
    scene.report("a");
    const gone = scene.pass(10, () => {
      scene.view(["a"], { slotsCovered: 16_384 });
      scene.view([], { agent: "forger", slotsCovered: 1e9 });
    });
    assert.deepEqual(gone, []);
  });

  it("keeps who is gone of a cluster that is not asked for until it is", () => {
    const scene = new Scene();
    scene.report("b");
    for (let second = 0; second < 10; second++) {
      scene.nowMs += 1000;
      scene.view(["a"]);
      assert.deepEqual(
        scene.roster.gone(scene.nowMs, () => false),
        [],
      );
    }
    assert.deepEqual(
      scene.pass(5, () => scene.view(["a"])).map(([target]) => target),
      ["b"],
    );
  });
});
