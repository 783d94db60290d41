import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { NamespacePods } from "../../../../../src/sources/discovery/pods/namespace-pods.ts";
import type { Pod } from "../../../../../src/sources/discovery/pods/pod.ts";
import {
  ApiRefusal,
  type PodEvent,
  type PodList,
  type PodsApi,
} from "../../../../../src/sources/discovery/pods/pods-api.ts";
import { SimulatedClock } from "../../../../support/simulated-clock.ts";

const QUERY = { namespace: "keyheat", labelSelector: "app=redis", nodeName: null };

function pod(name: string, fields: Partial<Pod> = {}): Pod {
  const labels = { app: "redis" };
  const own = { uid: `uid-${name}`, name, namespace: "keyheat", labels, ip: "10.0.0.1" };
  return { ...own, resourceVersion: "1", ...fields };
}

/** Answers from a script, one entry a request; the last watch stays open until it is stopped. */
class ScriptedApi implements Pick<PodsApi, "list" | "watch"> {
  readonly requests: string[] = [];
  lists: (Error | PodList)[] = [];
  watches: (Error | readonly PodEvent[])[] = [];

  async list(): Promise<PodList> {
    this.requests.push("list");
    const next = this.lists.shift() ?? { pods: [], resourceVersion: "1", isCut: false };
    if (next instanceof Error) throw next;
    return next;
  }

  async *watch(
    _query: unknown,
    { resourceVersion }: { readonly resourceVersion: string },
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncGenerator<PodEvent, void, undefined> {
    this.requests.push(`watch ${resourceVersion}`);
    const next = this.watches.shift();
    if (next instanceof Error) throw next;
    onOpen();
    yield* next ?? [];
    if (this.watches.length > 0) return;
    await new Promise((resolve) => void signal.addEventListener("abort", resolve));
  }
}

function follow(t: TestContext, api: ScriptedApi, podsMax = 10) {
  const clock = new SimulatedClock();
  /** What the problem was at each of them. */
  const changes: (string | null)[] = [];
  const onChange = () => void changes.push(pods.problem?.message ?? null);
  const pods = new NamespacePods({ api, query: QUERY, podsMax, clock, onChange });
  t.after(() => pods.stop());
  return { pods, clock, changes };
}

describe("the pods of a namespace", () => {
  it("have not changed when only their status has", async (t) => {
    const api = new ScriptedApi();
    api.lists = [{ pods: [pod("redis-0")], resourceVersion: "1", isCut: false }];
    const put = (fields: Partial<Pod>): PodEvent => ({ type: "put", pod: pod("redis-0", fields) });
    const idle = ["2", "3", "4"].map((resourceVersion) => put({ resourceVersion }));
    api.watches = [idle, [put({ resourceVersion: "5", ip: "10.0.0.2" })]];
    const { pods, clock, changes } = follow(t, api);
    await clock.pass(1);
    assert.equal(changes.length, 2, "the list, and the watch that begins");
    await clock.pass(1000);
    assert.equal(changes.length, 4, "another watch that begins, and the address");
    assert.equal(pods.pods[0]?.ip, "10.0.0.2");
    assert.deepEqual(api.requests, ["list", "watch 1", "watch 4"]);
  });

  it("are listed anew where a watch is refused for what it asks for, not where it is refused for now", async (t) => {
    const api = new ScriptedApi();
    api.watches = [
      new ApiRefusal(503, "shutting down"),
      new ApiRefusal(500, "etcd event received with PrevKv=nil"),
      [],
    ];
    api.lists = [
      { pods: [], resourceVersion: "7", isCut: false },
      { pods: [], resourceVersion: "3", isCut: false },
    ];
    const { clock, changes } = follow(t, api);
    await clock.pass(10_000);
    assert.deepEqual(api.requests, ["list", "watch 7", "watch 7", "list", "watch 3"]);
    const [later, broken] = ["shutting down", "etcd event received with PrevKv=nil"];
    assert.deepEqual(changes, [null, later, broken, broken, null]);
  });

  it("are asked for no sooner than a server that is busy wants", async (t) => {
    const api = new ScriptedApi();
    api.lists = [new ApiRefusal(429, "too many requests", 20_000)];
    const { pods, clock } = follow(t, api);
    await clock.pass(19_000);
    assert.deepEqual([api.requests, pods.problem?.message], [["list"], "too many requests"]);
    await clock.pass(2000);
    assert.deepEqual([api.requests, pods.problem], [["list", "list", "watch 1"], null]);
  });

  it("are listed anew when there is room for some that were left out", async (t) => {
    const api = new ScriptedApi();
    const [one, two, three] = [pod("redis-0"), pod("redis-1"), pod("redis-2")];
    api.lists = [
      { pods: [one, two], resourceVersion: "1", isCut: true },
      { pods: [two, three], resourceVersion: "9", isCut: false },
    ];
    api.watches = [[{ type: "deleted", pod: one }], [{ type: "deleted", pod: two }]];
    const { pods, clock } = follow(t, api, 2);
    await clock.pass(10_000);
    assert.deepEqual(api.requests, ["list", "watch 1", "list", "watch 9"]);
    assert.deepEqual(
      pods.pods.map(({ name }) => name),
      ["redis-2"],
    );
  });
});
