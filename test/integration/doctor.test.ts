import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { connectCommand } from "../../src/cli/check/connect.ts";
import type { Finding, FindingStatus } from "../../src/doctor/finding.ts";
import { makeCertificates } from "../support/certificates.ts";
import { command, freePort, startRedis, startReplica } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startSentinel } from "../support/sentinel.ts";
import { startWebhook } from "../support/webhook.ts";

const folder = mkdtempSync(join(tmpdir(), "keyheat-doctor-"));
after(() => rmSync(folder, { recursive: true }));

interface Examined {
  readonly code: number;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly out: string;
  readonly err: string;
}

/** Runs the doctor over a config, in the form of a file. */
async function examined(
  config: object,
  { json = true, signal = new AbortController().signal } = {},
): Promise<Examined> {
  const file = join(folder, "keyheat.yaml");
  writeFileSync(file, JSON.stringify({ http: { listen: "127.0.0.1:0" }, receivers: [], ...config }));
  let out = "";
  let err = "";
  const code = await connectCommand(
    { config: file, json },
    {
      out: { write: (text) => (out += text) },
      err: { write: (text) => (err += text) },
      env: {},
      signal,
    },
  );
  const document = json && out !== "" ? (JSON.parse(out) as Pick<Examined, "ok" | "findings">) : null;
  return { code, ok: document?.ok ?? code === 0, findings: document?.findings ?? [], out, err };
}

function of(findings: readonly Finding[], subject: string, check: string): Finding | undefined {
  return findings.find((finding) => finding.subject === subject && finding.check === check);
}

function has(findings: readonly Finding[], subject: string, check: string, status: FindingStatus): Finding {
  const found = of(findings, subject, check);
  assert.equal(found?.status, status, `${subject}, ${check}: ${JSON.stringify(findings, null, 1)}`);
  return found as Finding;
}

const url = (port: number, user = "") => `redis://${user}127.0.0.1:${port}`;
const named = (port: number) => `target 127.0.0.1:${port}`;
const ROOMY = ["--client-output-buffer-limit", "pubsub 512mb 128mb 60"];
const READY = ["--notify-keyspace-events", "KEAm", ...ROOMY];

/** The words of a line that redis-cli would send. */
function wordsOf(line: string | null): string[] {
  return Array.from((line ?? "").matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), ([, a, b, c]) => a ?? b ?? c ?? "");
}

