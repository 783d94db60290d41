import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { pino } from "pino";
import { createUserArguments, VERIFY_RIGHTS } from "../../src/redis/acl.ts";
import { WRITE_COMMANDS } from "../../src/redis/commands.ts";
import type { TargetAccess } from "../../src/redis/options.ts";
import { encodeCommand } from "../../src/redis/resp.ts";
import { TargetConnection, TargetError } from "../../src/redis/target.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { makeCertificates } from "../support/certificates.ts";
import {
  command,
  freePort,
  type Reply,
  startRedis,
  startReplica,
  TestConnection,
  waitFor,
} from "../support/redis.ts";
import { ReplyReader } from "../support/replies.ts";

interface LogLine {
  readonly msg: string;
  readonly code?: string;
  readonly reason?: string;
}

interface Watched {
  readonly connection: TargetConnection;
  readonly log: LogLine[];
}

function watch(t: TestContext, port: number, fields: Partial<TargetAccess> = {}): Watched {
  const log: LogLine[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const target = { address: `127.0.0.1:${port}`, endpoint: { host: "127.0.0.1", port }, ...fields };
  const connection = new TargetConnection(target, { logger, clock: systemClock });
  t.after(() => connection.close());
  return { connection, log };
}

function isUp({ connection }: Watched): Promise<boolean> {
  return waitFor("the target to be up", () => connection.state() === "up");
}

function hasProblem({ connection }: Watched, code: string, timeoutMs = 15_000): Promise<boolean> {
  return waitFor(`the problem ${code}`, () => connection.problem()?.code === code, timeoutMs);
}

async function rejectsWith(promise: Promise<unknown>, code: string): Promise<TargetError> {
  const err = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(err instanceof TargetError, `expected a TargetError, got ${String(err)}`);
  assert.equal(err.code, code);
  return err;
}

function downs(log: readonly LogLine[]): LogLine[] {
  return log.filter(({ msg }) => msg === "target down");
}

describe("a target", () => {
  it("is up with its role, counters and flags", async (t) => {
    const server = await startRedis(t, { args: ["--notify-keyspace-events", "KEA"] });
    const watched = watch(t, server.port);
    const { connection } = watched;
    await rejectsWith(connection.poll(), "UNREACHABLE");
    await isUp(watched);
    const before = await connection.poll();
    assert.equal(before.role, "primary");
    assert.equal(before.primary, null);
    assert.equal(before.flavor, "redis");
    assert.equal(before.clusterEnabled, false);
    assert.equal(before.slots, null);
    assert.match(before.runId ?? "", /^[0-9a-f]{40}$/);
    await command(server.port, ["MSET", "a", "1", "b", "2"]);
    await command(server.port, ["MGET", "a", "b", "gone"]);
    const after = await connection.poll();
    assert.equal(after.reads! - before.reads!, 3);
    assert.equal(after.writeCalls! - before.writeCalls!, 1);
    assert.equal(after.calls.get("mget"), 1);
    assert.ok(after.cpuSeconds! > 0 && after.memoryBytes! > 0 && after.clients! >= 1);
    assert.ok(after.takenAtMs > before.takenAtMs);
    assert.equal(await connection.notificationFlags(), "AKE");
    await connection.setNotificationFlags("KEAm");
    assert.equal(await connection.notificationFlags(), "AKEm");
    assert.deepEqual(connection.limits(), []);
    assert.equal(downs(watched.log).length, 0);
  });

  it("tells facts of keys, and takes its own look-ups off the reads", async (t) => {
    const server = await startRedis(t);
    const watched = watch(t, server.port);
    const { connection } = watched;
    await isUp(watched);
    await command(server.port, ["SET", "k", "v", "EX", "60"]);
    await command(server.port, ["XADD", "stream", "*", "f", "v"]);
    using other = await TestConnection.open(server.port);
    await other.command(["SELECT", 3]);
    const binary = Buffer.from([0xff, 0x0a, 0x20]);
    await other.command(["RPUSH", binary, "1"]);
    const before = await connection.poll();

    const facts = await connection.facts(0, Buffer.from("k"));
    assert.equal(facts?.type, "string");
    assert.equal(facts?.encoding, "embstr");
    // Less by what has passed since.
    assert.ok(facts!.ttlSeconds! > 50 && facts!.ttlSeconds! <= 60, `${facts?.ttlSeconds}`);
    assert.ok(facts!.bytes! > 0);
    const stream = await connection.facts(0, Buffer.from("stream"));
    assert.deepEqual([stream?.type, stream?.bytes, stream?.ttlSeconds], ["stream", null, null]);
    const [inThree, inZero] = await Promise.all([connection.facts(3, binary), connection.facts(0, binary)]);
    assert.equal(inThree?.type, "list");
    assert.equal(inZero, null);

    const after = await connection.poll();
    assert.equal(after.reads, before.reads);
    await command(server.port, ["GET", "k"]);
    assert.equal((await connection.poll()).reads! - before.reads!, 1);
  });

  it("publishes one keymiss for a key that is gone, and leaves the idle time of others alone", async (t) => {
    const server = await startRedis(t, { args: ["--notify-keyspace-events", "KEAm"] });
    const watched = watch(t, server.port);
    await isUp(watched);
    await command(server.port, ["SET", "idle", "v"]);
    const idleBefore = await waitFor("an idle second", () =>
      command(server.port, ["OBJECT", "IDLETIME", "idle"]),
    );
    const subscriber = await subscribe(t, server.port);
    assert.equal(await watched.connection.facts(0, Buffer.from("gone")), null);
    assert.notEqual(await watched.connection.facts(0, Buffer.from("idle")), null);
    assert.ok(Number(await command(server.port, ["OBJECT", "IDLETIME", "idle"])) >= Number(idleBefore));
    await command(server.port, ["SET", "end", "v"]);
    const events: string[] = [];
    for (let last = ""; !last.endsWith("set end"); events.push(last)) last = await nextEvent(subscriber);
    assert.deepEqual(events, ["__keyevent@0__:keymiss gone", "__keyevent@0__:set end"]);
  });

  it("is polled, subscribed and not configured by the minimal user", async (t) => {
    const server = await startRedis(t, { args: ["--notify-keyspace-events", "KEA"] });
    await command(server.port, ["ACL", "SETUSER", ...createUserArguments("keyheat", "pw", VERIFY_RIGHTS)]);
    const watched = watch(t, server.port, { username: "keyheat", password: "pw" });
    const { connection } = watched;
    await isUp(watched);
    const poll = await connection.poll();
    assert.equal(poll.role, "primary");
    assert.notEqual(poll.reads, null);
    assert.equal(await connection.notificationFlags(), "AKE");
    const refused = await rejectsWith(connection.setNotificationFlags("KEAm"), "NOPERM");
    assert.match(
      refused.message,
      /ACL SETUSER keyheat \+config\|set.*CONFIG SET notify-keyspace-events KEAm/,
    );
    assert.match(
      (await rejectsWith(connection.facts(0, Buffer.from("k")), "NOPERM")).message,
      /\+type .* %R~\*/,
    );
    assert.equal(connection.state(), "up");

    const subscriber = await subscribe(t, server.port, ["keyheat", "pw"]);
    await command(server.port, ["SET", "k", "v"]);
    assert.equal(await nextEvent(subscriber), "__keyevent@0__:set k");
  });

  it("needs no more than INFO, and says for each missing right what to run, once", async (t) => {
    const server = await startRedis(t);
    const rights = ["on", ">pw", "resetkeys", "resetchannels", "-@all", "+psubscribe", "+ping", "+info"];
    await command(server.port, ["ACL", "SETUSER", "small", ...rights, "&__keyevent@*__:*"]);
    const watched = watch(t, server.port, { username: "small", password: "pw" });
    const { connection, log } = watched;
    await isUp(watched);
    for (let i = 0; i < 3; i++) assert.equal((await connection.poll()).role, "primary");
    for (let i = 0; i < 3; i++) assert.equal(await connection.notificationFlags(), null);
    assert.deepEqual(connection.limits(), [
      'user "small" may not run ROLE; run: ACL SETUSER small +role',
      'user "small" may not run CONFIG GET; run: ACL SETUSER small +config|get',
    ]);
    assert.equal(log.filter(({ msg }) => msg === "target seen in part").length, 2);
    const refusals = (await command(server.port, ["ACL", "LOG"])) as Reply[];
    assert.equal(refusals.length, 2);
  });

  it("works with ROLE and without INFO, and not without both", async (t) => {
    const server = await startRedis(t);
    await command(server.port, ["ACL", "SETUSER", "roleonly", "on", ">pw", "-@all", "+role"]);
    await command(server.port, ["ACL", "SETUSER", "nothing", "on", ">pw", "-@all"]);
    const roleOnly = watch(t, server.port, { username: "roleonly", password: "pw" });
    await isUp(roleOnly);
    const poll = await roleOnly.connection.poll();
    assert.deepEqual([poll.role, poll.runId, poll.reads, poll.writeCalls], ["primary", null, null, null]);
    const nothing = watch(t, server.port, { username: "nothing", password: "pw" });
    await hasProblem(nothing, "NOPERM");
    assert.match(nothing.connection.problem()!.message, /ACL SETUSER nothing \+info/);
    await command(server.port, ["ACL", "SETUSER", "nothing", "+info"]);
  });

  it("refuses a wrong password in one line, without a storm of retries and without the secret", async (t) => {
    const server = await startRedis(t, { args: ["--requirepass", "right"] });
    const wrong = watch(t, server.port, { username: "default", password: "wr0ng-s3cret" });
    const none = watch(t, server.port);
    await hasProblem(wrong, "AUTH");
    await hasProblem(none, "AUTH");
    assert.match(wrong.connection.problem()!.message, /ACL SETUSER default on >PASSWORD/);
    assert.match(
      none.connection.problem()!.message,
      /ACL SETUSER keyheat on >PASSWORD .* &__keyevent@\*__:\*/,
    );
    assert.equal(wrong.connection.problem()!.retryable, false);
    const connectionsBefore = await totalConnections(server.port);
    const endMs = performance.now() + 1500;
    await waitFor("a second and a half to pass", () => performance.now() > endMs);
    // Doubling from 100 ms: a handful each, in which the polls from outside have no part.
    for (let i = 0; i < 50; i++) await rejectsWith(wrong.connection.poll(), "AUTH");
    const more = (await totalConnections(server.port)) - connectionsBefore;
    assert.ok(more < 14, `${more} connections`);
    assert.equal(downs(wrong.log).length, 1);
    assert.doesNotMatch(JSON.stringify(wrong.log), /wr0ng-s3cret/);
  });

  it("comes up when its password is put right at the server", async (t) => {
    const server = await startRedis(t);
    await command(server.port, [
      "ACL",
      "SETUSER",
      "keyheat",
      "on",
      ">old",
      "+@all",
      "allkeys",
      "allchannels",
    ]);
    const watched = watch(t, server.port, { username: "keyheat", password: "new" });
    await hasProblem(watched, "AUTH");
    await command(server.port, ["ACL", "SETUSER", "keyheat", "resetpass", ">new"]);
    await isUp(watched);
    assert.equal(watched.connection.problem(), null);
  });

  it("takes a password that the server does not need", async (t) => {
    const server = await startRedis(t);
    const watched = watch(t, server.port, { password: "needless" });
    await isUp(watched);
  });

  it("is waited for when it is not there yet, and found again after it was killed", async (t) => {
    const port = await freePort();
    const watched = watch(t, port);
    await hasProblem(watched, "UNREACHABLE");
    assert.match(watched.connection.problem()!.message, /nothing listens there/);
    const server = await startRedis(t, { port });
    await isUp(watched);
    const { runId } = await watched.connection.poll();
    await server.stop();
    await waitFor("the target to be down", () => watched.connection.state() === "down");
    const roles: (string | null)[] = [];
    watched.connection.on("role", (poll) => roles.push(poll.runId));
    await startRedis(t, { port });
    await isUp(watched);
    assert.notEqual((await watched.connection.poll()).runId, runId);
    assert.equal(roles.length, 1);
  });

  it("is said to have no known host name", async (t) => {
    const watched = watch(t, 1, { endpoint: { host: "no-such-host.invalid", port: 6379 } });
    await hasProblem(watched, "UNREACHABLE");
    assert.match(watched.connection.problem()!.message, /host name/);
  });

  it("is loading until it has its data", async (t) => {
    const server = await startRedis(t, { args: ["--enable-debug-command", "yes", "--save", ""] });
    // A busy machine makes each of the delays longer: few keys, so that the reply comes within its time.
    await command(server.port, ["DEBUG", "POPULATE", 2000, "key", 8]);
    await command(server.port, ["SAVE"]);
    await command(server.port, [
      "CONFIG",
      "SET",
      "key-load-delay",
      500,
      "loading-process-events-interval-bytes",
      1024,
    ]);
    const watched = watch(t, server.port);
    await isUp(watched);
    const reload = command(server.port, ["DEBUG", "RELOAD", "NOSAVE"]);
    const loading = waitFor("a poll that says LOADING", () =>
      watched.connection.poll().then(
        () => false,
        (err: TargetError) => err.code === "LOADING",
      ),
    );
    await loading;
    assert.match(watched.connection.problem()!.message, /loading its data set \(\d+% done\)/);
    await reload;
    await isUp(watched);
    assert.equal(downs(watched.log).length, 1);
  });

  it("has the role that it has now", async (t) => {
    const primary = await startRedis(t);
    const replica = await startReplica(t, primary.port);
    const atPrimary = watch(t, primary.port);
    const atReplica = watch(t, replica.port);
    await Promise.all([isUp(atPrimary), isUp(atReplica)]);
    const poll = await atReplica.connection.poll();
    assert.equal(poll.role, "replica");
    assert.deepEqual(poll.primary, { host: "127.0.0.1", port: primary.port });
    const changed = new Promise((resolve) => atReplica.connection.once("role", ({ role }) => resolve(role)));
    await command(replica.port, ["REPLICAOF", "NO", "ONE"]);
    await command(primary.port, ["REPLICAOF", "127.0.0.1", replica.port]);
    assert.equal((await atReplica.connection.poll()).role, "primary");
    assert.equal(await changed, "primary");
    assert.equal((await atPrimary.connection.poll()).role, "replica");
  });

  it("is noticed to be paused, and to go on", async (t) => {
    const server = await startRedis(t);
    const watched = watch(t, server.port);
    await isUp(watched);
    await command(server.port, ["CLIENT", "PAUSE", 6000, "ALL"]);
    await hasProblem(watched, "TIMEOUT");
    await isUp(watched);
  });

  it("is connected anew within 5 s when its connection is half-open", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const watched = watch(t, proxy.port);
    await isUp(watched);
    proxy.freeze();
    const frozenMs = performance.now();
    // Nobody polls: it notices by itself.
    await hasProblem(watched, "TIMEOUT");
    await isUp(watched);
    assert.ok(performance.now() - frozenMs < 5000);
    assert.equal(proxy.connections, 2);
  });

  it("is down while all clients are taken", async (t) => {
    const server = await startRedis(t, { args: ["--maxclients", "1"] });
    // The server may not have noticed yet that the connection of its start has ended.
    using _only = await waitFor("the only place", async () => {
      const connection = await TestConnection.open(server.port);
      try {
        await connection.command(["PING"]);
        return connection;
      } catch (err) {
        connection.close();
        throw err;
      }
    });
    const watched = watch(t, server.port);
    await hasProblem(watched, "FULL");
    assert.match(watched.connection.problem()!.message, /CONFIG SET maxclients/);
  });

  it("is reached over a unix socket", async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "redis.sock");
    await startRedis(t, { args: ["--unixsocket", path] });
    const watched = watch(t, 0, { address: `unix://${path}`, endpoint: { path } });
    await isUp(watched);
    const nowhere = watch(t, 0, { endpoint: { path: join(folder, "none.sock") } });
    await hasProblem(nowhere, "UNREACHABLE");
  });

  it("has slots in Cluster mode", async (t) => {
    // By default the bus is at the port + 10,000, which is past the last port for many a free one.
    const args = ["--cluster-enabled", "yes", "--cluster-port", String(await freePort())];
    const server = await startRedis(t, { args });
    await command(server.port, ["CLUSTER", "ADDSLOTSRANGE", 0, 99, 200, 16_383]);
    const ranges = [
      [0, 99],
      [200, 16_383],
    ];
    const whole = watch(t, server.port);
    await isUp(whole);
    const poll = await whole.connection.poll();
    assert.deepEqual([poll.clusterEnabled, poll.slots], [true, ranges]);
    const few = ["on", ">pw", "-@all", "+info", "+cluster|slots"];
    await command(server.port, ["ACL", "SETUSER", "few", ...few]);
    const bySlots = watch(t, server.port, { username: "few", password: "pw" });
    await isUp(bySlots);
    assert.deepEqual((await bySlots.connection.poll()).slots, ranges);
    await command(server.port, ["ACL", "SETUSER", "none", "on", ">pw", "-@all", "+info", "+role"]);
    const unknown = watch(t, server.port, { username: "none", password: "pw" });
    await isUp(unknown);
    assert.equal((await unknown.connection.poll()).slots, null);
    assert.match(unknown.connection.limits().join(), /\+cluster\|nodes/);
  });

  it("closes at once, also while it connects to what does not answer", async (t) => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    const address = silent.address();
    const { connection } = watch(t, typeof address === "object" && address ? address.port : 0);
    const startMs = performance.now();
    await connection.close();
    await rejectsWith(connection.poll(), "CLOSED");
    assert.ok(performance.now() - startMs < 1000);
  });
});

