import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { DOCKERFILE } from "../../support/image-build.ts";

const DIGESTS = /sha256:[0-9a-f]{64}/g;
const pinned = readFileSync(DOCKERFILE, "utf8");

test("base images are pinned anew by what docker says of their tags, and all else stays", (t) => {
  const [node, distroless] = ["1".repeat(64), "2".repeat(64)];
  const docker = `case "$*" in
"buildx imagetools inspect docker.io/library/node:"*" --format {{.Manifest.Digest}}") echo sha256:${node} ;;
"buildx imagetools inspect gcr.io/distroless/"*" --format {{.Manifest.Digest}}") echo sha256:${distroless} ;;
*) exit 9 ;;
esac`;
  const { run, dockerfile } = pinBase(t, docker);
  assert.equal(run.status, 0, run.stderr);
  const fresh = [`sha256:${node}`, `sha256:${distroless}`];
  assert.deepEqual(dockerfile.match(DIGESTS), fresh);
  assert.equal(dockerfile.replaceAll(DIGESTS, ""), pinned.replaceAll(DIGESTS, ""));
  assert.equal(run.stdout.match(/^\S+:\S+@sha256:/gm)?.length, 2);
});

test("an answer that is no digest changes nothing and is told", (t) => {
  const { run, dockerfile } = pinBase(t, "echo '<no value>'");
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^pin-base: no digest of docker\.io\/library\/node:[\w.-]+: <no value>\n$/);
  assert.equal(dockerfile, pinned);
});

/** Runs the script on a copy of the Dockerfile, with a `docker` that this shell code is. */
function pinBase(t: TestContext, docker: string): { run: SpawnSyncReturns<string>; dockerfile: string } {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-pin-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ["Dockerfile", "pin-base.sh"]) {
    copyFileSync(join(dirname(DOCKERFILE), name), join(folder, name));
  }
  writeFileSync(join(folder, "docker"), `#!/bin/sh\n${docker}\n`, { mode: 0o755 });
  const PATH = `${folder}:${process.env.PATH}`;
  const run = spawnSync(join(folder, "pin-base.sh"), { env: { PATH }, encoding: "utf8" });
  return { run, dockerfile: readFileSync(join(folder, "Dockerfile"), "utf8") };
}
