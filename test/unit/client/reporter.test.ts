import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AgentAnswer } from "../../../src/client/agent-connection.ts";
import { Reporter } from "../../../src/client/reporter.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

type Behaviour = AgentAnswer | "away" | "hang";

const TAKEN: AgentAnswer = { status: 202, body: '{"accepted":1,"dropped":0,"nowMs":1795453200000}' };

/** A reporter at an agent that answers each post as `behaviour` says at that moment. */
function rig(behaviour: Behaviour = TAKEN) {
  const clock = new SimulatedClock();
  const state = {
    behaviour,
    posts: [] as string[],
    sent: 0,
    dropped: { "agent-away": 0, refused: 0 },
    refusals: [] as number[],
    times: [] as (readonly number[])[],
    isHeld: false,
    isClosed: false,
  };
  const reporter = new Reporter({
    clock,
    random: () => 1,
    connection: {
      post: async (body) => {
        state.posts.push(body.toString());
        if (state.behaviour === "away") throw new Error("connection refused");
        if (state.behaviour === "hang") return await new Promise(() => {});
        return state.behaviour;
      },
      hold: () => {
        state.isHeld = true;
      },
      close: () => {
        state.isClosed = true;
      },
    },
    onSent: (accesses) => {
      state.sent += accesses;
    },
    onDropped: (reason, accesses) => {
      state.dropped[reason] += accesses;
    },
    onAgentTime: (...times) => state.times.push(times),
    onRefused: ({ status }) => state.refusals.push(status),
  });
  const offer = (name: string, accesses = 1) => reporter.offer({ body: Buffer.from(name), accesses });
  return { clock, reporter, state, offer };
}

describe("an agent that answers", () => {
  test("gets each batch once, in order", async () => {
    const { offer, state } = rig();
    for (const name of ["a", "b", "c"]) offer(name, 5);
    await settle();
    assert.deepEqual(state.posts, ["a", "b", "c"]);
    assert.equal(state.sent, 15);
    assert.equal(state.times.length, 3);
  });

  test("with nonsense takes the batch, but tells no time", async () => {
    for (const body of ["", "<html>", "null", '{"nowMs":"soon"}', '{"nowMs":-1}', "[1]"]) {
      const { offer, state } = rig({ status: 200, body });
      offer("a");
      await settle();
      assert.equal(state.sent, 1, body);
      assert.deepEqual(state.times, [], body);
    }
  });

  test("that it will not have a batch is told once, and the batch is not sent again", async () => {
    for (const status of [400, 401, 404, 413, 301]) {
      const { clock, offer, state } = rig({ status, body: "no" });
      offer("a", 3);
      await clock.pass(60_000);
      offer("b", 4);
      await clock.pass(60_000);
      assert.deepEqual(state.posts, ["a", "b"], String(status));
      assert.deepEqual(state.refusals, [status]);
      assert.deepEqual(state.dropped, { "agent-away": 0, refused: 7 });
    }
  });

  test("that it is overloaded gets the same batch again", async () => {
    for (const status of [500, 503, 408, 429]) {
      const { clock, offer, state } = rig({ status, body: "later" });
      offer("a");
      await clock.pass(600);
      state.behaviour = TAKEN;
      await clock.pass(2000);
      assert.deepEqual(new Set(state.posts), new Set(["a"]), String(status));
      assert.equal(state.sent, 1);
      assert.deepEqual(state.refusals, []);
    }
  });
});

describe("while the agent is away", () => {
  test("it is asked less and less often, at least each 10 s", async () => {
    const { clock, offer, state } = rig("away");
    offer("a");
    const times: number[] = [];
    for (let ms = 0; ms < 60_000; ms += 100) {
      const before = state.posts.length;
      await clock.pass(100);
      if (state.posts.length > before) times.push(ms);
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    assert.deepEqual(gaps.slice(0, 4), [1000, 2000, 4000, 8000]);
    assert.ok(
      gaps.slice(4).every((gap) => gap === 10_000),
      `${gaps}`,
    );
  });

  test("at most ten batches wait, the newest; all others are counted", async () => {
    const { clock, offer, state } = rig("away");
    for (let i = 0; i < 50; i++) {
      offer(`${i}`, 2);
      await clock.pass(1000);
    }
    state.behaviour = TAKEN;
    state.posts = [];
    await clock.pass(10_000);
    assert.deepEqual(
      state.posts,
      Array.from({ length: 10 }, (_, i) => `${40 + i}`),
    );
    assert.equal(state.sent, 20);
    assert.deepEqual(state.dropped, { "agent-away": 80, refused: 0 });
  });

  test("at most 1 MiB waits", async () => {
    const { clock, offer, state } = rig("away");
    for (let i = 0; i < 8; i++) offer("x".repeat(300_000));
    await clock.pass(100);
    state.behaviour = TAKEN;
    state.posts = [];
    await clock.pass(10_000);
    assert.equal(state.posts.length, 3);
    assert.equal(state.dropped["agent-away"], 5);
  });

  test("there is one timer, and none when nothing waits", async () => {
    const { clock, offer, state } = rig("away");
    for (let i = 0; i < 5; i++) offer(`${i}`);
    await clock.pass(300);
    assert.equal(clock.waiting, 1);
    state.behaviour = TAKEN;
    await clock.pass(10_000);
    assert.equal(clock.waiting, 0);
    offer("5");
    await settle();
    assert.deepEqual(state.posts.slice(-1), ["5"]);
  });
});

describe("closing", () => {
  test("sends what waits at once, and may keep the process alive for it", async () => {
    const { clock, offer, reporter, state } = rig("away");
    offer("a");
    offer("b");
    await clock.pass(100);
    state.behaviour = TAKEN;
    await reporter.close(1000);
    assert.deepEqual(state.posts, ["a", "a", "b"]);
    assert.ok(state.isHeld && state.isClosed);
    assert.equal(clock.waiting, 0);
  });

  test("does not wait for an agent that is away", async () => {
    const { clock, offer, reporter, state } = rig("away");
    offer("a", 2);
    offer("b", 3);
    await clock.pass(100);
    await reporter.close(1000);
    assert.equal(state.dropped["agent-away"], 5);
    assert.equal(clock.waiting, 0);
  });

  test("gives up in time on an agent that does not answer", async () => {
    const { clock, offer, reporter, state } = rig("hang");
    offer("a", 2);
    offer("b", 3);
    await settle();
    let isClosed = false;
    const closed = reporter.close(1000).then(() => {
      isClosed = true;
    });
    await clock.pass(990);
    assert.equal(isClosed, false);
    await clock.pass(10);
    await closed;
    assert.equal(state.dropped["agent-away"], 5);
    assert.ok(state.isClosed);
  });
});