describe("a target with TLS", () => {
  it("is reached with its authority, and says what is wrong without it", async (t) => {
    const folder = temporaryFolder(t);
    const files = makeCertificates(folder);
    const port = await freePort();
    const plain = await startRedis(t, {
      args: [
        ...["--tls-port", String(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", files.ca],
        ...["--tls-cert-file", files.cert, "--tls-key-file", files.key],
      ],
    });
    const ca = readFileSync(files.ca, "utf8");
    const good = watch(t, port, { tls: { ca } });
    await isUp(good);
    const untrusted = watch(t, port, { tls: {} });
    await hasProblem(untrusted, "TLS");
    assert.match(untrusted.connection.problem()!.message, /tls\.caFile/);
    const otherName = watch(t, port, { tls: { ca, servername: "other.example" } });
    await hasProblem(otherName, "TLS");
    assert.match(otherName.connection.problem()!.message, /tls\.servername/);
    const toPlain = watch(t, plain.port, { tls: { ca } });
    await hasProblem(toPlain, "TLS");
    assert.match(toPlain.connection.problem()!.message, /redis:\/\//);
    const withoutTls = watch(t, port);
    await waitFor("a problem", () => withoutTls.connection.problem());
    assert.match(withoutTls.connection.problem()!.message, /rediss:\/\//);
    const badFile = watch(t, port, { tls: { ca: "no certificate" } });
    await waitFor("a problem", () => badFile.connection.problem());
    assert.equal(badFile.connection.problem()!.code, "TLS");
  });
});

describe("the table of write commands", () => {
  it("has every command that this server flags as a write", async (t) => {
    const server = await startRedis(t);
    const commands = (await command(server.port, ["COMMAND"])) as Reply[];
    const writes = commands.flatMap(writeNames);
    assert.ok(writes.length > 100);
    assert.deepEqual(
      writes.filter((name) => !WRITE_COMMANDS.has(name)),
      [],
    );
  });
});

/** Names of a command and of its subcommands that are flagged `write`: `[name, arity, flags, ..., subcommands]`. */
function writeNames(entry: Reply): string[] {
  const [name, , flags, , , , , , , subcommands] = entry as [Buffer, number, string[], ...Reply[]];
  const own = flags.includes("write") ? [String(name).toLowerCase()] : [];
  return [...own, ...((subcommands ?? []) as Reply[]).flatMap(writeNames)];
}

/** Subscribes to all events, after logging in with `auth`. */
async function subscribe(t: TestContext, port: number, auth?: readonly string[]): Promise<ReplyReader> {
  const socket = connect({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  const replies = new ReplyReader(socket);
  if (auth) socket.write(encodeCommand(["AUTH", ...auth]));
  socket.write(encodeCommand(["PSUBSCRIBE", "__keyevent@*__:*"]));
  if (auth) assert.equal(await replies.next(), "OK");
  assert.ok(Array.isArray(await replies.next()));
  return replies;
}

async function nextEvent(subscriber: ReplyReader): Promise<string> {
  const [, , channel, key] = (await subscriber.next()) as Buffer[];
  return `${channel} ${key}`;
}

async function totalConnections(port: number): Promise<number> {
  using connection = await TestConnection.open(port);
  await connection.command(["AUTH", "right"]);
  return Number(
    /total_connections_received:(\d+)/.exec(String(await connection.command(["INFO", "stats"])))?.[1],
  );
}

/** Forwards until it is frozen: then the connections that it has hang, and new ones work. */
async function startProxy(t: TestContext, serverPort: number) {
  const sockets = new Set<Socket>();
  let connections = 0;
  const proxy = createServer((client) => {
    connections++;
    const server = connect(serverPort, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    get connections() {
      return connections;
    },
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-target-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
