import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { loadConfig, type ProcessRole } from "../../src/config/load.ts";
import { findConformity } from "../support/chart/conformity.ts";
import { CHART, exampleValues, findHelm, type Helm } from "../support/chart/helm.ts";
import { type Manifest, nameOf, workloads } from "../support/chart/manifest.ts";
import { type Environments, podProcess } from "../support/chart/pod-files.ts";
import { looseEnds, missingReferences } from "../support/chart/references.ts";
import { restrictedProblems } from "../support/chart/restricted-pods.ts";

const EXAMPLES = exampleValues();

/** What the examples say that the user brings. */
const BROUGHT: Readonly<Record<string, readonly string[]>> = {
  "pods-tls": ["Secret/keyheat-kafka", "Secret/keyheat-redis", "Secret/redis-tls"],
  managed: ["Secret/keyheat-redis"],
  "managed-sasl": [
    "Secret/keyheat-agent-environment",
    "Secret/keyheat-aggregator-environment",
    "Secret/keyheat-kafka-admin",
  ],
  everything: [
    "keyheat-token",
    "keyheat-kafka",
    "keyheat-tls",
    "keyheat-redact",
    "keyheat-receivers",
    "registry",
  ].map((name) => `Secret/${name}`),
};

const ENVIRONMENTS: Environments = {
  "keyheat-agent-environment": {
    REDIS_USER: "keyheat",
    REDIS_PASSWORD: "p@ss/w#rd",
    KAFKA_PASSWORD: "secret",
  },
  "keyheat-aggregator-environment": {
    KAFKA_PASSWORD: "secret",
    SLACK_WEBHOOK_URL: "https://hooks.example/T/B/1",
  },
};

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-chart-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What each example makes, by its name. */
async function renderings(helm: Helm): Promise<[name: string, manifests: Manifest[]][]> {
  const made: [string, Manifest[]][] = [];
  for (const [name, file] of EXAMPLES) made.push([name, await helm.manifests({ values: [file] })]);
  return made;
}

/** The object of that kind, whose name ends so. */
function one(manifests: readonly Manifest[], kind: string, ending: string): Manifest {
  const found = manifests.filter(
    (manifest) => manifest.kind === kind && manifest.metadata.name.endsWith(ending),
  );
  assert.equal(found.length, 1, `${found.length} ${kind} with ${ending}`);
  return found[0] as Manifest;
}

function configOf(manifests: readonly Manifest[], component: string): Record<string, unknown> {
  return parse(one(manifests, "ConfigMap", `-${component}`).data?.["keyheat.yaml"] ?? "") as Record<
    string,
    unknown
  >;
}

test("Helm lints every example, and finds nothing to warn of", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  assert.ok(EXAMPLES.size >= 6);
  for (const [name, file] of EXAMPLES) {
    const { code, output } = await helm.lint([file]);
    assert.equal(code, 0, `${name}: ${output}`);
    assert.doesNotMatch(output, /\[(WARNING|ERROR)\]/, name);
  }
});

test("every manifest of every example is what Kubernetes and the Prometheus Operator know", async (t) => {
  const folder = temporaryFolder(t);
  const helm = await findHelm(t);
  const conformity = helm && (await findConformity(t, folder));
  if (helm === null || conformity === null) return;
  for (const [name, file] of EXAMPLES) {
    const path = join(folder, `${name}.yaml`);
    const text = await helm.text({ values: [file] });
    writeFileSync(path, text);
    const { checked, problems } = await conformity.problems(path);
    assert.deepEqual(problems, [], name);
    assert.ok(checked >= 3, `${name}: ${checked} were checked`);
  }

  const wrong = join(folder, "wrong.yaml");
  const text = await helm.text({ values: [EXAMPLES.get("everything") ?? ""] });
  const wrongText = text
    .replace("terminationGracePeriodSeconds: 15", "terminationGracePeriod: 15")
    .replace("path: /metrics", "route: /metrics")
    .replace("internalTrafficPolicy: Local", "internalTrafficPolicy: [Local]");
  writeFileSync(wrong, wrongText);
  const { problems } = await conformity.problems(wrong);
  assert.match(problems.join("\n"), /^DaemonSet\/keyheat-agent: .*terminationGracePeriod/m);
  assert.match(problems.join("\n"), /^(Pod|Service)Monitor\/keyheat-.*: .*route/m);
  assert.match(problems.join("\n"), /^Service\/keyheat-agent: .*internalTrafficPolicy/m);
  assert.equal(problems.length, 3, problems.join("\n"));
});

