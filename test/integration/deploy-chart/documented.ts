import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../../src/config/load.ts";
import { findConformity } from "../../support/chart/conformity.ts";
import { CHART, exampleValues, findHelm, type Helm } from "../../support/chart/helm.ts";
import { type Manifest, type PodSpec, workloads } from "../../support/chart/manifest.ts";
import { temporaryFolder } from "../../support/chart/pick.ts";
import { type Environments, podProcess } from "../../support/chart/pod-files.ts";
import { missingReferences } from "../../support/chart/references.ts";
import { restrictedProblems } from "../../support/chart/restricted-pods.ts";
import { pageAt } from "../../support/documentation.ts";
import { codeBlocks } from "../../support/markdown.ts";

const VALUES_BLOCKS_MIN = 6;
const ENVIRONMENTS: Environments = { "keyheat-slack": { url: "https://hooks.slack.example/T/B/1" } };

const blocks = codeBlocks(pageAt("docs/kubernetes.md").text).filter(({ language }) => language === "yaml");
const isSidecar = ({ code }: { readonly code: string }) => /^containers:/m.test(code);

/** What the values of a block make, above those of an example. */
async function rendered(t: TestContext, helm: Helm, code: string, example: string): Promise<Manifest[]> {
  const file = join(temporaryFolder(t), "values.yaml");
  writeFileSync(file, code);
  return await helm.manifests({ values: [exampleValues().get(example) ?? "", file] });
}

test("the values of docs/kubernetes.md make configs that Keyheat takes", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const values = blocks.filter((block) => !isSidecar(block));
  assert.ok(values.length >= VALUES_BLOCKS_MIN, `only ${values.length} blocks were found`);
  for (const { code } of values) {
    const manifests = await rendered(t, helm, code, "default");
    for (const { spec } of workloads(manifests)) {
      const root = temporaryFolder(t);
      const pod = spec.template.spec;
      const { env, configFile, role } = podProcess(pod, manifests, { root, environment: ENVIRONMENTS });
      assert.doesNotThrow(() => loadConfig(configFile, env, { role }), code);
    }
  }
});

test("the sidecar of docs/kubernetes.md reads what the chart makes, and is watched as its pod's address", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const sidecar = blocks.find(isSidecar);
  const values = blocks.find(({ code }) => code.includes("kind: Sidecar"));
  assert.ok(sidecar && values);
  const pod = parse(sidecar.code) as PodSpec;
  const manifests = await rendered(t, helm, values.code, "sidecar");
  const spec = {
    selector: { matchLabels: { app: "r" } },
    template: { metadata: { labels: { app: "r" } }, spec: pod },
  };
  const redis: Manifest = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "redis" }, spec };

  assert.deepEqual(missingReferences([...manifests, redis], ["Secret/keyheat-redis"]), []);
  assert.deepEqual(restrictedProblems(pod), []);
  const { env, configFile, role } = podProcess(pod, manifests, { root: temporaryFolder(t) });
  const { targets, http } = loadConfig(configFile, env, { role });
  assert.deepEqual(
    targets.map(({ address, password }) => [address, password]),
    [["10.1.2.3:6379", "p@ss/w#rd"]],
  );
  assert.equal(http.listen.port, pod.containers[0]?.ports?.[0]?.containerPort);
  const { appVersion } = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as {
    readonly appVersion: string;
  };
  assert.equal(pod.containers[0]?.image, `ghcr.io/keyheat/keyheat:${appVersion}`);

  const folder = temporaryFolder(t);
  const conformity = await findConformity(t, folder);
  const file = join(folder, "redis.yaml");
  writeFileSync(file, JSON.stringify(redis));
  assert.deepEqual(await conformity?.problems(file), { checked: 1, problems: [] });
});

test("the command in the chart's README makes a fleet", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const readme = readFileSync(join(CHART, "README.md"), "utf8");
  const set = [...readme.matchAll(/--set '?([^'\s\\]+)/g)].map(([, value]) => value ?? "");
  const names = workloads(await helm.manifests({ set })).map(({ metadata }) => metadata.name);
  assert.deepEqual(names.sort(), ["keyheat-agent", "keyheat-aggregator", "keyheat-topics"]);
});
