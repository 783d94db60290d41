import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { command, freePort, load, startRedis, waitFor } from "../support/redis.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

describe("sources.keyspace.patterns", { concurrency: 2 }, () => {
  it("sees the keys of its globs alone, and a key of several globs once", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const globs = ["user:*", "*:hot", "user:[1-3]:*", "q?x"];
    const file = { sources: { keyspace: { patterns: globs } } };
    const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
    await keyheat.ready();
    await keyheat.watches();
    // In three globs, two, one, one, one; the rest in none.
    const seen = ["user:1:hot", "user:2:cold", "user:9", "sale:hot", "qax"];
    for (const key of [...seen, "other", "userx", "qx", "hot"]) {
      await load(server.port, 200, () => ["SET", key, "v", "EX", "60"]);
      await load(server.port, 20, () => ["DEL", `${key}`]);
      await load(server.port, 30, () => ["GET", key]);
    }
    // 200 SETs, one DEL that took effect, 30 reads in vain; `expire` of SET EX is none of its own.
    for (const key of seen) await keyheat.counts(key, 231);
    // The upper bounds may come a moment later.
    const keys = await waitFor("the upper bounds", async () => {
      const { keys } = await keyheat.hotkeys();
      for (const { key, count } of keys) assert.equal(count.upper, 231, key);
      return keys;
    });
    assert.deepEqual(new Set(keys.map(({ key }) => key)), new Set(seen));
    for (const { key, commands } of keys) {
      assert.deepEqual([commands.set, commands.keymiss], [200, 30], key);
    }
  });

  it("asks for class K, and says which flags are missing for it", async (t) => {
    const server = await startRedis(t, { args: ["--notify-keyspace-events", "AEm"] });
    const file = { sources: { keyspace: { patterns: ["user:*"] } } };
    const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
    const reasons = await keyheat.unready(/CONFIG SET notify-keyspace-events \S*K/);
    assert.match(reasons, /E/, "what is there stays");
  });

  it("at a replica sees its misses of these keys alone", async (t) => {
    const primary = await startRedis(t, { args: EVENTS_ON });
    const replica = await startRedis(t, {
      args: [...EVENTS_ON, "--replicaof", "127.0.0.1", String(primary.port)],
    });
    await waitFor("the replica's link", async () =>
      String(await command(replica.port, ["INFO", "replication"])).includes("master_link_status:up"),
    );
    const file = { sources: { keyspace: { patterns: ["user:*", "*:1"] } } };
    const keyheat = await startKeyheat(t, { redisUrls: [primary.url, replica.url], file });
    const atReplica = `127.0.0.1:${replica.port}`;
    await keyheat.ready();
    await keyheat.sourceIs("up at the replica", ({ state }) => state === "up", 15_000, atReplica);
    await load(primary.port, 300, () => ["SET", "user:1", "v"]);
    await load(replica.port, 40, () => ["GET", "user:2"]);
    await load(replica.port, 40, () => ["GET", "gone"]);
    await keyheat.counts("user:1", 300);
    assert.equal((await keyheat.counts("user:2", 40)).target, atReplica);
    assert.equal(await keyheat.hotkey("gone"), undefined);
  });
});

describe("ignore", () => {
  it("counts keys that it never reports", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const file = { ignore: ["lock:*", "a\\*b"] };
    const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
    await keyheat.ready();
    await keyheat.watches();
    // Hotter than anything else, and far above the threshold of the rule.
    await load(server.port, 6000, () => ["SET", "lock:1", "v"], 3000);
    await load(server.port, 50, () => ["SET", "a*b", "v"]);
    await load(server.port, 1500, (i) => ["SET", i % 2 === 0 ? "seen" : "axb", "v"], 1000);
    await keyheat.counts("seen", 750);
    await keyheat.counts("axb", 750);
    await waitFor("the incidents of what is reported", async () => (await keyheat.incidents()).length === 2);
    const { keys } = await keyheat.hotkeys();
    assert.deepEqual(new Set(keys.map(({ key }) => key)), new Set(["seen", "axb"]));
    for (const path of ["/api/v1/incidents", "/metrics", "/api/v1/history"]) {
      assert.doesNotMatch((await keyheat.get(path)).text, /lock:1|a\*b/, path);
    }
    const { text } = await keyheat.get("/metrics");
    const sets = text
      .split("\n")
      .find((line) => /^keyheat_events/.test(line) && line.includes('event="set"'));
    assert.match(sets ?? "", /\} 7550\b/);
    await waitFor("what is ignored to be observed all the same", async () => {
      const { targets } = await keyheat.api<{
        targets: { kinds: { write: { ran: number; observed: number } } }[];
      }>("coverage");
      return (targets[0]?.kinds.write.observed ?? 0) >= 7550;
    });
    // An ignored key takes nothing of the others' shares: they are of all that the server ran.
    assert.equal((await keyheat.hotkey("seen"))?.count.lower, 750);
  });
});