test("names are used once, and what is named or selected is there, or brought by the user", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  for (const [name, manifests] of await renderings(helm)) {
    const names = manifests.map((manifest) => `${manifest.metadata.namespace}/${nameOf(manifest)}`);
    assert.deepEqual(names, [...new Set(names)], name);
    assert.deepEqual(missingReferences(manifests, BROUGHT[name] ?? []), [], name);
    assert.deepEqual(looseEnds(manifests), [], name);
    for (const brought of BROUGHT[name] ?? []) {
      assert.ok(missingReferences(manifests, []).includes(brought), `${name} does not use ${brought}`);
    }
  }
});

test("every pod meets the restricted Pod Security Standard and is probed where Keyheat answers", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  for (const [name, manifests] of await renderings(helm)) {
    for (const workload of workloads(manifests)) {
      const pod = workload.spec.template.spec;
      assert.deepEqual(restrictedProblems(pod), [], `${name}: ${nameOf(workload)}`);
      if (workload.kind === "Job") continue;
      const [container] = pod.containers;
      const scheme = name === "everything" ? "HTTPS" : "HTTP";
      assert.deepEqual(container?.livenessProbe?.httpGet, { path: "/healthz", port: "http", scheme });
      assert.deepEqual(container?.readinessProbe?.httpGet, { path: "/readyz", port: "http", scheme });
    }
  }

  const weak = ["securityContext.readOnlyRootFilesystem=false", "podSecurityContext.runAsUser=0"];
  const manifests = await helm.manifests({ values: [EXAMPLES.get("default") ?? ""], set: weak });
  const problems = workloads(manifests).flatMap(({ spec }) => restrictedProblems(spec.template.spec));
  assert.deepEqual([...new Set(problems)], ["keyheat may write to its root", "keyheat may run as root"]);
});

test("Keyheat takes the config of every pod, and listens at the pod's port", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  let pods = 0;
  for (const [name, manifests] of await renderings(helm)) {
    for (const { kind, spec } of workloads(manifests)) {
      const root = temporaryFolder(t);
      const { args, env, configFile } = podProcess(spec.template.spec, manifests, {
        root,
        environment: ENVIRONMENTS,
      });
      const command = args[0];
      const role = command === "topics" ? "standalone" : (command as ProcessRole);
      const { http, kafka } = loadConfig(configFile, env, { role });
      pods++;
      assert.equal(kafka.brokers === undefined, role === "standalone" && kind === "Deployment", name);
      if (kind === "Job") continue;
      const [port] = spec.template.spec.containers[0]?.ports ?? [];
      assert.equal(http.listen.port, port?.containerPort, name);
      assert.ok(http.auth, `${name}: no token is asked for`);
    }
  }
  assert.ok(pods >= 14, `${pods} pods`);
});

