import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { CHART, exampleValues, findHelm } from "../../support/chart/helm.ts";
import { workloads } from "../../support/chart/manifest.ts";
import { configOf, one, temporaryFolder } from "../../support/chart/pick.ts";
import { startStandInCluster } from "../../support/chart/stand-in-cluster.ts";

const EXAMPLES = exampleValues();

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

test("a token that was made stays over upgrades", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const values = [EXAMPLES.get("default") ?? ""];
  const made = one(await helm.manifests({ values, namespace: "obs" }), "Secret", "keyheat-auth");
  // As Helm marks what it installs.
  const annotations = { "meta.helm.sh/release-name": "keyheat", "meta.helm.sh/release-namespace": "obs" };
  const installed = { ...made, metadata: { ...made.metadata, annotations } };
  const cluster = await startStandInCluster(t, [installed]);
  const upgraded = one(await helm.manifests({ values, namespace: "obs", cluster }), "Secret", "keyheat-auth");
  assert.deepEqual(upgraded.data, made.data);
  const elsewhere = one(await helm.manifests({ values, namespace: "qa", cluster }), "Secret", "keyheat-auth");
  assert.notDeepEqual(elsewhere.data, made.data);
});

test("where the cluster chooses users, the chart names none", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const set = ["runAsUser", "runAsGroup", "fsGroup"].map((key) => `podSecurityContext.${key}=null`);
  const manifests = await helm.manifests({ values: [EXAMPLES.get("default") ?? ""], set });
  for (const { spec } of workloads(manifests)) {
    const { securityContext } = spec.template.spec;
    assert.deepEqual(securityContext, { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
  }
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

test("agents whose aggregators are elsewhere are not called absent", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const alerts = async (set: readonly string[]) => {
    const values = [EXAMPLES.get("default") ?? ""];
    const manifests = await helm.manifests({ values, set: ["prometheusRule.enabled=true", ...set] });
    const { groups } = one(manifests, "PrometheusRule", "").spec as unknown as {
      readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
    };
    return groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  };
  const all = await alerts([]);
  assert.ok(all.includes("KeyheatAbsent") && all.length >= 10);
  assert.deepEqual(
    await alerts(["aggregator.enabled=false"]),
    all.filter((alert) => alert !== "KeyheatAbsent"),
  );
});

test("agents may have a token of their own, which Prometheus presents to them alone", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const own = ["agent.auth.existingSecret=agent-token", "agent.auth.existingSecretKey=value"];
  const monitors = ["serviceMonitor.enabled=true", "podMonitor.enabled=true"];
  const manifests = await helm.manifests({
    values: [EXAMPLES.get("default") ?? ""],
    set: [...own, ...monitors],
  });
  const tokenOf = (kind: string) => {
    const volumes = one(manifests, kind, "").spec?.template?.spec.volumes ?? [];
    const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
    return sources.find(({ secret }) => secret?.items[0]?.path === "secrets/token")?.secret;
  };
  const path = "secrets/token";
  assert.deepEqual(tokenOf("DaemonSet"), { name: "agent-token", items: [{ key: "value", path }] });
  assert.deepEqual(tokenOf("Deployment"), { name: "keyheat-auth", items: [{ key: "token", path }] });
  const [agents] = one(manifests, "PodMonitor", "").spec?.podMetricsEndpoints ?? [];
  const [aggregators] = one(manifests, "ServiceMonitor", "").spec?.endpoints ?? [];
  assert.deepEqual(agents?.authorization.credentials, { name: "agent-token", key: "value" });
  assert.deepEqual(aggregators?.authorization.credentials, { name: "keyheat-auth", key: "token" });
  one(manifests, "Secret", "keyheat-auth");
});

test("names of digits alone stay texts everywhere", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const monitors = ["serviceMonitor.enabled=true", "podMonitor.enabled=true"];
  const manifests = await helm.manifests({
    values: [EXAMPLES.get("everything") ?? ""],
    set: [...monitors, "secrets[0].name=kafka", "secrets[0].existingSecret=0123"],
    release: "123",
    namespace: "456",
  });
  const texts: unknown[] = [];
  for (const { metadata, spec } of manifests) {
    texts.push(metadata.namespace, metadata.labels?.["app.kubernetes.io/instance"]);
    if (spec?.template) texts.push(spec.template.metadata.labels["app.kubernetes.io/instance"]);
    const sources = spec?.template?.spec.volumes?.flatMap((volume) => volume.projected?.sources ?? []) ?? [];
    for (const { secret } of sources) if (secret) texts.push(secret.name);
  }
  assert.ok(texts.length > 40);
  for (const text of texts) assert.equal(typeof text, "string", String(text));
});

test("a config that is left empty, as where its lines are comments, is no config", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const values = join(temporaryFolder(t), "values.yaml");
  writeFileSync(values, "config:\nstandalone:\n  enabled: true\n  config:\n");
  const { output } = await helm.template({ values: [values] });
  assert.match(output, /standalone\.config says no servers/);
});
