import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { HotSet, type HotSetChange, type HotSetOptions } from "../../../src/client/hot-set.ts";
import { freePort } from "../../support/free-port.ts";
import { type HotSetAgent, startHotSetAgent } from "../../support/hot-set-agent.ts";
import { waitFor } from "../../support/wait.ts";

function listen(t: TestContext, agent: HotSetAgent, options: Partial<HotSetOptions> = {}): HotSet {
  const hotSet = new HotSet({ agent: agent.url, ...options });
  t.after(() => hotSet.close());
  return hotSet;
}

function live(hotSet: HotSet) {
  return waitFor("the agent to be heard", () => hotSet.state === "live");
}

describe("a hot set in an app", () => {
  test("knows the keys that the agent tells of, as text and as bytes, and no others", async (t) => {
    const agent = await startHotSetAgent(t, [
      { key: "flag:x", ratePerSecond: 7000 },
      { key: "größe" },
      { key: "/wD+", keyEncoding: "base64" },
    ]);
    const hotSet = listen(t, agent);
    assert.deepEqual([hotSet.state, hotSet.has("flag:x")], ["connecting", false]);
    await live(hotSet);
    for (const key of ["flag:x", Buffer.from("flag:x"), new Uint8Array(Buffer.from("flag:x")), "größe"]) {
      assert.equal(hotSet.has(key), true, String(key));
    }
    assert.equal(hotSet.has(Buffer.from("größe")), true);
    assert.equal(hotSet.has(Buffer.from([0xff, 0x00, 0xfe])), true);
    for (const key of ["flag", "flag:x ", "", Buffer.from([0xff]), "/wD+"])
      assert.equal(hotSet.has(key), false);
    assert.deepEqual(hotSet.keys(), ["flag:x", "größe", Buffer.from([0xff, 0x00, 0xfe])]);
    assert.deepEqual([hotSet.rateOf("flag:x"), hotSet.rateOf("flag:y")], [7000, null]);
    assert.equal(hotSet.problem, null);
  });

  test("counts the keys of its own database and cluster", async (t) => {
    const agent = await startHotSetAgent(t, [
      { key: "a", db: 1 },
      { key: "b", cluster: "shop" },
      { key: "c", cluster: "blog" },
      { key: "c", cluster: "shop" },
    ]);
    const keysOf = async (options: Partial<HotSetOptions>) => {
      const hotSet = listen(t, agent, options);
      await live(hotSet);
      return hotSet.keys();
    };
    assert.deepEqual(await keysOf({}), ["b", "c"]);
    assert.deepEqual(await keysOf({ db: 1 }), ["a"]);
    assert.deepEqual(await keysOf({ cluster: "shop" }), ["b", "c"]);
    assert.deepEqual(await keysOf({ cluster: "blog" }), ["c"]);
  });

  test("follows updates, and tells whoever wants to know; a key of two clusters goes with the last of them", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const hotSet = listen(t, agent);
    const changes: HotSetChange[] = [];
    const stop = hotSet.onChange((change) => changes.push(change));
    await live(hotSet);
    agent.update([{ key: "b" }, { key: "b", cluster: "shop" }], [{ key: "a" }]);
    await waitFor("b", () => hotSet.has("b"));
    assert.equal(hotSet.has("a"), false);
    agent.update([{ key: "b", leftMs: 60_000 }]);
    agent.update([], [{ key: "b" }]);
    agent.update([{ key: "c" }]);
    await waitFor("c", () => hotSet.has("c"));
    assert.equal(hotSet.has("b"), true);
    stop();
    agent.update([], [{ key: "b", cluster: "shop" }]);
    await waitFor("b to go", () => !hotSet.has("b"));
    assert.deepEqual(changes, [
      { added: ["a"], removed: [] },
      { added: ["b"], removed: ["a"] },
      { added: ["c"], removed: [] },
    ]);
  });

  test("a listener that throws is reported, and the others are told", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const hotSet = listen(t, agent);
    const warned = once(process, "warning");
    hotSet.onChange(() => {
      throw new Error("the app's own");
    });
    let told = 0;
    hotSet.onChange(() => void told++);
    const [warning] = await warned;
    assert.match(String(warning), /the app's own/);
    assert.equal(told, 1);
  });

  test("leases run out by themselves, by the agent's clock, however wrong this one's is", async (t) => {
    const runsOut = async (aheadMs: number) => {
      const agent = await startHotSetAgent(t);
      agent.aheadMs = aheadMs;
      agent.leases = [{ key: "short", leftMs: 4000 }, { key: "long" }];
      const hotSet = listen(t, agent);
      const changes: HotSetChange[] = [];
      hotSet.onChange((change) => changes.push(change));
      await waitFor("the short one to come and go", () => changes.length === 2);
      assert.deepEqual(changes, [
        { added: ["short", "long"], removed: [] },
        { added: [], removed: ["short"] },
      ]);
      assert.deepEqual([hotSet.keys(), hotSet.state], [["long"], "live"]);
    };
    await Promise.all([0, 3_600_000, -3_600_000].map(runsOut));
  });

  test("while the agent is away leases hold until they run out; then it listens again", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "short", leftMs: 2500 }, { key: "long" }]);
    const hotSet = listen(t, agent);
    await live(hotSet);
    const { port } = agent;
    await agent.stop();
    await waitFor("the loss", () => hotSet.state === "away");
    assert.equal(hotSet.has("long"), true);
    assert.equal(typeof hotSet.problem, "string");
    await waitFor("the short one to run out", () => !hotSet.has("short"));
    assert.equal(hotSet.has("long"), true);
    agent.leases = [{ key: "new" }];
    await agent.start(port);
    await live(hotSet);
    assert.deepEqual([hotSet.keys(), hotSet.problem], [["new"], null]);
  });

  test("says what is wrong where the agent refuses it, and waits as long as it is told to", async (t) => {
    const agent = await startHotSetAgent(t);
    agent.refusal = { status: 503, headers: { "retry-after": "60" } };
    const hotSet = listen(t, agent);
    await waitFor("the refusal", () => hotSet.problem !== null);
    assert.deepEqual([hotSet.state, hotSet.problem], ["away", "the agent answered 503"]);
    agent.refusal = { status: 401 };
    const other = listen(t, agent, { agent: { url: `${agent.url}/keyheat`, token: "s3cret" } });
    await waitFor("several goes", () => agent.requests.length >= 4);
    assert.match(other.problem ?? "", /token/);
    const [first, ...rest] = agent.requests;
    assert.deepEqual([first?.path, first?.headers.authorization], ["/v1/hotset", undefined]);
    for (const { path, headers } of rest) {
      assert.deepEqual([path, headers.authorization], ["/keyheat/v1/hotset", "Bearer s3cret"]);
    }
  });

  test("a redirect is not followed: the token is for the agent alone", async (t) => {
    const elsewhere = await startHotSetAgent(t);
    const agent = await startHotSetAgent(t);
    agent.refusal = { status: 307, headers: { location: `${elsewhere.url}/v1/hotset` } };
    const hotSet = listen(t, agent, { agent: { url: agent.url, token: "s3cret" } });
    await waitFor("the refusal", () => hotSet.problem !== null);
    assert.match(hotSet.problem ?? "", /leads elsewhere/);
    assert.equal(elsewhere.requests.length, 0);
  });

  test("what is no hot set ends the stream, not the app, and takes no lease away", async (t) => {
    const garbage = [
      "event: update\ndata: nonsense\n\n",
      'event: update\ndata: {"add":1}\n\n',
      "event: update\ndata: null\n\n",
      'event: update\ndata: {"add":[{"key":1}],"remove":[]}\n\n',
      'event: snapshot\ndata: {"version":2,"keys":[]}\n\n',
    ];
    for (const text of garbage) {
      const agent = await startHotSetAgent(t, [{ key: "a" }]);
      const hotSet = listen(t, agent);
      await live(hotSet);
      agent.send(text);
      await waitFor("the end of the stream", () => hotSet.problem !== null);
      assert.equal(hotSet.has("a"), true);
      await live(hotSet);
      hotSet.close();
    }
  });

  test("events of a later agent, and comments, are passed over", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const hotSet = listen(t, agent);
    await live(hotSet);
    agent.send(": still here\n\nevent: other\ndata: [1]\n\n");
    agent.update([{ key: "b" }]);
    await waitFor("b", () => hotSet.has("b"));
    assert.equal(agent.requests.length, 1);
  });

  test("listens anew when the agent's clock was set", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const hotSet = listen(t, agent);
    await live(hotSet);
    agent.aheadMs = -3_600_000;
    agent.update([{ key: "b" }]);
    await waitFor("the next stream", () => agent.requests.length === 2);
    agent.update([{ key: "b" }]);
    await waitFor("b", () => {
      agent.update([{ key: "b" }]);
      return hotSet.has("b");
    });
  });

  test("keeps at most 10,000 leases", async (t) => {
    const agent = await startHotSetAgent(
      t,
      Array.from({ length: 12_000 }, (_, i) => ({ key: `k:${i}` })),
    );
    const hotSet = listen(t, agent);
    await live(hotSet);
    assert.equal(hotSet.keys().length, 10_000);
  });

  test("is told at once what is wrong with its options", () => {
    const agent = "http://127.0.0.1:9379";
    const wrong: readonly (readonly [object | undefined, typeof TypeError | typeof RangeError, RegExp])[] = [
      [undefined, TypeError, /^agent: /],
      [{}, TypeError, /^agent: /],
      [{ agent: "nonsense" }, TypeError, /^agent: /],
      [{ agent: "redis://127.0.0.1" }, TypeError, /^agent: expected http/],
      [{ agent: "http://user:secret@host" }, TypeError, /token goes into agent.token/],
      [{ agent: { url: agent, token: "a b" } }, TypeError, /^agent.token: /],
      [{ agent, db: -1 }, RangeError, /^db: /],
      [{ agent, db: "1" }, TypeError, /^db: /],
      [{ agent, cluster: "" }, RangeError, /^cluster: /],
      [{ agent, cluster: 1 }, TypeError, /^cluster: /],
      [{ agent, ttl: 1 }, TypeError, /^ttl: no such option/],
    ];
    for (const [options, kind, message] of wrong) {
      assert.throws(
        () => new HotSet(options as HotSetOptions),
        (error) => error instanceof kind && message.test(error.message),
        JSON.stringify(options),
      );
    }
  });

  test("closed, it lets go of the agent and of every key", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const hotSet = listen(t, agent);
    await live(hotSet);
    hotSet.close();
    assert.deepEqual([hotSet.has("a"), hotSet.keys(), hotSet.state], [false, [], "away"]);
    await waitFor("the end of the stream", () => agent.listening === 0);
    hotSet.close();
    assert.equal(agent.requests.length, 1);
  });

  test("an app ends by itself while it listens, closed or not, and where there is no agent", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "a" }]);
    const module = new URL("../../../src/client/hot-set.ts", import.meta.url).href;
    const urls = [agent.url, `http://127.0.0.1:${await freePort()}`];
    for (const url of urls) {
      const code = `
        const { HotSet } = await import(${JSON.stringify(module)});
        const hotSet = new HotSet({ agent: ${JSON.stringify(url)} });
        for (let i = 0; i < 400 && hotSet.state === "connecting"; i++) await new Promise((resolve) => setTimeout(resolve, 25));
        console.log(hotSet.state);
      `;
      const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      t.after(() => child.kill("SIGKILL"));
      let output = "";
      child.stdout.on("data", (piece) => {
        output += piece;
      });
      const [exitCode] = await once(child, "exit");
      assert.deepEqual([exitCode, output.trim()], [0, url === agent.url ? "live" : "away"]);
    }
  });
});
