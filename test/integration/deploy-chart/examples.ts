import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../../src/config/load.ts";
import { findConformity } from "../../support/chart/conformity.ts";
import { exampleValues, findHelm, type Helm } from "../../support/chart/helm.ts";
import { type Manifest, nameOf, workloads } from "../../support/chart/manifest.ts";
import { configOf, one, temporaryFolder } from "../../support/chart/pick.ts";
import { type Environments, podProcess } from "../../support/chart/pod-files.ts";
import { looseEnds, missingReferences } from "../../support/chart/references.ts";
import { restrictedProblems } from "../../support/chart/restricted-pods.ts";

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

/** What each example makes, by its name. */
async function renderings(helm: Helm): Promise<[name: string, manifests: Manifest[]][]> {
  const made: [string, Manifest[]][] = [];
  for (const [name, file] of EXAMPLES) made.push([name, await helm.manifests({ values: [file] })]);
  return made;
}

test("Helm lints the chart and every example, and finds nothing to warn of", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  assert.ok(EXAMPLES.size >= 6);
  assert.equal((await helm.lint([])).code, 0);
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
      const { env, configFile, role } = podProcess(spec.template.spec, manifests, {
        root,
        environment: ENVIRONMENTS,
      });
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

test("what Helm says after an install names what is there, with the page's address and the token's key", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const kinds: Readonly<Record<string, string>> = { ds: "DaemonSet", deploy: "Deployment", svc: "Service" };
  for (const [name, manifests] of await renderings(helm)) {
    const notes = await helm.notes(EXAMPLES.get(name) ?? "");
    const named = [...notes.matchAll(/ (ds|deploy|svc)\/(\S+)/g)].map(
      ([, kind = "", of]) => `${kinds[kind]}/${of}`,
    );
    const secrets = [...notes.matchAll(/ get secret (\S+)/g)].map(([, secret]) => `Secret/${secret}`);
    const there = new Set([...manifests.map(nameOf), ...(BROUGHT[name] ?? [])]);
    assert.deepEqual(
      [...named, ...secrets].filter((one) => !there.has(one)),
      [],
      name,
    );
    assert.equal(secrets.length, 1, name);
    assert.match(
      notes,
      name === "everything" ? /https:\/\/127.*\n.*\.data\.api\\\.token/ : /http:\/\/127.*\n.*\.data\.token/,
    );
  }
});
