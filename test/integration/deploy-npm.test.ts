import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Program, runKeyheat } from "../support/command-line.ts";
import { bytesOnDisk, InstalledPackage } from "../support/installed-package.ts";
import { command, freePort, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MEBIBYTE = 1024 * 1024;
const INSTALLED_BYTES_MAX = 120 * MEBIBYTE;
const HELP_MS_MAX = 300;
const HELP_RUNS = 15;
const STOP_MS_MAX = 5000;
/** The oldest that package.json allows. */
const OLDEST_NODE = "22.15.0";

const PACKED =
  /^(?:LICENSE|NOTICE|README\.md|package\.json|config\/.+\.(?:yaml|json)|docs\/.+\.md|examples\/.+|dist\/.+\.(?:js|d\.ts|html|css|svg))$/;

/** Ends the output with the packages that were loaded, in brackets. */
const TELL_LOADED = `
import { registerHooks } from "node:module";
const loaded = new Set();
registerHooks({
  load(url, context, next) {
    const [, name] = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? [];
    if (name !== undefined) loaded.add(name);
    return next(url, context);
  },
});
process.on("exit", () => console.log(JSON.stringify([...loaded].sort())));
`;

const IMPORTED = `
const { observe } = await import("keyheat/client");
console.log(typeof observe);
`;

/** Uses types of several parts of the library; what is wrong must be seen to be wrong. */
const TYPED = `
import { LocalCache, type LocalCacheStats, observe, ShardedCounter } from "keyheat/client";
import type { Redis } from "ioredis";

declare const redis: Redis;
const observation = observe(redis, { service: "checkout", agent: "http://127.0.0.1:9380" });
const cache = new LocalCache(redis, { tracking: true });
const value: string | null = await cache.get("page:home");
const stats: LocalCacheStats = cache.stats;
const views = new ShardedCounter(redis, "views");
await views.increment();
console.log(value, stats, observation.stats);
// @ts-expect-error there is no such option
observe(redis, { servce: "checkout" });
// @ts-expect-error the name of a counter is text
new ShardedCounter(redis, 1);
`;

let installed: InstalledPackage;

describe("the npm package", () => {
  before(() => {
    installed = new InstalledPackage();
  });
  after(() => installed?.remove());

  test("holds the program, its types, config, docs and examples, and nothing else", () => {
    const odd = installed.files.filter((file) => !PACKED.test(file) || file.includes(".test."));
    assert.deepEqual(odd, []);
    for (const file of [
      "LICENSE",
      "NOTICE",
      "dist/cli/main.js",
      "dist/client/index.d.ts",
      "docs/alerts.md",
    ]) {
      assert.ok(installed.files.includes(file), file);
    }
    assert.ok(installed.files.includes("dist/http/console/index.html"));
  });

  test("takes little room, with all that it depends on", (t) => {
    const bytes = bytesOnDisk(join(installed.folder, "node_modules"));
    t.diagnostic(`${(bytes / MEBIBYTE).toFixed(1)} MiB on the disk`);
    assert.ok(bytes < INSTALLED_BYTES_MAX, `${bytes} bytes`);
  });

  test("has the command: npx finds it, and help comes at once", (t) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    assert.equal(installed.npm(["exec", "--", "keyheat", "--version"]), `${version}\n`);
    assert.match(installed.npm(["exec", "--", "keyheat", "--help"]), /^Usage: keyheat/);

    const [node, main] = installed.program();
    const floors = timesOf(() => execFileSync(node, ["-e", "0"]));
    const helps = timesOf(() => execFileSync(node, [main, "--help"]));
    const { min, median } = { min: Math.min(...helps) - Math.min(...floors), median: middle(helps) };
    t.diagnostic(`help: median ${median.toFixed(0)} ms, node -e 0: median ${middle(floors).toFixed(0)} ms`);
    assert.ok(min < HELP_MS_MAX, `help takes ${min} ms more than node itself`);
  });

  test("watches a server", async (t) => {
    await watches(t, installed.program());
  });

  test("help loads nothing but what reads the command line", () => {
    const told = runTelling(process.execPath, [installed.program()[1], "--help"]);
    assert.match(told, /^Usage: keyheat[\s\S]*\n\["commander","keyheat"\]\n$/);
  });

  test("the client library loads nothing of the server's", () => {
    assert.equal(importedBy(process.execPath), 'function\n["keyheat","lru-cache"]\n');
  });

  test("the client library's types hold under strict, without skipLibCheck", () => {
    for (const module of ["nodenext", "preserve"]) assert.equal(typeProblems(module), "", module);
  });

  test(`does all that on Node ${OLDEST_NODE}`, async (t) => {
    const node = installed.addNode(OLDEST_NODE);
    assert.equal(execFileSync(node, ["--version"], { encoding: "utf8" }), `v${OLDEST_NODE}\n`);
    assert.match(importedBy(node), /^function\n/);
    await watches(t, installed.program(node));
  });
});

/** It comes up, counts writes, and SIGTERM ends it. */
async function watches(t: TestContext, program: Program): Promise<void> {
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "Eg$lshztm"] });
  const port = await freePort();
  const config = join(installed.folder, "keyheat.yaml");
  writeFileSync(config, JSON.stringify({ http: { listen: `127.0.0.1:${port}` } }));
  const args = [
    "standalone",
    "--redis",
    redis.url,
    "--config",
    config,
    "--data-dir",
    join(installed.folder, "data"),
  ];
  const standalone = runKeyheat(t, args, process.env, program);
  await standalone.says(/standalone started/, 60_000);
  await waitFor("a write to be counted", async () => {
    await command(redis.port, ["SET", "product:4711", "1"]);
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/hotkeys`);
    return (await answer.text()).includes("product:4711");
  });
  const { code, tookMs } = await standalone.stop("SIGTERM");
  assert.equal(code, 0, standalone.output);
  assert.ok(tookMs < STOP_MS_MAX, `it took ${tookMs} ms`);
}

/** Output of an application that imports the client library, with what that loads. */
function importedBy(node: string): string {
  writeFileSync(join(installed.folder, "imported.mjs"), IMPORTED);
  return runTelling(node, ["imported.mjs"]);
}

function runTelling(node: string, args: readonly string[]): string {
  writeFileSync(join(installed.folder, "tell-loaded.mjs"), TELL_LOADED);
  const options = { cwd: installed.folder, encoding: "utf8" } as const;
  return execFileSync(node, ["--import", "./tell-loaded.mjs", ...args], options);
}

/** What the compiler says of an application that is written in TypeScript; nothing: all is well. */
function typeProblems(module: string): string {
  writeFileSync(join(installed.folder, "app.mts"), TYPED);
  const options = [
    "--strict",
    "--noEmit",
    "--skipLibCheck",
    "false",
    "--module",
    module,
    "--target",
    "es2024",
  ];
  const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...options, ...types, "app.mts"], {
    cwd: installed.folder,
    encoding: "utf8",
  });
  return `${stdout}${stderr}`;
}

/** How long each of several runs takes, in ms. */
function timesOf(run: () => void): readonly number[] {
  return Array.from({ length: HELP_RUNS }, () => {
    const startMs = performance.now();
    run();
    return performance.now() - startMs;
  });
}

function middle(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
