import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { runKeyheat } from "../support/command-line.ts";
import { ROOT } from "../support/documentation.ts";
import { freePort, startRedis } from "../support/redis.ts";
import { startLoad } from "../support/steady-load.ts";
import { type SystemdAnalyze, SystemdUnit, systemdAnalyze } from "../support/systemd-unit.ts";
import { whyNot } from "../support/toolchains.ts";
import { waitFor } from "../support/wait.ts";

/**
 * Each service file, with the commented config that it is meant to run with. An aggregator watches nothing, and so has
 * no need to know the addresses of its host.
 */
const UNITS = [
  { name: "keyheat.service", example: "standalone.yaml", observe: "local" },
  { name: "keyheat-agent.service", example: "agent.yaml", observe: "local" },
  { name: "keyheat-aggregator.service", example: "aggregator.yaml", observe: "listed" },
] as const;

/** What the units refer to and systemd brings along. */
const TARGETS = ["basic", "multi-user", "network-online", "shutdown", "sysinit"];
/** In tenths: `systemd-analyze security` calls what is below 2.0 fine. */
const EXPOSURE_MAX = 20;
const FILTER = join(ROOT, "test/support/system-call-filter.py");
const MAIN = join(ROOT, "src/cli/main.ts");
const NO_SECCOMP = 77;

const folder = mkdtempSync(join(tmpdir(), "keyheat-systemd-"));
after(() => rmSync(folder, { recursive: true }));

const pathOf = (name: string) => join(ROOT, "deploy/systemd", name);

/** A file system in which systemd finds the service file, its targets and its programs. Returns its path. */
function rootWith(name: string, text: string): string {
  const root = mkdtempSync(join(folder, "root-"));
  const put = (path: string, content: string, mode = 0o644) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content, { mode });
  };
  put(`etc/systemd/system/${name}`, text);
  for (const target of TARGETS) put(`usr/lib/systemd/system/${target}.target`, "[Unit]\n");
  for (const program of ["usr/bin/keyheat", "bin/kill"]) put(program, "#!/bin/sh\n", 0o755);
  return root;
}

async function verify(analyze: SystemdAnalyze, name: string, text: string): Promise<string> {
  const { code, output } = await analyze.run("verify", `--root=${rootWith(name, text)}`, name);
  return code === 0 ? output : `${output} (exit code ${code})`;
}

