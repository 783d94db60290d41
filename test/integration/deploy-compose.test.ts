import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { composeFile, mountedText, mountsOf, ROOT } from "../support/compose-file.ts";
import { debianProgram } from "../support/debian-package.ts";
import { buildPackage } from "../support/example-app.ts";
import { goProgram } from "../support/go-programs.ts";
import { type Keyheat, startKeyheat } from "../support/keyheat.ts";
import { command, freePort, redisServer, startRedis, type TestServer } from "../support/redis.ts";
import { runProgram } from "../support/toolchains.ts";
import { waitFor } from "../support/wait.ts";

/** Reads compose files by the specification's own code, which Docker Compose is built on. */
const COMPOSE_GO = {
  name: "cmd",
  path: "github.com/compose-spec/compose-go/v2/cmd",
  version: "v2.16.2",
} as const;
const PROMTOOL = { name: "prometheus", packages: ["prometheus"], file: "usr/bin/promtool" } as const;
const AMTOOL = {
  name: "alertmanager",
  packages: ["prometheus-alertmanager"],
  file: "usr/bin/amtool",
} as const;

const FOLDER = join(ROOT, "deploy/compose");
const { services } = composeFile();

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-compose-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes what a service has at `target`, as a file that works here; its path. */
function mountedFile(t: TestContext, service: string, target: string): string {
  const path = join(temporaryFolder(t), "file.yaml");
  writeFileSync(path, mountedText(services[service]!, target));
  return path;
}

test("compose.yaml is what the specification allows, and a key that it does not know is refused", async (t) => {
  const program = await goProgram(t, COMPOSE_GO);
  if (program === null) return;
  const read = (path: string) => runProgram(t, [program, "-format", "json", path], { cwd: ROOT });
  const { code, output } = await read("compose.yaml");
  assert.equal(code, 0, output);
  assert.deepEqual(Object.keys(JSON.parse(output).services).sort(), Object.keys(services).sort());
  const broken = join(temporaryFolder(t), "compose.yaml");
  writeFileSync(
    broken,
    readFileSync(join(ROOT, "compose.yaml"), "utf8").replaceAll("cap_drop:", "drop_cap:"),
  );
  assert.notEqual((await read(broken)).code, 0);
});

test("every config of Keyheat in it passes keyheat check", async (t) => {
  const target = "/etc/keyheat/keyheat.yaml";
  const names = Object.keys(services).filter((name) =>
    mountsOf(services[name]!).some((mount) => mount.target === target),
  );
  assert.ok(names.length > 0);
  for (const name of names) {
    const path = mountedFile(t, name, target);
    const main = join(ROOT, "src/cli/main.ts");
    const { code, output } = await runProgram(t, [process.execPath, main, "check", "--config", path], {
      cwd: ROOT,
    });
    assert.equal(code, 0, output);
  }
});

test("the config of Prometheus passes promtool, that of Alertmanager amtool", async (t) => {
  const promtool = await debianProgram(PROMTOOL);
  const prometheus = mountedFile(t, "prometheus", "/etc/prometheus/prometheus.yml");
  const checked = await runProgram(t, [promtool.path, "check", "config", prometheus], {
    cwd: ROOT,
    env: { LD_LIBRARY_PATH: promtool.libraryFolders.join(":") },
  });
  assert.equal(checked.code, 0, checked.output);
  assert.match(checked.output, /1 rule files found/);
  const amtool = await debianProgram(AMTOOL);
  const { code, output } = await runProgram(
    t,
    [amtool.path, "check-config", join(FOLDER, "alertmanager.yml")],
    {
      cwd: ROOT,
      env: { LD_LIBRARY_PATH: amtool.libraryFolders.join(":") },
    },
  );
  assert.equal(code, 0, output);
});

interface Nodes {
  readonly servers: readonly TestServer[];
  /** As create-cluster.sh takes them. */
  readonly named: readonly string[];
}

/** Three servers with the nodes' config, not yet joined. */
async function startNodes(t: TestContext): Promise<Nodes> {
  const servers: TestServer[] = [];
  const named: string[] = [];
  for (let i = 0; i < 3; i++) {
    const busPort = await freePort();
    const own = ["--cluster-port", String(busPort), "--cluster-announce-hostname", "localhost"];
    const server = await startRedis(t, { args: ["--include", join(FOLDER, "valkey.conf"), ...own] });
    servers.push(server);
    named.push(`localhost:${server.port}@${busPort}`);
  }
  return { servers, named };
}

async function createCluster(t: TestContext, { named }: Nodes): Promise<void> {
  const server = await redisServer();
  const CLI = join(dirname(server.path), `${server.flavor}-cli`);
  const env = { CLI, LD_LIBRARY_PATH: server.env.LD_LIBRARY_PATH ?? "" };
  const script = join(FOLDER, "create-cluster.sh");
  const { code, output } = await runProgram(t, ["/bin/sh", script, ...named], { cwd: ROOT, env });
  assert.equal(code, 0, output);
  assert.match(output, /3 nodes serve 16384 slots/);
}

async function assertWhole({ servers }: Nodes): Promise<void> {
  for (const { port } of servers) {
    const info = String(await command(port, ["CLUSTER", "INFO"]));
    for (const line of [
      "cluster_state:ok",
      "cluster_slots_ok:16384",
      "cluster_known_nodes:3",
      "cluster_size:3",
    ]) {
      assert.ok(info.split("\r\n").includes(line), `${line} in ${info}`);
    }
  }
}

test("create-cluster.sh makes a cluster of the nodes, and may be run again", async (t) => {
  const nodes = await startNodes(t);
  await createCluster(t, nodes);
  await assertWhole(nodes);
  await createCluster(t, nodes);
  await assertWhole(nodes);
});

test("the load makes one key hot by reads, which it reports, and one by writes, and both fire", async (t) => {
  buildPackage();
  const nodes = await startNodes(t);
  await createCluster(t, nodes);
  // `configure` is left as it is: the nodes' own config has the notifications on.
  const file = {
    targets: nodes.servers.map(({ url }) => ({ url })),
    rules: [{ name: "hot", type: "rate", window: "2s", threshold: "200/s" }],
  };
  const keyheat = await startKeyheat(t, { file });
  await keyheat.ready();
  const env = {
    REDIS_NODES: nodes.servers.map(({ port }) => `127.0.0.1:${port}`).join(","),
    AGENT_URL: keyheat.standalone.url,
    AGENT_TOKEN_FILE: join(FOLDER, "token"),
    READ_KEY: "flag:mine",
    WRITE_KEY: "stock:mine",
    HOT_PER_SECOND: "500",
    QUIET_SECONDS: "1",
    HOT_SECONDS: "600",
  };
  const load = runProgram(t, [process.execPath, join(FOLDER, "load.mjs")], { cwd: ROOT, env });
  const ended = load.then(({ output }) => Promise.reject(new Error(`the load ended: ${output}`)));
  const hot = ["flag:mine", "stock:mine"];
  await Promise.race([Promise.all(hot.map((key) => fires(keyheat, key))), ended]);
  // What only the shop can tell: no event speaks of a read that finds something.
  const { read = 0 } = (await keyheat.hotkey("flag:mine"))?.ratePerSecond ?? {};
  assert.ok(read > 0, `${read} reads`);
});

function fires(keyheat: Keyheat, key: string): Promise<boolean> {
  const isFiring = async () => {
    const incidents = await keyheat.incidents();
    return incidents.some((incident) => incident.key === key && incident.status === "firing");
  };
  return waitFor(`${key} to fire`, isFiring, 90_000);
}
