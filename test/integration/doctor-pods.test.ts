import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { examine } from "../../src/doctor/doctor.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { OwnPod } from "../../src/sources/discovery/pods/cluster-access.ts";
import { KubernetesApi } from "../support/kubernetes-api.ts";
import { freePort, startRedis } from "../support/redis.ts";

async function findingsOf(port: number, ownPod: OwnPod | undefined, observe?: "local") {
  const config = defaultConfig({
    discovery: { observe, kubernetes: { labelSelector: "app=redis", port } },
    http: { listen: "127.0.0.1:0" },
  });
  const { signal } = new AbortController();
  return await examine({ config, file: "keyheat.yaml", clock: systemClock, signal, ownPod });
}

test("the doctor looks at the pods of the own node, as at listed servers", async (t) => {
  const api = await KubernetesApi.start(t);
  const server = await startRedis(t);
  api.put({ name: "redis-0", ip: "127.0.0.1" });
  api.put({ name: "redis-1", ip: "127.0.0.9", node: "node-b" });
  const findings = await findingsOf(server.port, api.ownPod);
  const [pods] = findings.filter(({ subject }) => subject === "pods");
  assert.deepEqual(
    [pods?.status, pods?.message],
    ["ok", "1 run (namespace keyheat, node node-a): redis-0 (127.0.0.1)"],
  );
  const isServer = ({ subject, check }: Finding) => subject.startsWith("target ") && check === "reachable";
  const reachable = findings.filter(isServer);
  assert.deepEqual(
    reachable.map(({ subject, status }) => [subject, status]),
    [[`target 127.0.0.1:${server.port}`, "ok"]],
  );
});

test("the doctor says that no pod fits, that none may be listed, and that this is no pod", async (t) => {
  const api = await KubernetesApi.start(t);
  const port = await freePort();
  const podsOf = async (ownPod: OwnPod | undefined) => {
    const findings = await findingsOf(port, ownPod);
    return findings.filter(({ subject }) => subject === "pods");
  };
  api.put({ name: "redis-0", phase: "Pending" });
  const [none] = await podsOf(api.ownPod);
  assert.equal(
    none?.message,
    "none that runs has app=redis (namespace keyheat, node node-a), of 1 that have it",
  );
  assert.equal(none.status, "warn");
  api.forbidden.add("keyheat");
  const [forbidden] = await podsOf(api.ownPod);
  assert.equal(forbidden?.status, "fail");
  assert.match(forbidden.run ?? "", /^kubectl create role keyheat-pods -n keyheat /);
  const [outside] = await podsOf(undefined);
  assert.equal(outside?.status, "warn");
  assert.match(outside.message, /works in a pod only/);
});

test("the doctor tries the watch of pods, and says where the own node is not known", async (t) => {
  const api = await KubernetesApi.start(t);
  const port = await freePort();
  api.put({ name: "redis-0", ip: "127.0.0.1" });
  api.mayWatch = false;
  const { access } = api.ownPod;
  const findings = await findingsOf(port, { access, nodeName: undefined }, "local");
  const pods = findings.filter(({ subject }) => subject === "pods");
  assert.deepEqual(
    pods.map(({ check, status }) => [check, status]),
    [
      ["node", "fail"],
      ["listed", "ok"],
      ["followed", "fail"],
    ],
  );
  assert.match(pods[0]?.message ?? "", /needs NODE_NAME in the environment/);
  assert.match(pods[2]?.run ?? "", /^kubectl create role keyheat-pods -n keyheat --verb=list,watch /);
});
