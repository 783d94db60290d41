import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import type { KubernetesConfig, Observe } from "../../src/config/schema.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { ClusterAccessError } from "../../src/sources/discovery/pods/cluster-access.ts";
import { PodTargets } from "../../src/sources/discovery/pods/pod-targets.ts";
import { KubernetesApi } from "../support/kubernetes-api.ts";
import { waitFor } from "../support/wait.ts";

const [A, B, C] = ["10.1.0.1", "10.1.0.2", "10.1.0.3"] as const;

function kubernetesConfig(fields: Record<string, unknown> = {}): KubernetesConfig {
  const { discovery } = defaultConfig({
    discovery: { kubernetes: { labelSelector: "app=redis", ...fields } },
  });
  assert.ok(discovery.kubernetes);
  return discovery.kubernetes;
}

interface FollowOptions {
  readonly observe?: Observe;
  readonly fields?: Record<string, unknown>;
}

/** Pods of the API as targets, ended with the test. */
function follow(t: TestContext, api: KubernetesApi, { observe = "local", fields }: FollowOptions = {}) {
  const config = kubernetesConfig(fields);
  const pods = new PodTargets({
    config,
    observe,
    ownPod: api.ownPod,
    clock: systemClock,
    logger: silentLogger,
  });
  pods.start(() => {});
  t.after(() => pods.stop());
  const addresses = () => pods.targets.map(({ address }) => address);
  const becomes = (what: string, expected: readonly string[]) =>
    waitFor(what, () => pods.isKnown && addresses().join() === expected.join());
  return { pods, addresses, becomes };
}

describe("pods as targets", () => {
  it("are those that run on the own node and have the labels", async (t) => {
    const api = await KubernetesApi.start(t);
    api.put({ name: "redis-0", ip: A });
    api.put({ name: "redis-1", ip: B, node: "node-b" });
    api.put({ name: "web-0", ip: C, labels: { app: "web" } });
    api.put({ name: "redis-2", phase: "Pending" });
    api.put({ name: "redis-3", ip: "10.1.0.9", phase: "Succeeded" });
    api.put({ name: "redis-0", ip: "10.1.0.8", namespace: "other" });
    const { pods, becomes } = follow(t, api);
    await becomes("the first list", [`${A}:6379`]);
    assert.deepEqual(pods.ownAddresses, [A]);
    assert.deepEqual(pods.problems(), []);
  });

  it("are followed while they come, get their address, change their labels and go", async (t) => {
    const api = await KubernetesApi.start(t);
    const { pods, becomes } = follow(t, api);
    await becomes("an empty list", []);
    await waitFor("the watch", () => api.watches === 1);
    assert.deepEqual(pods.problems(), []);
    assert.deepEqual(pods.notes(), [
      "no running pod on node node-a has app=redis (namespace keyheat): nothing is to be watched here",
    ]);
    api.put({ name: "redis-0", phase: "Pending" });
    api.put({ name: "redis-1", ip: B });
    await becomes("one that runs", [`${B}:6379`]);
    const [kept] = pods.targets;
    api.put({ name: "redis-0", ip: A });
    await becomes("the other", [`${A}:6379`, `${B}:6379`]);
    assert.equal(pods.targets[1], kept);
    api.put({ name: "redis-1", ip: B, labels: { app: "retired" } });
    await becomes("other labels", [`${A}:6379`]);
    api.put({ name: "redis-0", ip: C });
    await becomes("another address", [`${C}:6379`]);
    api.delete("redis-0");
    await becomes("none", []);
    assert.deepEqual([api.lists, api.watches], [1, 1]);
  });

  it("have the user, the TLS settings and the port of the config, and the cluster that their label names", async (t) => {
    const api = await KubernetesApi.start(t);
    const labels = { app: "redis", shard: "shop" };
    api.put({ name: "redis-0", ip: A, labels });
    api.put({ name: "redis-1", ip: "fd00::2" });
    const fields = { port: 6380, username: "keyheat", password: "p@ss", tls: {}, clusterLabel: "shard" };
    const { pods } = follow(t, api, { fields });
    await waitFor("both", () => pods.targets.length === 2);
    assert.deepEqual(
      pods.targets.map(({ url, cluster, tls }) => [url, cluster, tls]),
      [
        ["rediss://keyheat:p%40ss@[fd00::2]:6380", "default", {}],
        ["rediss://keyheat:p%40ss@10.1.0.1:6380", "shop", {}],
      ],
    );
  });

  it("are those of all nodes and all named namespaces where all are observed", async (t) => {
    const api = await KubernetesApi.start(t);
    api.put({ name: "redis-0", ip: A, namespace: "shop", node: "node-b" });
    api.put({ name: "redis-0", ip: B, namespace: "cart" });
    api.put({ name: "redis-0", ip: C });
    const { pods, becomes } = follow(t, api, { observe: "all", fields: { namespaces: ["shop", "cart"] } });
    await becomes("both", [`${A}:6379`, `${B}:6379`]);
    assert.deepEqual(pods.ownAddresses, []);
    assert.ok(api.requests.every(({ searchParams }) => !searchParams.has("fieldSelector")));
  });

  it("are listed page by page", async (t) => {
    const api = await KubernetesApi.start(t);
    api.pagePods = 10;
    const ips = Array.from({ length: 35 }, (_, index) => `10.2.0.${index + 1}`);
    for (const [index, ip] of ips.entries()) api.put({ name: `redis-${index}`, ip });
    const { becomes } = follow(t, api);
    await becomes(
      "all of them",
      ips.map((ip) => `${ip}:6379`),
    );
    assert.equal(api.requests.filter(({ searchParams }) => searchParams.has("continue")).length, 3);
  });
});