describe("the doctor at a server", () => {
  test("finds all well where it is, and says what will be seen", async (t) => {
    const redis = await startRedis(t, { args: READY });
    const { code, ok, findings, err } = await examined({ targets: [{ url: url(redis.port) }] });
    assert.deepEqual(
      findings.filter(({ status }) => status === "warn" || status === "fail"),
      [],
    );
    assert.equal(code, 0);
    assert.equal(ok, true);
    assert.equal(err, "");
    const target = named(redis.port);
    assert.match(has(findings, target, "role", "ok").message, /^primary, redis \d+\.\d+/);
    assert.match(has(findings, target, "sees writes", "info").message, /^all, from the server's events/);
    assert.match(has(findings, target, "sees misses", "info").message, /^all/);
    assert.match(has(findings, target, "sees reads", "info").message, /report them to http:.*\/v1\/samples/);
  });

  test("ends with one line for people", async (t) => {
    const redis = await startRedis(t, { args: READY });
    const good = await examined({ targets: [{ url: url(redis.port) }] }, { json: false });
    assert.match(good.out, /\nall is well\n$/);
    assert.match(good.out, new RegExp(`^target 127\\.0\\.0\\.1:${redis.port}$`, "m"));
    const closed = await freePort();
    const bad = await examined({ targets: [{ url: url(closed) }] }, { json: false });
    assert.equal(bad.code, 1);
    assert.equal(bad.err, "keyheat: 1 problem, 0 warnings\n");
    assert.match(bad.out, / FAIL {2}reachable +connection refused/);
  });

  test("names each flag that is missing, and its line mends it", async (t) => {
    const redis = await startRedis(t, { args: ROOMY });
    const config = { targets: [{ url: url(redis.port) }] };
    const before = await examined(config);
    assert.equal(before.code, 1);
    const { run } = has(before.findings, named(redis.port), "flags", "fail");
    await command(redis.port, wordsOf(run));
    const after = await examined(config);
    assert.equal(after.code, 0);
    has(after.findings, named(redis.port), "flags", "ok");
  });

  test("changes nothing where the config would have Keyheat add the flags", async (t) => {
    const redis = await startRedis(t, { args: ROOMY });
    const config = { targets: [{ url: url(redis.port) }], sources: { keyspace: { configure: "ensure" } } };
    const { code, findings } = await examined(config);
    assert.equal(code, 0);
    assert.match(has(findings, named(redis.port), "flags", "warn").message, /adds .* at its start/);
    assert.deepEqual(
      String(((await command(redis.port, ["CONFIG", "GET", "notify-keyspace-events"])) as unknown[])[1]),
      "",
    );
  });

  test("says that misses are not seen without their class", async (t) => {
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "KEA", ...ROOMY] });
    const { code, findings } = await examined({ targets: [{ url: url(redis.port) }] });
    assert.equal(code, 0);
    has(findings, named(redis.port), "flags", "warn");
    assert.match(has(findings, named(redis.port), "sees misses", "info").message, /^none: class m/);
  });

  test("warns of the buffer that cuts subscribers off, and its line mends it", async (t) => {
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "KEAm"] });
    const config = { targets: [{ url: url(redis.port) }] };
    const { run } = has((await examined(config)).findings, named(redis.port), "buffers", "warn");
    await command(redis.port, wordsOf(run));
    assert.equal(of((await examined(config)).findings, named(redis.port), "buffers"), undefined);
  });

  test("names each right that is missing; running the lines makes all well", async (t) => {
    const redis = await startRedis(t, { args: READY });
    await command(redis.port, [
      "ACL",
      "SETUSER",
      "keyheat",
      "on",
      ">hunter2",
      "resetchannels",
      "-@all",
      "+ping",
    ]);
    const config = { targets: [{ url: url(redis.port), username: "keyheat", password: "hunter2" }] };
    const lines = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const { code, findings, out } = await examined(config);
      assert.ok(!out.includes("hunter2"));
      const bad = findings.filter(({ status }) => status === "warn" || status === "fail");
      if (bad.length === 0) break;
      const news = bad.flatMap(({ run }) => (run === null || lines.has(run) ? [] : [run]));
      assert.ok(news.length > 0, `nothing new to run: ${JSON.stringify(bad, null, 1)}`);
      if (bad.some(({ status }) => status === "fail")) assert.equal(code, 1);
      for (const line of news) {
        lines.add(line);
        await command(redis.port, wordsOf(line));
      }
    }
    const { code } = await examined(config);
    assert.equal(code, 0);
    const all = [...lines].join("\n");
    for (const right of ["+info", "+psubscribe", "&__keyevent@*__:*", "+config|get", "+type"])
      assert.ok(all.includes(right), `${right} in:\n${all}`);
  });

  test("says that CONFIG is not offered where it was renamed", async (t) => {
    const redis = await startRedis(t, { args: [...READY, "--rename-command", "CONFIG", ""] });
    const { code, findings } = await examined({ targets: [{ url: url(redis.port) }] });
    assert.equal(code, 0);
    assert.match(has(findings, named(redis.port), "flags", "warn").message, /CONFIG cannot be read here$/);
    assert.match(has(findings, named(redis.port), "rights", "warn").message, /does not offer CONFIG GET/);
  });

  test("tells a wrong password from a closed port, and shows neither password nor URL", async (t) => {
    const redis = await startRedis(t, { args: ["--requirepass", "right"] });
    const closed = await freePort();
    const { code, findings, out } = await examined({
      targets: [{ url: url(redis.port, ":hunter2@") }, { url: url(closed, ":hunter2@") }],
    });
    assert.equal(code, 1);
    assert.match(has(findings, named(redis.port), "reachable", "fail").message, /wrong password/);
    assert.match(has(findings, named(closed), "reachable", "fail").message, /refused/);
    assert.ok(!out.includes("hunter2"));
  });

  test("does not wait for a server that takes connections and says nothing", async (t) => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, findings } = await examined({ targets: [{ url: url(port, ":pw@") }] });
    assert.equal(code, 1);
    has(findings, named(port), "reachable", "fail");
  });

  test("looks at the members that a target names, too", async (t) => {
    const primary = await startRedis(t, { args: READY });
    const replica = await startReplica(t, primary.port, { args: READY });
    const { findings } = await examined({ targets: [{ url: url(primary.port) }] });
    assert.match(has(findings, named(replica.port), "role", "ok").message, /^replica of 127\.0\.0\.1:/);
    assert.match(has(findings, named(replica.port), "sees writes", "info").message, /^none here: a replica/);
    const listed = await examined({
      targets: [{ url: url(primary.port) }],
      discovery: { observe: "listed" },
    });
    assert.equal(of(listed.findings, named(replica.port), "role"), undefined);
  });

  test("fails at a Sentinel that does not tell what it watches, or watches nothing", async (t) => {
    const primary = await startRedis(t, { args: READY });
    const sentinel = await startSentinel(t, { shop: primary.port });
    const target = { url: url(sentinel.port), username: "keyheat", password: "pw" };
    const rights = ["on", ">pw", "-@all", "+info", "+role", "+ping"];
    await command(sentinel.port, ["ACL", "SETUSER", "keyheat", ...rights]);
    const blind = await examined({ targets: [target] });
    assert.equal(blind.code, 1);
    const { message, run } = has(blind.findings, named(sentinel.port), "watches", "fail");
    assert.equal(message, 'user "keyheat" may not run SENTINEL MASTERS');
    assert.equal(run, "ACL SETUSER keyheat +sentinel|masters");
    const whole = await examined({ targets: [{ url: url(sentinel.port) }] });
    assert.equal(has(whole.findings, named(sentinel.port), "watches", "ok").message, "shop");
    has(whole.findings, named(primary.port), "role", "ok");
    await command(sentinel.port, ["SENTINEL", "REMOVE", "shop"]);
    const empty = await examined({ targets: [{ url: url(sentinel.port) }] });
    assert.equal(empty.code, 1);
    has(empty.findings, named(sentinel.port), "watches", "fail");
  });

  test("ends at Ctrl-C, whatever does not answer", async (t) => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    t.after(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const stop = new AbortController();
    // The target, the receiver, and the broker twice: once to see that it is there.
    let connections = 0;
    silent.on("connection", () => {
      if (++connections === 4) stop.abort();
    });
    const hanging = `127.0.0.1:${port}`;
    const { code, findings } = await examined(
      {
        targets: [{ url: url(port) }],
        kafka: { brokers: [hanging] },
        receivers: [{ name: "ops", webhook: { url: `https://${hanging}/` }, allow: ["127.0.0.1/32"] }],
      },
      { signal: stop.signal },
    );
    assert.equal(code, 1);
    assert.deepEqual(
      findings.filter(({ subject }) => /^kafka|^receiver/.test(subject)),
      [],
    );
    assert.deepEqual(
      findings.filter(({ status }) => status === "fail"),
      [],
    );
  });

  test("does not call a failure what Ctrl-C has cut off", async (t) => {
    const redis = await startRedis(t, { args: READY });
    redis.process.kill("SIGSTOP");
    t.after(() => redis.process.kill("SIGCONT"));
    const stop = new AbortController();
    setImmediate(() => stop.abort());
    const { code, findings, err } = await examined(
      { targets: [{ url: url(redis.port, ":pw@") }] },
      { signal: stop.signal },
    );
    assert.equal(code, 1);
    assert.match(err, /stopped before its end$/m);
    assert.deepEqual(
      findings.filter(({ status }) => status === "fail"),
      [],
    );
  });

  test("says that keys of other databases cannot be looked up, and its line mends it", async (t) => {
    const redis = await startRedis(t, { args: READY });
    const rights = ["on", ">pw", "resetkeys", "~*", "&*", "+@all", "-select"];
    await command(redis.port, ["ACL", "SETUSER", "keyheat", ...rights]);
    const config = { targets: [{ url: url(redis.port, "keyheat:pw@") }] };
    const facts = (findings: readonly Finding[]) =>
      findings.filter(({ check, status }) => check === "facts" && status === "warn");
    const [found, more] = facts((await examined(config)).findings);
    assert.equal(found?.run, "ACL SETUSER keyheat +select");
    assert.equal(more, undefined);
    await command(redis.port, wordsOf(found.run));
    assert.deepEqual(facts((await examined(config)).findings), []);
  });

  test("names the node of a cluster that is down", async (t) => {
    const cluster = await startRedisCluster(t, { args: READY });
    const [seed, victim] = cluster.primaries;
    const config = { targets: [{ url: url(seed?.port ?? 0) }] };
    const whole = await examined(config);
    assert.equal(whole.code, 0, JSON.stringify(whole.findings, null, 1));
    assert.equal(new Set(whole.findings.map(({ subject }) => subject)).size, 7);
    await victim?.server.stop();
    const rest = await examined(config);
    assert.equal(rest.code, 1);
    has(rest.findings, named(victim?.port ?? 0), "reachable", "fail");
  });
});

