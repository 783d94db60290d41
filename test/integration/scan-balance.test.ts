import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { command, load, startRedis, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";

interface BalanceDocument {
  readonly partial: boolean;
  readonly seconds: number;
  readonly nodes: readonly {
    readonly target: string;
    readonly role: string;
    readonly slots: number | null;
    readonly keys: number;
    readonly usedMemoryBytes: number;
    readonly connectedClients: number;
    readonly opsPerSecond: number | null;
    readonly opsRatio: number | null;
    readonly potentiallyHot: boolean;
  }[];
  readonly avgKeys: number;
  readonly avgMemoryBytes: number;
  readonly maxKeyImbalance: number | null;
  readonly maxMemoryImbalance: number | null;
  readonly slotStats: string;
}

const url = (port: number) => `redis://127.0.0.1:${port}`;

/** Keeps one server busy until it is told to end; returns how many commands it sent. */
function busy(port: number): { end(): Promise<number> } {
  let isOver = false;
  const run = async () => {
    let sent = 0;
    while (!isOver) {
      await load(port, 100, () => ["PING"]);
      sent += 100;
    }
    return sent;
  };
  const running = run();
  return {
    end: () => {
      isOver = true;
      return running;
    },
  };
}

describe("keyheat scan balance", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startRedisCluster(null);
    for (let n = 0; n < 300; n++)
      await command(cluster.primaryOf(`user:${n}`).port, ["SET", `user:${n}`, "v"]);
    const heavy = cluster.primaryOf("heavy");
    for (let n = 0; n < 600; n++) await command(heavy.port, ["SET", `{heavy}:${n}`, "v".repeat(100)]);
  });

  after(() => cluster.stop());

  test("shows what each primary has, exactly, and how uneven that is", async () => {
    const [seed] = cluster.replicas;
    const args = ["balance", "--redis", url(seed?.port ?? 0), "--seconds", "1"];
    const { code, document, stderr } = await scanJson<BalanceDocument>(args);
    assert.equal(code, 0, stderr);
    assert.equal(document.nodes.length, 3);
    const keys = new Map<string, number>();
    for (const { port, address } of cluster.primaries)
      keys.set(address, Number(await command(port, ["DBSIZE"])));
    for (const node of document.nodes) {
      assert.equal(node.keys, keys.get(node.target));
      assert.equal(node.role, "primary");
      assert.ok(node.usedMemoryBytes > 0 && node.connectedClients > 0);
    }
    assert.equal(
      document.nodes.reduce((sum, { slots }) => sum + (slots ?? 0), 0),
      16_384,
    );
    assert.equal(document.avgKeys, 300);
    const most = Math.max(...keys.values());
    assert.equal(document.maxKeyImbalance, Math.round((most / 300) * 100) / 100);
    assert.equal(document.slotStats, "absent");
  });

  test("calls the node that does all the work potentially hot, and no other", async () => {
    const [, hot] = cluster.primaries;
    const load = busy(hot?.port ?? 0);
    const { document } = await scanJson<BalanceDocument>([
      ...["balance", "--redis", url(hot?.port ?? 0), "--seconds", "1"],
    ]).finally(() => load.end());
    const [first, ...others] = document.nodes;
    assert.equal(first?.target, hot?.address);
    assert.equal(first?.potentiallyHot, true);
    assert.ok((first?.opsRatio ?? 0) > 2);
    assert.ok(others.every(({ potentiallyHot }) => !potentiallyHot));
  });

  test("does not count its own commands", async () => {
    const [seed] = cluster.primaries;
    const { document } = await scanJson<BalanceDocument>([
      ...["balance", "--redis", url(seed?.port ?? 0), "--seconds", "1"],
    ]);
    // Replicas acknowledge once a second.
    assert.ok(
      document.nodes.every(({ opsPerSecond }) => (opsPerSecond ?? 0) < 10),
      JSON.stringify(document.nodes),
    );
  });

  test("shows replicas where they are asked for, after the primaries", async () => {
    const [seed] = cluster.primaries;
    const { document } = await scanJson<BalanceDocument>([
      ...["balance", "--redis", url(seed?.port ?? 0), "--seconds", "1", "--replicas"],
    ]);
    assert.deepEqual(
      document.nodes.map(({ role }) => role),
      ["primary", "primary", "primary", "replica", "replica", "replica"],
    );
  });

  test("is a table for people", async () => {
    const [seed] = cluster.primaries;
    const { stdout } = await runScanCommand([
      "scan",
      "balance",
      "--redis",
      url(seed?.port ?? 0),
      "--seconds",
      "1",
    ]);
    const [head = "", ...lines] = stdout.split("\n");
    assert.match(head, /^NODE +ROLE +SLOTS +KEYS +MEMORY +CLIENTS +OPS\/S +RATIO +CPU +IN +OUT/);
    for (const { address } of cluster.primaries) assert.ok(lines.some((line) => line.startsWith(address)));
    assert.match(stdout, /mean of the primaries: 300 keys/);
  });

  test("gives the others' answer where a node is down", async () => {
    const [seed, victim] = cluster.primaries;
    await victim?.server.stop();
    const run = await scanJson<BalanceDocument>([
      ...["balance", "--redis", url(seed?.port ?? 0), "--seconds", "1"],
    ]);
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.equal(run.document.nodes.length, 2);
    assert.ok(run.lastLine.includes(victim?.address ?? "?"), run.lastLine);
  });
});

