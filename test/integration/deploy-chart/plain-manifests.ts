import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findConformity } from "../../support/chart/conformity.ts";
import { findHelm } from "../../support/chart/helm.ts";
import { type Manifest, manifestsOf, workloads } from "../../support/chart/manifest.ts";
import { temporaryFolder } from "../../support/chart/pick.ts";
import { plainManifests } from "../../support/chart/plain-manifests.ts";
import { looseEnds, missingReferences } from "../../support/chart/references.ts";
import { restrictedProblems } from "../../support/chart/restricted-pods.ts";

const FILES = ["namespace.yaml", "topics.yaml", "aggregator.yaml", "agent.yaml", "standalone.yaml"];
/** Which the head of namespace.yaml says how to make. */
const TOKEN = "Secret/keyheat-auth";

function committed(name: string): string {
  return readFileSync(new URL(`../../../deploy/kubernetes/${name}`, import.meta.url), "utf8");
}

test("deploy/kubernetes is what the chart makes", async (t) => {
  const helm = await findHelm(t);
  if (helm === null) return;
  const files = await plainManifests(helm);
  assert.deepEqual([...files.keys()].sort(), FILES.toSorted());
  for (const [name, text] of files) {
    assert.equal(committed(name), text, `${name}: run \`node .dev/render-manifests.ts\``);
  }
});

test("each file of deploy/kubernetes works by itself, beside the token", async (t) => {
  const folder = temporaryFolder(t);
  const conformity = await findConformity(t, folder);
  if (conformity === null) return;
  for (const name of FILES) {
    const file = join(folder, name);
    writeFileSync(file, committed(name));
    const { checked, problems } = await conformity.problems(file);
    const manifests = manifestsOf(committed(name));
    assert.deepEqual(problems, [], name);
    assert.equal(checked, manifests.length);
    assert.deepEqual(missingReferences(manifests, [TOKEN]), [], name);
    assert.deepEqual(looseEnds(manifests), [], name);
    for (const { spec } of workloads(manifests)) {
      assert.deepEqual(restrictedProblems(spec.template.spec), [], name);
    }
    assert.ok(isInOrder(manifests), `${name}: pods come before what they need`);
  }
  assert.ok(committed("agent.yaml").includes("kind: RoleBinding"));
  assert.doesNotMatch(FILES.map(committed).join(), /helm\.sh|managed-by|kind: Secret/);
});

/** Pods come last: what they mount is there before them. */
function isInOrder(manifests: readonly Manifest[]): boolean {
  const areWorkloads = manifests.map(({ spec }) => spec?.template !== undefined);
  const first = areWorkloads.indexOf(true);
  return (
    first === -1 ||
    manifests.slice(first).every(({ kind }) => !["ConfigMap", "ServiceAccount"].includes(kind))
  );
}
