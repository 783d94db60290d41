import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeCertificates } from "../support/certificates.ts";
import { command, freePort, load, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";

const LFU = ["--maxmemory-policy", "allkeys-lfu"];

interface HotDocument {
  readonly scan: string;
  readonly partial: boolean;
  readonly reasons: readonly string[];
  readonly servers: readonly { readonly target: string; readonly keys: number; readonly keysSeen: number }[];
  readonly keys: readonly {
    readonly rank: number;
    readonly key: string;
    readonly keyEncoding: string;
    readonly db: number;
    readonly frequency: number;
  }[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;

async function fill(port: number, count: number, name: (n: number) => string = (n) => `user:${n}`) {
  await load(port, count, (n) => ["SET", name(n), "v"]);
}

async function heat(port: number, key: string | Buffer, reads = 1000): Promise<void> {
  await load(port, reads, () => ["GET", key]);
}

describe("keyheat scan hot", () => {
  let redis: TestServer;

  before(async () => {
    redis = await startRedis(null, { args: LFU });
    await fill(redis.port, 2000);
    await heat(redis.port, "user:77");
    await command(redis.port, ["SET", Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]), "v"]);
    await heat(redis.port, Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]), 300);
  });

  after(() => redis.stop());

  test("names the hot key first, of all databases, in one document with nothing beside it", async () => {
    const { code, document, stderr } = await scanJson<HotDocument>(["hot", "--redis", url(redis.port)]);
    assert.equal(code, 0, stderr);
    assert.equal(document.scan, "hot");
    assert.equal(document.partial, false);
    assert.equal(document.servers[0]?.keys, 2001);
    assert.equal(document.servers[0]?.keysSeen, 2001);
    const [first] = document.keys;
    assert.equal(first?.key, "user:77");
    assert.equal(first?.rank, 1);
    assert.equal(first?.frequency, Number(await command(redis.port, ["OBJECT", "FREQ", "user:77"])));
    assert.equal(document.keys.length, 20);
  });

  test("shows a key that holds terminal commands inert, in a table with its columns in line", async () => {
    const { code, stdout } = await runScanCommand([
      "scan",
      "hot",
      "--redis",
      url(redis.port),
      "--limit",
      "3",
    ]);
    assert.equal(code, 0);
    const [head = "", ...lines] = stdout.split("\n");
    assert.match(head, /^# +KEY +FREQ +DB +SERVER$/);
    assert.match(lines.slice(0, 3).join("\n"), /\\u\{1b\}\[2J\\xff/);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  test("keeps to the keys that match, and to so many", async () => {
    const { document } = await scanJson<HotDocument>([
      ...["hot", "--redis", url(redis.port), "--match", "user:7*", "--limit", "5"],
    ]);
    assert.equal(document.keys.length, 5);
    assert.ok(document.keys.every(({ key }) => key.startsWith("user:7")));
  });

  test("ends after so many keys where it is asked to, and says so without calling it a failure", async () => {
    const { code, document } = await scanJson<HotDocument>([
      ...["hot", "--redis", url(redis.port), "--max-keys", "500"],
    ]);
    assert.equal(code, 0);
    assert.equal(document.partial, true);
    assert.match(document.reasons.join(), /stopped after 5\d\d keys, as asked/);
  });

  test("prints what it has at Ctrl-C, marked as partial", async () => {
    await command(redis.port, ["CONFIG", "RESETSTAT"]);
    const run = await scanJson<HotDocument>(["hot", "--redis", url(redis.port), "--budget", "100"], {
      onStart: (kill) => void waitForScan(redis.port).then(() => kill("SIGINT")),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.match(run.lastLine, /stopped before its end/);
    assert.ok(run.document.keys.length > 0);
    assert.ok((run.document.servers[0]?.keysSeen ?? 0) < 2001);
  });

  test("says what to do where the policy is not LFU, and prints no answer", async (t) => {
    const plain = await startRedis(t);
    await fill(plain.port, 10);
    const run = await runScanCommand(["scan", "hot", "--redis", url(plain.port), "--json"]);
    assert.equal(run.code, 1);
    assert.equal(run.stdout, "");
    assert.match(run.lastLine, /CONFIG SET maxmemory-policy allkeys-lfu/);
    assert.match(run.lastLine, /keyheat scan monitor/);
  });

  test("says which right is missing, and works when that line was run", async () => {
    const looker = await makeLooker(redis.port, ["+ping", "+info", "+scan", "%R~*"]);
    const args = ["hot", "--redis", looker];
    const refused = await runScanCommand(["scan", ...args, "--json"]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /user "looker" may not run OBJECT FREQ; run: ACL SETUSER looker/);
    assert.doesNotMatch(refused.stderr, /pw/);
    await command(redis.port, lineToRun(refused.lastLine));
    const { code, document } = await scanJson<HotDocument>(args);
    assert.equal(code, 0);
    assert.equal(document.keys[0]?.key, "user:77");
  });

  test("says that a renamed command is not offered", async (t) => {
    const renamed = await startRedis(t, { args: [...LFU, "--rename-command", "SCAN", ""] });
    await fill(renamed.port, 10);
    const run = await runScanCommand(["scan", "hot", "--redis", url(renamed.port)]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer SCAN/);
  });

  test("names a wrong password, a closed port and a bad option without waiting", async () => {
    const port = await freePort();
    const closed = await runScanCommand(["scan", "hot", "--redis", url(port)]);
    assert.equal(closed.code, 1);
    assert.match(closed.lastLine, /^keyheat: /);
    const badUrl = await runScanCommand(["scan", "hot", "--redis", "http://x"]);
    assert.equal(badUrl.code, 2);
    const badLimit = await runScanCommand(["scan", "hot", "--limit", "0"]);
    assert.equal(badLimit.code, 2);
    assert.match(badLimit.stderr, /--limit/);
  });

  test("takes the targets of a config file", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "keyheat-scan-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "keyheat.yaml");
    writeFileSync(file, `targets: [{ url: "${url(redis.port)}" }]\n`);
    const { code, document } = await scanJson<HotDocument>(["hot", "--config", file]);
    assert.equal(code, 0);
    assert.equal(document.keys[0]?.key, "user:77");
  });

  test("goes over TLS with the authority that it is given, and a password from a file", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "keyheat-scan-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const files = makeCertificates(folder);
    const port = await freePort();
    const plain = await startRedis(t, {
      args: [
        ...[...LFU, "--tls-port", String(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", files.ca],
        ...["--tls-cert-file", files.cert, "--tls-key-file", files.key],
      ],
    });
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, "secret\n");
    await command(plain.port, ["CONFIG", "SET", "requirepass", "secret"]);
    const credentials = ["--password-file", passwordFile];
    const secure = ["hot", "--redis", `rediss://127.0.0.1:${port}`, "--ca-file", files.ca, ...credentials];
    const first = await scanJson<HotDocument>(secure);
    assert.equal(first.code, 0, first.stderr);
    const untrusted = await runScanCommand(["scan", "hot", "--redis", `rediss://127.0.0.1:${port}`]);
    assert.equal(untrusted.code, 1);
    assert.match(untrusted.lastLine, /certificate|trust|caFile/i);
  });
});

/** Waits until somebody scans. */
async function waitForScan(port: number): Promise<void> {
  await waitFor("a scan under way", async () => {
    return String(await command(port, ["INFO", "commandstats"])).includes("cmdstat_object|freq");
  });
}

describe("keyheat scan hot in a cluster", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await startRedisCluster(null, { args: LFU });
    for (let n = 0; n < 300; n++)
      await command(cluster.primaryOf(`user:${n}`).port, ["SET", `user:${n}`, "v"]);
    await heat(cluster.primaryOf("user:7").port, "user:7");
  });

  after(() => cluster.stop());

  test("looks at all primaries, by whatever node it is given", async () => {
    const [replica] = cluster.replicas;
    const { code, document, stderr } = await scanJson<HotDocument>([
      "hot",
      "--redis",
      url(replica?.port ?? 0),
    ]);
    assert.equal(code, 0, stderr);
    const targets = document.servers.map(({ target }) => target).sort();
    assert.deepEqual(targets, cluster.primaries.map(({ address }) => address).sort());
    assert.equal(
      document.servers.reduce((sum, { keysSeen }) => sum + keysSeen, 0),
      300,
    );
    assert.equal(document.keys[0]?.key, "user:7");
  });

  test("gives the others' answer where a node is down, marked as partial, and names the node", async () => {
    const victim = cluster.primaries.find(({ address }) => address !== cluster.primaryOf("user:7").address);
    const [seed] = cluster.primaries.filter(({ address }) => address !== victim?.address);
    await victim?.server.stop();
    const run = await scanJson<HotDocument>(["hot", "--redis", url(seed?.port ?? 0)]);
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.equal(run.document.keys[0]?.key, "user:7");
    assert.equal(run.document.servers.length, 2);
    assert.ok(run.lastLine.includes(victim?.address ?? "?"), run.lastLine);
  });
});