test("values that cannot be right are refused with their path", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const wrong: readonly [set: string, message: RegExp][] = [
    ["agnt.kind=none", /agnt/],
    ["agent.kind=StatefulSet", /\/agent\/kind/],
    ["config.kafka.broker=kafka:9092", /\/config\/kafka'?: additional properties 'broker' not allowed/],
    ["config.kafka.partitions=0", /\/config\/kafka\/partitions/],
    ["agent.config.discovery.observe=some", /\/agent\/config\/discovery\/observe/],
    ["aggregator.config.rules[0].name=hot", /\/aggregator\/config\/rules\/0'?: missing property 'type'/],
    ["agent.secrets[0].name=redis", /\/agent\/secrets\/0'?: missing property 'existingSecret'/],
    ["image.tag=7", /\/image\/tag/],
    ["topics.kafka.sasl.user=admin", /\/topics\/kafka\/sasl/],
  ];
  for (const [set, message] of wrong) {
    const { code, output } = await helm.template({ values: [EXAMPLES.get("default") ?? ""], set: [set] });
    assert.notEqual(code, 0, set);
    assert.match(output, message);
  }
});

test("what would start and see nothing is refused with what to set", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const brokers = "config.kafka.brokers={kafka:9092}";
  const wrong: readonly [set: readonly string[], message: RegExp][] = [
    [[], /config\.kafka\.brokers is missing: .*standalone\.enabled=true/],
    [[brokers], /agent\.config says no servers: set agent\.config\.discovery\.kubernetes\.labelSelector/],
    [[brokers, "agent.config.targets[0].url=redis://r"], /DaemonSet.*set agent\.kind=Deployment/],
    [["standalone.enabled=true"], /standalone\.config says no servers/],
  ];
  for (const [set, message] of wrong) {
    const { code, output } = await helm.template({ set });
    assert.notEqual(code, 0, String(set));
    assert.match(output, message);
  }
});

test("a config is the chart's, under the common one, under the component's; the Service's names may be called", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const manifests = await helm.manifests({
    values: [EXAMPLES.get("default") ?? ""],
    set: [
      "config.log.level=debug",
      "config.kafka.prefix=common",
      "config.http.hosts={keyheat.example}",
      "aggregator.config.kafka.prefix=own",
      "config.panes.keys=1048576",
    ],
    release: "eu",
    namespace: "obs",
  });
  const agent = configOf(manifests, "agent");
  const aggregator = configOf(manifests, "aggregator");
  assert.deepEqual(agent.kafka, { brokers: ["kafka-bootstrap.kafka.svc:9092"], prefix: "common" });
  assert.deepEqual(aggregator.kafka, { brokers: ["kafka-bootstrap.kafka.svc:9092"], prefix: "own" });
  assert.deepEqual(configOf(manifests, "topics"), { kafka: aggregator.kafka });
  assert.deepEqual([agent.log, aggregator.log], [{ level: "debug" }, { level: "debug" }]);
  assert.deepEqual(agent.panes, { keys: 1_048_576 });
  assert.deepEqual(agent.http, {
    auth: { tokenFile: "/etc/keyheat/secrets/token" },
    hosts: [
      "eu-keyheat-agent",
      "eu-keyheat-agent.obs",
      "eu-keyheat-agent.obs.svc",
      "eu-keyheat-agent.obs.svc.cluster.local",
      "keyheat.example",
    ],
    listen: "0.0.0.0:9379",
  });
  assert.equal(one(manifests, "Service", "-agent").metadata.name, "eu-keyheat-agent");
});

test("a changed config restarts its pods, and no others", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const values = [EXAMPLES.get("default") ?? ""];
  const checksums = async (set: readonly string[]) => {
    const manifests = await helm.manifests({ values, set });
    return ["DaemonSet", "Deployment"].map(
      (kind) => one(manifests, kind, "").spec?.template?.metadata.annotations?.["checksum/config"],
    );
  };
  const [agent, aggregator] = await checksums([]);
  const [sameAgent, otherAggregator] = await checksums(["aggregator.config.grace=3s"]);
  assert.match(agent ?? "", /^[0-9a-f]{64}$/);
  assert.equal(sameAgent, agent);
  assert.notEqual(otherAggregator, aggregator);
});

test("rights are for pods alone, where they are looked for, and nobody else has a token of Kubernetes", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const all = new Map(await renderings(helm));
  const roles = (name: string) =>
    (all.get(name) ?? []).filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  assert.deepEqual(
    roles("pods-tls").map(({ kind, metadata }) => [kind, metadata.namespace]),
    [
      ["Role", "shop"],
      ["Role", "sessions"],
    ],
  );
  for (const [name, manifests] of all) {
    const withToken = workloads(manifests).filter(
      ({ spec }) => spec.template.spec.automountServiceAccountToken !== false,
    );
    const finders = ["default", "pods-tls", "standalone", "everything"].includes(name) ? 1 : 0;
    assert.equal(withToken.length, finders, name);
    assert.equal(roles(name).length > 0, finders === 1, name);
    for (const role of roles(name)) {
      const { rules } = role as Manifest & { readonly rules: unknown };
      assert.deepEqual(rules, [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }], name);
    }
  }
});

