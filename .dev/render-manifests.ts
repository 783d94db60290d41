/**
 * Writes deploy/kubernetes from the Helm chart: `node .dev/render-manifests.ts [PATH OF HELM]`. Without a path, the Helm
 * that tests build from the Go module proxy, which takes minutes the first time.
 */
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { findHelm, Helm } from "../test/support/chart/helm.ts";
import { plainManifests } from "../test/support/chart/plain-manifests.ts";

const folder = new URL("../deploy/kubernetes/", import.meta.url);
const [path] = process.argv.slice(2);

// A test, as what builds and runs programs ends them with one.
await test("deploy/kubernetes is written from the chart", async (t) => {
  const helm = path === undefined ? await findHelm(t) : new Helm(t, path);
  if (helm === null) return;
  for (const [name, text] of await plainManifests(helm)) writeFileSync(new URL(name, folder), text);
});