describe("a watch of pods", () => {
  it("goes on from where it was after a disconnect, and after its end, without a list", async (t) => {
    const api = await KubernetesApi.start(t);
    api.put({ name: "redis-0", ip: A });
    const { pods, becomes } = follow(t, api);
    await waitFor("the watch", () => api.watches === 1);
    api.disconnect();
    api.put({ name: "redis-1", ip: B });
    await becomes("what came meanwhile", [`${A}:6379`, `${B}:6379`]);
    api.disconnect();
    api.delete("redis-0");
    await becomes("what went meanwhile", [`${B}:6379`]);
    await waitFor("no problem", () => pods.problems().length === 0);
    assert.equal(api.lists, 1);
  });

  it("goes on from its last bookmark, though what was before that is forgotten", async (t) => {
    const api = await KubernetesApi.start(t);
    api.put({ name: "redis-0", ip: A });
    const { becomes } = follow(t, api);
    await waitFor("the watch", () => api.watches === 1);
    const version = api.bookmark();
    api.forget();
    api.endWatches();
    await waitFor(
      "the next watch",
      () => api.requests.at(-1)?.searchParams.get("resourceVersion") === version,
    );
    api.put({ name: "redis-1", ip: B });
    await becomes("what came after it", [`${A}:6379`, `${B}:6379`]);
    assert.equal(api.lists, 1);
  });

  for (const goneBy of ["status", "event"] as const) {
    it(`lists anew when its version is gone (410 by ${goneBy}), and what is no more is gone`, async (t) => {
      const api = await KubernetesApi.start(t);
      api.goneBy = goneBy;
      api.put({ name: "redis-0", ip: A });
      api.put({ name: "redis-1", ip: B });
      const { pods, becomes } = follow(t, api);
      await waitFor("the watch", () => api.watches === 1);
      // Nothing is told between the cut and the time when all is forgotten.
      api.disconnect();
      api.delete("redis-0");
      api.put({ name: "redis-2", ip: C });
      api.forget();
      await becomes("the new list", [`${B}:6379`, `${C}:6379`]);
      assert.ok(api.lists >= 2);
      await waitFor("the next watch", () => pods.problems().length === 0);
    });
  }

  it("keeps what it knows while the API server is away, says so, and goes on when it is back", async (t) => {
    const api = await KubernetesApi.start(t);
    api.put({ name: "redis-0", ip: A });
    const { pods, addresses, becomes } = follow(t, api);
    await waitFor("the watch", () => api.watches === 1);
    api.answer = { status: 503, body: "" };
    api.disconnect();
    await waitFor("the problem", () => pods.problems().length === 1);
    await waitFor("the answer", () => pods.problems()[0]?.endsWith("HTTP 503 (503)") === true);
    assert.deepEqual(addresses(), [`${A}:6379`]);
    api.put({ name: "redis-1", ip: B });
    api.answer = null;
    await becomes("the other", [`${A}:6379`, `${B}:6379`]);
    await waitFor("the next watch", () => pods.problems().length === 0);
  });

  it("takes the token anew, which is renewed each hour", async (t) => {
    const api = await KubernetesApi.start(t);
    const { pods, becomes } = follow(t, api);
    await waitFor("the watch", () => api.watches === 1);
    api.spoilToken();
    api.disconnect();
    const refused =
      "pods in namespace keyheat cannot be followed: the API server does not take the service account's token (401)";
    await waitFor("the refusal", () => pods.problems().includes(refused));
    api.setToken("second");
    api.put({ name: "redis-0", ip: A });
    await becomes("a pod", [`${A}:6379`]);
    await waitFor("the next watch", () => pods.problems().length === 0);
  });

  for (const { what, text } of [
    { what: "no JSON", text: "<html>\n" },
    { what: "an event without a pod", text: `${JSON.stringify({ type: "ADDED", object: {} })}\n` },
    { what: "a line without end", text: "x".repeat(5 * 1024 * 1024) },
    { what: "half an event", text: `{"type":"ADDED","object":{"metadata` },
  ]) {
    it(`outlives ${what}`, async (t) => {
      const api = await KubernetesApi.start(t);
      api.put({ name: "redis-0", ip: A });
      const { addresses, becomes, pods } = follow(t, api);
      await waitFor("the watch", () => api.watches === 1);
      api.say(text);
      if (text.startsWith("{")) api.disconnect();
      api.put({ name: "redis-1", ip: B });
      await becomes("the next pod", [`${A}:6379`, `${B}:6379`]);
      await waitFor("no problem", () => pods.problems().length === 0);
      assert.equal(addresses().length, 2);
    });
  }
});