describe("a target behind TLS", () => {
  it("is watched by an ACL user whose password stands in a file", async (t) => {
    const files = makeCertificates(t);
    const port = await freePort();
    const tls = ["--tls-port", String(port), "--tls-cert-file", files.cert, "--tls-key-file", files.key];
    const server = await startRedis(t, {
      args: [...EVENTS_ON, ...tls, "--tls-ca-cert-file", files.ca, "--tls-auth-clients", "yes"],
    }).catch((error: unknown) => error as Error);
    if (server instanceof Error) {
      // Not silently: TLS is then untested on this machine.
      t.diagnostic(`SKIPPED: this machine's redis-server has no TLS: ${server.message}`);
      t.skip(`redis-server without TLS: ${server.message}`);
      return;
    }
    const password = 'p@ss/w#rd "50%off"';
    const rights = ["on", `>${password}`, "-@all", "+psubscribe", "+ping", "+info", "&__keyevent@*__:*"];
    await command(server.port, ["ACL", "SETUSER", "keyheat", ...rights]);
    writeFileSync(files.password, `${password}\n`);
    const target = {
      url: `rediss://127.0.0.1:${port}`,
      username: "keyheat",
      passwordFile: files.password,
      tls: { caFile: files.ca, certFile: files.clientCert, keyFile: files.clientKey },
    };
    const keyheat = await startKeyheat(t, { file: { targets: [target] } });
    await keyheat.ready();
    await load(server.port, 500, () => ["SET", "k", "v"]);
    const { target: address } = await keyheat.counts("k", 500);
    assert.equal(address, `127.0.0.1:${port}`);
    assert.equal(await command(server.port, ["CLIENT", "KILL", "TYPE", "pubsub"]), 1);
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1);
    await load(server.port, 100, () => ["SET", "k", "v"]);
    await keyheat.counts("k", 600);
    const told = JSON.stringify(keyheat.log) + (await keyheat.get("/api/v1/coverage")).text;
    assert.ok(!told.includes("p@ss") && !told.includes("p%40ss"), "the password was told");
    assert.doesNotMatch(told, /PRIVATE KEY/);
  });

  it("that is not trusted, or is none, is named", async (t) => {
    const files = makeCertificates(t);
    const port = await freePort();
    const tls = ["--tls-port", String(port), "--tls-cert-file", files.cert, "--tls-key-file", files.key];
    const server = await startRedis(t, {
      args: [...EVENTS_ON, ...tls, "--tls-ca-cert-file", files.ca, "--tls-auth-clients", "no"],
    }).catch((error: unknown) => error as Error);
    if (server instanceof Error) {
      t.diagnostic(`SKIPPED: this machine's redis-server has no TLS: ${server.message}`);
      t.skip(`redis-server without TLS: ${server.message}`);
      return;
    }
    const untrusted = await startKeyheat(t, { redisUrls: [`rediss://127.0.0.1:${port}`] });
    await untrusted.unready(/not trusted .*tls\.caFile/);
    const plain = await startKeyheat(t, { redisUrls: [`rediss://127.0.0.1:${server.port}`] });
    await plain.unready(/redis:\/\//);
  });
});

/** An authority, a server's and a client's certificate, in a folder that ends with the test. */
function makeCertificates(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.crt"),
    "-subj",
    "/CN=ca",
    "-days",
    "1",
  );
  for (const name of ["server", "client"]) {
    openssl(
      "req",
      ...key,
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.csr`),
      "-subj",
      `/CN=${name}`,
    );
    writeFileSync(file(`${name}.ext`), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    const signing = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "1"];
    const from = ["-req", "-in", file(`${name}.csr`), "-extfile", file(`${name}.ext`)];
    openssl("x509", ...from, ...signing, "-out", file(`${name}.crt`));
  }
  return {
    ca: file("ca.crt"),
    cert: file("server.crt"),
    key: file("server.key"),
    clientCert: file("client.crt"),
    clientKey: file("client.key"),
    password: file("password"),
  };
}