for (const { name, example, observe } of UNITS) {
  describe(name, () => {
    const unit = new SystemdUnit(pathOf(name));

    test("systemd understands every line of it, and would say so of one that it does not", async (t) => {
      const analyze = await systemdAnalyze(t);
      if (analyze === null) return;
      assert.equal(await verify(analyze, name, unit.text), "");
      assert.match(await verify(analyze, name, unit.text.replace("\nUMask=", "\nUMasc=")), /UMasc/);
      assert.match(await verify(analyze, name, unit.text.replace("=keyheat ", "=keyhit ")), /keyhit/);
    });

    test("its exposure is below 2.0 by systemd's own measure", async (t) => {
      const analyze = await systemdAnalyze(t);
      if (analyze === null) return;
      const { code, output } = await analyze.run(
        "security",
        "--offline=true",
        `--threshold=${EXPOSURE_MAX}`,
        "--no-pager",
        pathOf(name),
      );
      const exposure = /exposure level for \S+: ([\d.]+)/.exec(output)?.[1];
      t.diagnostic(`exposure ${exposure}`);
      assert.ok(Number(exposure) < EXPOSURE_MAX / 10, output);
      assert.equal(code, 0);
    });

    test("it runs a command line that keyheat has", async (t) => {
      const [program, subcommand = "", ...args] = unit.command;
      assert.equal(program, "keyheat");
      const help = runKeyheat(t, [subcommand, ...args, "--help"]);
      assert.equal(await help.ended(), 0, help.output);
      assert.match(help.output, new RegExp(`^Usage: keyheat ${subcommand} `));
      const options = args.filter((word) => word.startsWith("--"));
      assert.ok(options.includes("--config"));
      for (const option of options) assert.match(help.output, new RegExp(`${option}\\b`));
    });

    test("the example is a config for it, at the path that it names", async (t) => {
      const { command } = unit;
      assert.match(command.join(" "), / --config \/etc\/keyheat\//);
      const path = join(folder, command[command.indexOf("--config") + 1] ?? "");
      mkdirSync(join(path, ".."), { recursive: true });
      copyFileSync(join(ROOT, "config", example), path);
      assert.match(readFileSync(path, "utf8"), new RegExp(`keyheat ${command[1]} --config`));
      const check = runKeyheat(t, ["check", "--config", path]);
      assert.equal(await check.ended(), 0, check.output);
    });

    test("it starts again for ever, but not with a config that has problems, and stops in time", () => {
      assert.deepEqual(unit.values("Restart"), ["always"]);
      assert.deepEqual(unit.values("RestartPreventExitStatus"), ["2"]);
      assert.deepEqual(unit.values("StartLimitIntervalSec"), ["0"]);
      assert.deepEqual(unit.values("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
      assert.deepEqual(unit.values("TimeoutStopSec"), ["10s"]);
    });

    test("what V8 cannot live with is left out", () => {
      assert.deepEqual(unit.values("MemoryDenyWriteExecute"), []);
    });

    test("under its system calls and address families keyheat compiles, resolves, serves, counts and stops", async (t) => {
      const analyze = await withFilter(t);
      if (analyze === null) return;
      await countsUnderFilter(t, analyze, pathOf(name), observe);
    });
  });
}

test("the filter is in force: without netlink the addresses of the host are refused", async (t) => {
  const analyze = await withFilter(t);
  if (analyze === null) return;
  const ask = ["-e", "console.log(Object.keys(require('node:os').networkInterfaces()).length > 0)"];
  assert.equal((await endUnderFilter(t, analyze, pathOf("keyheat-agent.service"), ask)).trim(), "true");
  const refused = await endUnderFilter(t, analyze, pathOf("keyheat-aggregator.service"), ask);
  assert.match(refused, /uv_interface_addresses/);
});

/** What is needed to run under a filter; `null`: something is not here, and `t` was skipped, or failed with CI=true. */
async function withFilter(t: TestContext): Promise<SystemdAnalyze | null> {
  const analyze = await systemdAnalyze(t);
  if (analyze === null) return null;
  const python = whyNot({ probe: ["python3", "--version"], version: /(\d+)\.(\d+)/, oldest: [3, 8] });
  const reason = python ?? (await whyNoFilter(t, analyze));
  if (reason === null) return analyze;
  if (process.env.CI === "true") throw new Error(reason);
  t.skip(reason);
  return null;
}

async function whyNoFilter(t: TestContext, analyze: SystemdAnalyze): Promise<string | null> {
  const { child, output } = startUnderFilter(t, analyze, pathOf("keyheat.service"), ["--version"]);
  const [code] = await once(child, "close");
  return code === NO_SECCOMP ? `no system call filter here: ${output()}` : null;
}

/** A standalone that watches a server by name, all under the filter of the unit, until it has counted and has stopped. */
async function countsUnderFilter(
  t: TestContext,
  analyze: SystemdAnalyze,
  unit: string,
  observe: string,
): Promise<void> {
  const redis = await startRedis(t);
  await startLoad(t, redis.port, 1_000, () => ["SET", "hot", "1"]);
  const port = await freePort();
  const config = join(mkdtempSync(join(folder, "config-")), "keyheat.yaml");
  writeFileSync(config, JSON.stringify(configOf(redis.port, port, observe)));
  const args = [MAIN, "standalone", "--config", config, "--data-dir", join(config, "../data")];
  const keyheat = startUnderFilter(t, analyze, unit, args);
  const hot = async () => {
    if (keyheat.child.exitCode !== null) return "it has ended";
    const response = await fetch(`http://localhost:${port}/api/v1/hotkeys?window=1s`);
    const { keys } = (await response.json()) as { readonly keys: readonly { readonly key: string }[] };
    return keys.find(({ key }) => key === "hot")?.key;
  };
  const seen = await waitFor("a hot key, or the end", hot, 60_000);
  assert.equal(seen, "hot", keyheat.output());
  keyheat.child.kill("SIGTERM");
  const [code] = await once(keyheat.child, "close");
  assert.equal(code, 0, keyheat.output());
}

function configOf(redisPort: number, port: number, observe: string): object {
  return {
    targets: [{ url: `redis://localhost:${redisPort}` }],
    discovery: { observe },
    sources: { keyspace: { configure: "ensure" } },
    windows: ["1s"],
    http: { listen: `127.0.0.1:${port}` },
  };
}

/** What Node says, run under the filter to its end. */
async function endUnderFilter(
  t: TestContext,
  analyze: SystemdAnalyze,
  unit: string,
  args: readonly string[],
) {
  const { child, output } = startUnderFilter(t, analyze, unit, args);
  await once(child, "close");
  return output();
}

/** Starts Node under the filter of the unit; it is killed with the test `t`. */
function startUnderFilter(
  t: TestContext,
  { program, env }: SystemdAnalyze,
  unit: string,
  args: readonly string[],
) {
  const child = spawn("python3", [FILTER, unit, program, process.execPath, ...args], { env });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  const add = (piece: Buffer) => {
    text += piece.toString("utf8");
  };
  child.stdout.on("data", add);
  child.stderr.on("data", add);
  return { child, output: () => text };
}