describe("keyheat scan balance of one server", () => {
  test("counts the commands of others in the interval, exactly", async (t) => {
    const redis = await startRedis(t);
    const asked = { count: 0 };
    const { document } = await scanJson<BalanceDocument>(
      ["balance", "--redis", url(redis.port), "--seconds", "4"],
      { onStart: () => void loadWhenMeasured(redis.port, asked) },
    );
    const [node] = document.nodes;
    const counted = (node?.opsPerSecond ?? 0) * document.seconds;
    // Rates are told to one decimal. Asking whether the scan waits may begin before it does.
    assert.ok(counted >= LOAD && counted <= LOAD + asked.count + 1, `${counted} of ${LOAD}`);
    assert.equal(node?.slots, null);
    assert.equal(node?.potentiallyHot, false);
  });

  test("needs no right but INFO", async (t) => {
    const redis = await startRedis(t);
    const looker = await makeLooker(redis.port, ["+info"]);
    const { code, document, stderr } = await scanJson<BalanceDocument>([
      ...["balance", "--seconds", "1", "--redis", looker],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(document.nodes[0]?.opsPerSecond, 0);
  });

  test("says which right is missing, and works when that line was run", async (t) => {
    const redis = await startRedis(t);
    const looker = await makeLooker(redis.port, ["+ping", "+role"]);
    const args = ["balance", "--seconds", "1", "--redis", looker];
    const refused = await runScanCommand(["scan", ...args, "--json"]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /may not run INFO; run: ACL SETUSER looker \+info/);
    await command(redis.port, lineToRun(refused.lastLine));
    assert.equal((await scanJson(args)).code, 0);
  });

  test("says that a renamed command is not offered", async (t) => {
    const renamed = await startRedis(t, { args: ["--rename-command", "INFO", ""] });
    const run = await runScanCommand(["scan", "balance", "--redis", url(renamed.port), "--seconds", "1"]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer INFO/);
  });

  test("tells of a server that was restarted while it was measured", async (t) => {
    const redis = await startRedis(t);
    const run = await scanJson<BalanceDocument>(["balance", "--redis", url(redis.port), "--seconds", "4"], {
      onStart: () => void restartWhenMeasured(redis.port),
    });
    assert.equal(run.document.nodes[0]?.opsPerSecond, null);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /restarted, or its counters reset/);
  });
});

/** Takes the counters back, as a restart does. */
async function restartWhenMeasured(port: number): Promise<void> {
  await load(port, 5000, () => ["PING"]);
  await whenMeasured(port);
  await command(port, ["CONFIG", "RESETSTAT"]);
}

const LOAD = 2000;

/** Sends so many commands; `asked` counts what else is sent. */
async function loadWhenMeasured(port: number, asked: { count: number }): Promise<void> {
  await whenMeasured(port, asked);
  await load(port, LOAD, () => ["PING"]);
}

/** The first reading was taken, and the scan waits for the second one. */
async function whenMeasured(port: number, asked = { count: 0 }): Promise<void> {
  await waitFor("the first reading", async () => {
    asked.count += 1;
    return /^.* idle=[1-9].* cmd=info .*$/m.test(String(await command(port, ["CLIENT", "LIST"])));
  });
}
