import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { examine } from "../../src/doctor/doctor.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { createUserArguments, FACTS_COMMANDS } from "../../src/redis/acl.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { command, freePort, startRedis, startReplica } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const READY = ["--notify-keyspace-events", "KEAm", "--client-output-buffer-limit", "pubsub 256mb 64mb 60"];

async function examined(file: Readonly<Record<string, unknown>>): Promise<readonly Finding[]> {
  const config = defaultConfig({
    http: { listen: "127.0.0.1:0" },
    receivers: [{ name: "log", log: {} }],
    ...file,
  });
  return await examine({
    config,
    file: "keyheat.yaml",
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

function bad(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ status }) => status === "warn" || status === "fail");
}

function of(findings: readonly Finding[], address: string, check: string): Finding {
  const found = findings.find((one) => one.subject === `target ${address}` && one.check === check);
  assert.ok(found, `no ${check} of ${address}: ${JSON.stringify(findings, null, 1)}`);
  return found;
}

const targetsOf = (...addresses: readonly string[]) =>
  addresses.map((address) => ({ url: `redis://${address}` }));

/** A server with a user who may do all that Keyheat asks but one thing. */
async function startWithout(t: TestContext, right: string) {
  const { port } = await startRedis(t, { args: READY });
  const rights = { channels: ["__keyevent@*__:*"], configure: "verify", facts: true } as const;
  // This server is older than that right, and would refuse the line.
  const words = createUserArguments("keyheat", "pw", rights).filter((word) => word !== "+client|no-touch");
  await command(port, ["ACL", "SETUSER", ...words, `-${right}`]);
  return { port, targets: targetsOf(`keyheat:pw@127.0.0.1:${port}`) };
}

async function run(port: number, line: string | null): Promise<void> {
  assert.match(line ?? "", /^ACL SETUSER keyheat /);
  await command(port, (line ?? "").split(" "));
}

test("without the right to PING no event ever comes: the doctor fails, and its line mends it", async (t) => {
  const { port, targets } = await startWithout(t, "ping");
  const [problem, ...more] = bad(await examined({ targets }));
  assert.deepEqual([problem?.check, problem?.status, more], ["subscription", "fail", []]);
  assert.match(problem?.message ?? "", /^no event comes: user "keyheat" may not run PING/);
  await run(port, problem?.run ?? null);
  assert.deepEqual(bad(await examined({ targets })), []);
});

for (const right of FACTS_COMMANDS.filter((one) => one !== "client|no-touch")) {
  test(`the doctor warns of a missing right to ${right}, and its line mends it`, async (t) => {
    const { port, targets } = await startWithout(t, right);
    const [problem, ...more] = bad(await examined({ targets }));
    assert.deepEqual([problem?.check, problem?.status, more], ["facts", "warn", []]);
    await run(port, problem?.run ?? null);
    assert.deepEqual(bad(await examined({ targets })), []);
  });
}

test("the doctor finds all well at every node of a cluster, and tells slots that nobody serves", async (t) => {
  const cluster = await startRedisCluster(t, { replicas: 3, args: READY });
  const [seed, other] = cluster.primaries;
  assert.ok(seed && other);
  const targets = targetsOf(`localhost:${seed.port}`, other.address);
  const well = await examined({ targets });
  assert.deepEqual(bad(well), []);
  assert.equal(well.filter(({ check }) => check === "reachable").length, 6 + 1);
  assert.equal(of(well, other.address, "cluster").message, "6 nodes, all slots are served");
  await command(other.port, [
    "CLUSTER",
    "DELSLOTS",
    ...Array.from({ length: 3 }, (_, i) => (other.slots[0]?.[0] ?? 0) + i),
  ]);
  const lost = of(await examined({ targets }), other.address, "cluster");
  assert.deepEqual([lost.status, lost.message], ["fail", "3 of 16384 slots are served by nobody"]);
});

test("from a replica the doctor comes to its primary, and to that one's other replicas", async (t) => {
  const primary = await startRedis(t, { args: READY });
  const first = await startReplica(t, primary.port, { args: READY });
  const second = await startReplica(t, primary.port);
  const findings = await examined({ targets: targetsOf(`127.0.0.1:${first.port}`) });
  assert.equal(of(findings, `127.0.0.1:${primary.port}`, "reachable").status, "ok");
  assert.equal(of(findings, `127.0.0.1:${second.port}`, "flags").status, "fail");
});

test("the doctor says that a server is listed twice", async (t) => {
  const { port } = await startRedis(t, { args: READY });
  const findings = bad(await examined({ targets: targetsOf(`127.0.0.1:${port}`, `localhost:${port}`) }));
  assert.deepEqual(
    findings.map(({ subject, check }) => [subject, check]),
    [[`target localhost:${port}`, "listed"]],
  );
});

test("the doctor leaves servers of other hosts to the agents there, where the config is an agent's", async (t) => {
  const primary = await startRedis(t, { args: READY });
  const address = `127.0.0.1:${primary.port}`;
  // An address that nobody has: documentation's.
  await startReplica(t, primary.port, { args: [...READY, "--replica-announce-ip", "192.0.2.1"] });
  const away = (findings: readonly Finding[]) =>
    findings.filter(({ subject, status }) => subject.startsWith("target 192.0.2.1:") && status !== "info");
  const kafka = { brokers: [`127.0.0.1:${await freePort()}`] };
  const targets = targetsOf(address);
  const [all, local, undecided] = await Promise.all([
    examined({ targets, kafka, discovery: { observe: "all" } }),
    examined({ targets, kafka, discovery: { observe: "local" } }),
    examined({ targets, kafka }),
  ]);
  assert.deepEqual(
    away(all).map(({ status }) => status),
    ["fail"],
  );
  assert.deepEqual(away(local), []);
  assert.deepEqual(
    away(undecided).map(({ status }) => status),
    ["warn"],
  );
});

test("what the doctor had no time for is a failure", async (t) => {
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  t.after(() => mute.close());
  await once(mute, "listening");
  const { port } = mute.address() as AddressInfo;
  const config = defaultConfig({ redisUrls: [`redis://127.0.0.1:${port}`], http: { listen: "127.0.0.1:0" } });
  const clock = new SimulatedClock();
  const examining = examine({ config, file: "keyheat.yaml", clock, signal: new AbortController().signal });
  clock.advance(25_000);
  const [late] = (await examining).filter(({ status }) => status === "fail");
  assert.deepEqual([late?.subject, late?.check], ["doctor", "time"]);
});
