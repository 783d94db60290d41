import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { userCacheFolder } from "../../src/cli/demo/redis-server.ts";
import { type Toolchain, whyNot } from "./toolchains.ts";

const run = promisify(execFile);

/** A program that is built from the Go module proxy. */
export interface GoProgram {
  /** Name of the program: the last part of `path`. */
  readonly name: string;
  /** Its package: `helm.sh/helm/v4/cmd/helm`. */
  readonly path: string;
  readonly version: `v${string}`;
}

const BUILD_TIMEOUT_MS = 1_700_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Where Go's own installer puts it, which few have on their PATH. */
const INSTALLED = "/usr/local/go/bin/go";

function goToolchain(command: string): Toolchain {
  return { probe: [command, "version"], version: /go(\d+)\.(\d+)/, oldest: [1, 21] };
}

/** The `go` to use; `null`: there is none, and `t` was skipped for it, or failed where CI wants all to run. */
function findGo(t: TestContext): string | null {
  const problems = ["go", INSTALLED].map((command) => [command, whyNot(goToolchain(command))] as const);
  const usable = problems.find(([, problem]) => problem === null);
  if (usable !== undefined) return usable[0];
  const reason = `needs Go 1.21 or newer: ${problems[0]?.[1]}`;
  if (process.env.CI === "true") throw new Error(reason);
  t.skip(reason);
  return null;
}

/**
 * Path of the program, built now or earlier, in the user's cache; a large one takes minutes the first time. `null` where
 * there is no Go: `t` is skipped then, and with CI=true it fails.
 */
export async function goProgram(t: TestContext, { name, path, version }: GoProgram): Promise<string | null> {
  const cacheFolder = userCacheFolder(process.env);
  const folder = join(cacheFolder, `${name}-${version}`);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  const go = findGo(t);
  if (go === null) return null;
  t.diagnostic(`building ${name} ${version}`);
  await mkdir(cacheFolder, { recursive: true });
  const work = await mkdtemp(join(cacheFolder, "fetch-"));
  try {
    const env = { ...process.env, GOBIN: work, GOFLAGS: "-trimpath", CGO_ENABLED: "0" };
    await run(go, ["install", `${path}@${version}`], { env, timeout: BUILD_TIMEOUT_MS });
    await rename(work, folder).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was faster.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return program;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Folder of a module's files, unchanged: `k8s.io/kubernetes@v1.34.2`. `null` as for `goProgram`. */
export async function goModule(t: TestContext, module: `${string}@v${string}`): Promise<string | null> {
  const go = findGo(t);
  if (go === null) return null;
  const options = { timeout: DOWNLOAD_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  const { stdout } = await run(go, ["mod", "download", "-json", module], options);
  const { Dir } = JSON.parse(stdout) as { readonly Dir: string };
  return Dir;
}
