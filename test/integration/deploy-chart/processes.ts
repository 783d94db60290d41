import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { findHelm } from "../../support/chart/helm.ts";
import { type Manifest, type PodTemplate, workloads } from "../../support/chart/manifest.ts";
import { temporaryFolder } from "../../support/chart/pick.ts";
import { podProcess, TOKEN } from "../../support/chart/pod-files.ts";
import { type CommandLine, runKeyheat } from "../../support/command-line.ts";
import { sharedKafka } from "../../support/kafka.ts";
import { tenantSettings } from "../../support/kafka-tenant.ts";
import { freePort, startRedis, waitFor } from "../../support/redis.ts";

const kafka = sharedKafka();
const READY_TIMEOUT_MS = 60_000;

/** A container of the chart, run by this machine. */
interface Running {
  readonly command: CommandLine;
  /** Status of GET at the port that the pod names. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<{ status: number; body: string }>;
  readonly probes: readonly string[];
  /** Below which its files are. */
  readonly root: string;
}

function startPod(t: TestContext, manifests: readonly Manifest[], name: string): Running {
  const workload = workloads(manifests).find(({ metadata }) => metadata.name === name);
  assert.ok(workload, `there is no ${name}`);
  const { spec } = workload.spec.template as PodTemplate;
  const root = temporaryFolder(t);
  const { args, env } = podProcess(spec, manifests, { root });
  const command = runKeyheat(t, args, { PATH: process.env.PATH ?? "", ...env });
  const [container] = spec.containers;
  const port = container?.ports?.[0]?.containerPort ?? 0;
  const probes = [container?.livenessProbe, container?.readinessProbe].flatMap(
    (probe) => probe?.httpGet.path ?? [],
  );
  return { command, probes, root, get: (path, headers = {}) => get(port, path, headers) };
}

async function get(port: number, path: string, headers: Readonly<Record<string, string>>) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const call = request({ host: "127.0.0.1", port, path, headers }, (response) => {
    textOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  call.on("error", reject);
  call.end();
  return await promise;
}

async function isReady({ probes, get, command }: Running): Promise<void> {
  assert.equal(probes.length, 2);
  const check = async () => {
    const answers = await Promise.all(probes.map((path) => get(path)));
    return answers.every(({ status }) => status === 200);
  };
  await waitFor("both probes", check, READY_TIMEOUT_MS).catch((cause: unknown) => {
    throw new Error(`not ready, but:\n${command.output}`, { cause });
  });
}

test("the standalone of the chart watches, keeps its data, asks for the token, and may be called by its Service", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
  const manifests = await helm.manifests({
    set: [
      "standalone.enabled=true",
      `standalone.config.targets[0].url=redis://127.0.0.1:${redis.port}`,
      `config.http.listen=0.0.0.0:${await freePort()}`,
    ],
    namespace: "obs",
  });
  const running = startPod(t, manifests, "keyheat-standalone");
  await isReady(running);
  const authorization = `Bearer ${TOKEN}`;
  const status = async (host: string, headers: Readonly<Record<string, string>>) =>
    (await running.get("/metrics", { host, ...headers })).status;
  assert.equal(await status("10.1.2.3", {}), 401);
  assert.equal(await status("10.1.2.3", { authorization }), 200);
  assert.equal(await status("keyheat-standalone.obs.svc:9380", { authorization }), 200);
  assert.equal(await status("keyheat-standalone.other.svc:9380", { authorization }), 403);

  assert.ok(readdirSync(join(running.root, "data")).length > 0);

  const { code, tookMs } = await running.command.stop("SIGTERM");
  const { terminationGracePeriodSeconds } = workloads(manifests)[0]?.spec.template.spec ?? {};
  assert.equal(code, 0, running.command.output);
  assert.ok(tookMs < (terminationGracePeriodSeconds ?? 0) * 1000, `the end took ${tookMs} ms`);
});

test(
  "the fleet of the chart: the Job makes the topics, an aggregator and an agent work over them",
  kafka.needed(),
  async (t) => {
    const helm = await findHelm(t);
    if (helm === null) return;
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
    const { brokers, prefix } = tenantSettings(kafka.get());
    const manifests = await helm.manifests({
      set: [
        `config.kafka.brokers={${brokers.join(",")}}`,
        `config.kafka.prefix=${prefix}`,
        "config.kafka.partitions=2",
        "agent.kind=Deployment",
        `agent.config.targets[0].url=redis://127.0.0.1:${redis.port}`,
        `agent.config.http.listen=0.0.0.0:${await freePort()}`,
        `aggregator.config.http.listen=0.0.0.0:${await freePort()}`,
      ],
    });
    const topics = startPod(t, manifests, "keyheat-topics");
    assert.equal(await topics.command.ended(), 0, topics.command.output);
    assert.match(topics.command.output, /\ndone\n/);

    const aggregator = startPod(t, manifests, "keyheat-aggregator");
    const agent = startPod(t, manifests, "keyheat-agent");
    await isReady(aggregator);
    await isReady(agent);
    const authorization = `Bearer ${TOKEN}`;
    await waitFor("the agent's server in the aggregator's coverage", async () => {
      const { body } = await aggregator.get("/api/v1/coverage", { authorization });
      return body.includes(`127.0.0.1:${redis.port}`);
    });
    for (const { command } of [agent, aggregator]) {
      assert.equal((await command.stop("SIGTERM")).code, 0, command.output);
    }
  },
);