describe("an API server that refuses", () => {
  it("rights has its line to run, and the other namespaces are followed all the same", async (t) => {
    const api = await KubernetesApi.start(t);
    api.forbidden.add("shop");
    api.put({ name: "redis-0", ip: B, namespace: "cart" });
    const { pods } = follow(t, api, { observe: "all", fields: { namespaces: ["shop", "cart"] } });
    await waitFor("the pod and the refusal", () => pods.targets.length === 1 && pods.problems().length === 1);
    assert.equal(pods.isKnown, false);
    assert.deepEqual(pods.problems(), [
      "pods in namespace shop may not be listed and watched; run: kubectl create role keyheat-pods -n shop --verb=list,watch --resource=pods && kubectl create rolebinding keyheat-pods -n shop --role=keyheat-pods --serviceaccount=keyheat:keyheat-agent",
    ]);
    api.forbidden.clear();
    await waitFor("the rights", () => pods.isKnown && pods.problems().length === 0);
  });

  it("a selector says which", async (t) => {
    const api = await KubernetesApi.start(t);
    const message = "unable to parse requirement: found '=', expected: identifier";
    api.answer = { status: 400, body: JSON.stringify({ message, code: 400 }) };
    const { pods } = follow(t, api, { fields: { labelSelector: "=redis" } });
    await waitFor("the refusal", () => pods.problems().length === 1);
    assert.deepEqual(pods.problems(), [
      `pods in namespace keyheat of labelSelector =redis are refused by the API server: ${message} (400)`,
    ]);
  });

  it("to be one is not said to be away", async (t) => {
    const api = await KubernetesApi.start(t);
    api.answer = { status: 200, body: "<html>Welcome</html>" };
    const { pods } = follow(t, api);
    await waitFor("the problem", () => pods.problems().length === 1);
    assert.match(
      pods.problems()[0] ?? "",
      /: what the API server answers is no list of pods \(Unexpected token/,
    );
    assert.equal(pods.isKnown, false);
  });

  it("for now is asked again when it says", async (t) => {
    const api = await KubernetesApi.start(t);
    api.answer = { status: 429, body: "", headers: { "retry-after": "2" } };
    const startMs = performance.now();
    const { pods } = follow(t, api);
    await waitFor("the refusal", () => pods.problems().length === 1);
    api.answer = null;
    await waitFor("the list", () => pods.isKnown);
    const waitedMs = performance.now() - startMs;
    assert.ok(waitedMs > 1990, `after ${waitedMs} ms`);
  });

  it("to show whom it is is not trusted", async (t) => {
    const api = await KubernetesApi.start(t);
    const other = await KubernetesApi.start(t);
    const access = { ...api.ownPod.access, ca: other.ownPod.access.ca };
    const pods = new PodTargets({
      config: kubernetesConfig(),
      observe: "local",
      ownPod: { ...api.ownPod, access },
      clock: systemClock,
      logger: silentLogger,
    });
    pods.start(() => {});
    t.after(() => pods.stop());
    await waitFor("the problem", () => pods.problems().length === 1);
    assert.match(pods.problems()[0] ?? "", /the API server does not answer \(.*(?:certificate|signature)/);
    assert.equal(api.requests.length, 0);
  });
});

describe("pods of the own node", () => {
  it("cannot be told without its name", async (t) => {
    const api = await KubernetesApi.start(t);
    const ownPod = { ...api.ownPod, nodeName: undefined };
    const options = { config: kubernetesConfig(), ownPod, clock: systemClock, logger: silentLogger };
    const make = (observe: Observe) => new PodTargets({ ...options, observe });
    assert.throws(
      () => make("local"),
      (error: unknown) => error instanceof ClusterAccessError && /NODE_NAME/.test(error.message),
    );
    await make("all").stop();
  });
});