test("a token is made at random, is the one that is given, or lies in a Secret of the user", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const values = [EXAMPLES.get("default") ?? ""];
  const tokens = async (set: readonly string[]) => {
    const manifests = await helm.manifests({ values, set });
    const secrets = manifests.filter(({ kind }) => kind === "Secret");
    return secrets.map(({ data }) => Buffer.from(data?.token ?? "", "base64").toString());
  };
  const [first, second] = [await tokens([]), await tokens([])];
  assert.match(first[0] ?? "", /^\w{40}$/);
  assert.notDeepEqual(first, second);
  assert.deepEqual(await tokens(["auth.token=ours"]), ["ours"]);
  assert.deepEqual(await tokens(["auth.existingSecret=theirs"]), []);
});

test("a DaemonSet tolerates reserved nodes and serves its own node; a Deployment watches all servers from anywhere", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const all = new Map(await renderings(helm));
  const daemons = all.get("default") ?? [];
  const daemonSet = one(daemons, "DaemonSet", "-agent");
  assert.deepEqual(daemonSet.spec?.template?.spec.tolerations, [
    { effect: "NoSchedule", operator: "Exists" },
  ]);
  assert.equal(
    (one(daemons, "Service", "-agent").spec as Record<string, unknown>).internalTrafficPolicy,
    "Local",
  );
  assert.deepEqual(configOf(daemons, "agent").discovery, {
    kubernetes: { labelSelector: "app.kubernetes.io/name=redis" },
  });

  const managed = all.get("managed") ?? [];
  const deployment = one(managed, "Deployment", "-agent");
  assert.equal(deployment.spec?.replicas, 1);
  assert.equal(deployment.spec?.template?.spec.tolerations, undefined);
  assert.equal(
    (one(managed, "Service", "-agent").spec as Record<string, unknown>).internalTrafficPolicy,
    undefined,
  );
  assert.deepEqual(configOf(managed, "agent").discovery, { observe: "all" });
});

test("rules and dashboards get into the cluster as they are, with their own {{ }}; none is fine, too", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const chart = join(temporaryFolder(t), "keyheat");
  cpSync(CHART, chart, { recursive: true });
  for (const folder of ["rules", "dashboards"]) {
    rmSync(join(chart, folder), { recursive: true, force: true });
    mkdirSync(join(chart, folder));
  }
  const values = [EXAMPLES.get("everything") ?? ""];
  const withoutAny = await helm.manifests({ values, chart });
  const kinds = withoutAny.map(({ kind, metadata }) => `${kind} ${metadata.labels?.grafana_dashboard}`);
  assert.ok(!kinds.includes("PrometheusRule undefined") && !kinds.includes("ConfigMap 1"), kinds.join("\n"));

  const dashboard = JSON.stringify({ uid: "keyheat-fleet", title: "{{ cluster }} $x" });
  writeFileSync(join(chart, "dashboards", "fleet.json"), dashboard);
  const group = (name: string) =>
    `groups:\n  - name: ${name}\n    rules:\n      - alert: A\n        expr: up == 0\n        annotations: { summary: "{{ $labels.job }} is down" }\n`;
  writeFileSync(join(chart, "rules", "a.yaml"), group("a"));
  writeFileSync(join(chart, "rules", "b.yaml"), group("b"));
  const manifests = await helm.manifests({ values, chart });
  const { metadata, data } = one(manifests, "ConfigMap", "-dashboard-fleet");
  assert.equal(metadata.labels?.grafana_dashboard, "1");
  assert.deepEqual(metadata.annotations, { grafana_folder: "Keyheat" });
  assert.equal(data?.["keyheat-fleet.json"]?.trim(), dashboard);
  const rule = one(manifests, "PrometheusRule", "keyheat");
  assert.equal(rule.metadata.labels?.release, "prometheus");
  const { groups } = rule.spec as unknown as { readonly groups: readonly { readonly name: string }[] };
  assert.deepEqual(
    groups,
    [parse(group("a")), parse(group("b"))].flatMap(({ groups: own }) => own),
  );
});
