import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import type { Manifest } from "./manifest.ts";

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-chart-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The object of that kind, whose name ends so. */
export function one(manifests: readonly Manifest[], kind: string, ending: string): Manifest {
  const found = manifests.filter(
    (manifest) => manifest.kind === kind && manifest.metadata.name.endsWith(ending),
  );
  assert.equal(found.length, 1, `${found.length} ${kind} with ${ending}`);
  return found[0] as Manifest;
}

/** The config of a component, as its ConfigMap has it. */
export function configOf(manifests: readonly Manifest[], component: string): Record<string, unknown> {
  return parse(one(manifests, "ConfigMap", `-${component}`).data?.["keyheat.yaml"] ?? "") as Record<
    string,
    unknown
  >;
}