describe("the doctor at receivers", () => {
  const targets = { discovery: { observe: "listed" } };

  async function receiversOf(t: TestContext, receivers: readonly object[], more: object = {}) {
    const redis = await startRedis(t, { args: READY });
    return await examined({ ...targets, targets: [{ url: url(redis.port) }], receivers, ...more });
  }

  test("reaches them without sending anything", async (t) => {
    const hook = await startWebhook(t);
    const { findings, out } = await receiversOf(
      t,
      [{ name: "hook", webhook: { url: `${hook.url}/hunter2`, secret: "hunter2" } }],
      { watchdog: { url: `${hook.url}/hunter2` } },
    );
    has(findings, "receiver hook", "reachable", "ok");
    has(findings, "watchdog", "reachable", "ok");
    assert.equal(hook.requests.length, 0);
    assert.ok(!out.includes("hunter2"));
    assert.match(has(findings, "http", "links", "warn").message, /http\.externalUrl/);
  });

  test("names a closed port, an address that is never sent to, and one that is not allowed", async (t) => {
    const closed = await freePort();
    const hook = await startWebhook(t);
    const { code, findings } = await receiversOf(t, [
      { name: "closed", webhook: { url: `http://127.0.0.1:${closed}/` } },
      { name: "metadata", webhook: { url: "http://169.254.169.254/latest" } },
      { name: "narrowed", webhook: { url: hook.url }, allow: ["10.0.0.0/8"] },
    ]);
    assert.equal(code, 1);
    assert.match(has(findings, "receiver closed", "reachable", "fail").message, /refused/);
    assert.match(has(findings, "receiver metadata", "reachable", "fail").message, /not allowed/);
    assert.match(has(findings, "receiver narrowed", "reachable", "fail").message, /not allowed/);
  });

  test("checks the certificate", async (t) => {
    const { cert, key } = makeCertificates(folder);
    const requests: string[] = [];
    const server = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request) => {
      requests.push(request.url ?? "");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, findings } = await receiversOf(t, [
      { name: "tls", webhook: { url: `https://localhost:${port}/` } },
    ]);
    assert.equal(code, 1);
    assert.match(has(findings, "receiver tls", "reachable", "fail").message, /authority of its certificate/);
    assert.deepEqual(requests, []);
  });
});

test("the doctor says that the port of the API is taken, which is no failure", async (t) => {
  const redis = await startRedis(t, { args: READY });
  const hook = await startWebhook(t);
  const { code, findings } = await examined({
    targets: [{ url: url(redis.port) }],
    http: { listen: `127.0.0.1:${hook.port}` },
  });
  assert.equal(code, 0);
  assert.match(has(findings, "http", "listen", "warn").message, /listens on .* already/);
});

test("the doctor does not begin where the config is bad", async () => {
  const { code, out, err } = await examined({ targets: [{ url: "http://x" }] });
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /targets\[0\]\.url/);
});
