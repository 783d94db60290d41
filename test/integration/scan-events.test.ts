import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { command, startRedis, startReplica, TestConnection, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";
import { startLoad } from "../support/steady-load.ts";

interface EventsDocument {
  readonly scan: string;
  readonly partial: boolean;
  readonly reasons: readonly string[];
  readonly seconds: number;
  readonly observed: { readonly events: number; readonly accesses: number };
  readonly servers: readonly {
    readonly target: string;
    readonly gaps: Readonly<Record<string, number>>;
    readonly problem: string | null;
  }[];
  readonly keys: readonly {
    readonly rank: number;
    readonly key: string;
    readonly db: number;
    readonly target: string;
    readonly pattern: string;
    readonly ratePerSecond: { readonly write: number; readonly miss: number; readonly total: number };
    readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
    readonly commands: Readonly<Record<string, number>>;
  }[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;
const ALL = ["--notify-keyspace-events", "AKEm"];

/** Somebody is subscribed to keyspace events. */
async function isWatched(port: number): Promise<boolean> {
  const clients = String(await command(port, ["CLIENT", "LIST"]));
  return / psub=[1-9]/.test(clients);
}

/**
 * Runs a scan of `seconds`; `act` is called once it is subscribed and its first pane, which nobody looks at, is over: the
 * poll that closes it has been answered.
 */
async function whileWatched(
  port: number,
  args: readonly string[],
  act: () => Promise<unknown>,
): ReturnType<typeof scanJson<EventsDocument>> {
  const scan = scanJson<EventsDocument>(["events", ...args]);
  await waitFor("the subscription", () => isWatched(port));
  const polls = await infoCalls(port);
  // One poll ends the first pane, the next one the first second.
  await waitFor("the first second", async () => (await infoCalls(port)) > polls + 1);
  await act();
  return await scan;
}

/** How often INFO commandstats and the like were asked by others. */
async function infoCalls(port: number): Promise<number> {
  const stats = String(await command(port, ["INFO", "commandstats"]));
  return Number(/cmdstat_role:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

async function inDatabase(port: number, db: number, lines: readonly (readonly string[])[]): Promise<void> {
  using connection = await TestConnection.open(port);
  await connection.command(["SELECT", db]);
  for (const line of lines) await connection.command(line);
}

describe("keyheat scan events", () => {
  test("names the hot key first, with its writes and misses", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 200, (n) => {
      if (n % 4 === 1) return ["GET", "absent:7"];
      return n % 2 === 0 ? ["SET", "user:77", "v"] : ["SET", `noise:${n}`, "v"];
    });
    const args = ["--redis", url(redis.port), "--seconds", "2", "--limit", "5"];
    const { code, document, stderr } = await scanJson<EventsDocument>(["events", ...args]);
    assert.equal(code, 0, stderr);
    assert.equal(document.scan, "events");
    assert.equal(document.partial, false);
    assert.ok(document.seconds >= 2);
    const [first, second] = document.keys;
    assert.deepEqual([first?.rank, first?.key, first?.pattern], [1, "user:77", "user:{n}"]);
    assert.equal(first?.ratePerSecond.miss, 0);
    assert.ok((first?.ratePerSecond.write ?? 0) > 1.5 * (second?.ratePerSecond.total ?? 0));
    assert.deepEqual(Object.keys(first?.commands ?? {}), ["set"]);
    assert.equal(second?.key, "absent:7");
    assert.equal(second?.ratePerSecond.write, 0);
    assert.equal(document.keys.length, 5);
    assert.ok(document.observed.events > 0);
  });

  test("counts right, over databases, and once where a command causes two events", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    const args = ["--redis", url(redis.port), "--seconds", "5"];
    const { code, document, stderr } = await whileWatched(redis.port, args, async () => {
      await inDatabase(redis.port, 0, [
        ...Array.from({ length: 30 }, () => ["SET", "k", "v"]),
        ...Array.from({ length: 12 }, () => ["GET", "none"]),
        ["SET", "brief", "v", "EX", "100"],
      ]);
      await inDatabase(
        redis.port,
        9,
        Array.from({ length: 7 }, () => ["INCR", "k"]),
      );
    });
    assert.equal(code, 0, stderr);
    const counts = document.keys.map(({ db, key, count: { lower, upper } }) => [
      `${db}/${key}`,
      lower,
      upper,
    ]);
    assert.deepEqual(counts, [
      ["0/k", 30, 30],
      ["0/none", 12, 12],
      ["9/k", 7, 7],
      ["0/brief", 1, 1],
    ]);
    assert.equal(document.observed.accesses, 50);
  });

  test("watches only the keys that it is asked for, each once", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    const args = ["--redis", url(redis.port), "--seconds", "5", "--patterns", "user:*", "*:7"];
    const { code, document } = await whileWatched(redis.port, args, async () => {
      for (const key of ["user:7", "user:8", "cart:7", "cart:8"])
        await command(redis.port, ["SET", key, "v"]);
    });
    assert.equal(code, 0);
    const counts = document.keys.map(({ key, count }) => `${key} ${count.lower}`).sort();
    assert.deepEqual(counts, ["cart:7 1", "user:7 1", "user:8 1"]);
    const bad = await runScanCommand(["scan", "events", "--redis", url(redis.port), "--patterns", ""]);
    assert.equal(bad.code, 2);
    assert.match(bad.lastLine, /^--patterns: /);
  });

  test("says in its table that reads are not seen", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 100, () => ["SET", "\u001b[2Jhot", "v"]);
    const run = await runScanCommand(["scan", "events", "--redis", url(redis.port), "--seconds", "1"]);
    assert.equal(run.code, 0, run.stderr);
    const [head = "", line = ""] = run.stdout.split("\n");
    assert.match(head, /^# +KEY +\/S +WRITE +MISS +COUNT +EVENTS +DB +SERVER$/);
    assert.match(line, /^1 +\\u\{1b\}\[2Jhot +\d+ +\d+ +0 +\d+ +set +0 +127\.0\.0\.1:\d+$/);
    assert.match(run.stdout, /a read that finds its key causes no event/);
    assert.doesNotMatch(run.stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  test("says which line to run where notifications are off or lack classes, without waiting", async (t) => {
    const redis = await startRedis(t);
    const args = ["--redis", url(redis.port), "--seconds", "600"];
    for (const flags of ["", "KE$"]) {
      await command(redis.port, ["CONFIG", "SET", "notify-keyspace-events", flags]);
      const refused = await runScanCommand(["scan", "events", ...args, "--json"]);
      assert.equal(refused.code, 1);
      assert.equal(refused.stdout, "");
      assert.match(refused.lastLine, /run: CONFIG SET notify-keyspace-events \S+$/);
      await command(redis.port, lineToRun(refused.lastLine));
      const run = await scanJson<EventsDocument>(["events", "--redis", url(redis.port), "--seconds", "1"]);
      assert.equal(run.code, 0, run.stderr);
    }
  });

  test("notes that misses are not seen where only their class is missing", async (t) => {
    const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AE"] });
    const args = ["events", "--redis", url(redis.port), "--seconds", "1"];
    const { code, document } = await scanJson<EventsDocument>(args);
    assert.equal(code, 0);
    assert.equal(document.partial, true);
    assert.match(document.reasons.join(), /misses are not seen: class m is missing/);
  });

  test("marks what it saw as partial, without upper bounds, where the connection was cut", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 100, () => ["SET", "k", "v"]);
    const args = ["--redis", url(redis.port), "--seconds", "5"];
    const run = await whileWatched(redis.port, args, () =>
      command(redis.port, ["CLIENT", "KILL", "TYPE", "pubsub"]),
    );
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.match(run.lastLine, /events may have gone unseen \(closed 1x\): no upper bounds/);
    assert.equal(run.document.keys[0]?.key, "k");
    assert.equal(run.document.keys[0]?.count.upper, null);
    assert.deepEqual(run.document.servers[0]?.gaps, { closed: 1 });
  });

  test("marks what it saw as partial, without upper bounds, where the server ceased to publish it meanwhile", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 100, (n) =>
      n % 2 === 0 ? ["SET", "k", "v"] : ["HSET", "h", "f", `${n}`],
    );
    const args = ["--redis", url(redis.port), "--seconds", "4"];
    for (const flags of ["", "KE$m", "KEA"]) {
      await command(redis.port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
      const run = await whileWatched(redis.port, args, () =>
        command(redis.port, ["CONFIG", "SET", "notify-keyspace-events", flags]),
      );
      assert.equal(run.code, 1, `${flags}: ${run.stderr}`);
      assert.equal(run.document.keys[0]?.count.upper, null);
      assert.match(run.stderr, /events may have gone unseen.*: no upper bounds/);
      assert.match(run.lastLine, /its setting was changed meanwhile: .*notify-keyspace-events/);
    }
  });

  test("ends at Ctrl-C with what it saw", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 100, () => ["SET", "k", "v"]);
    let kill: (signal: NodeJS.Signals) => void = () => {};
    const args = ["events", "--redis", url(redis.port), "--seconds", "600"];
    const scan = scanJson<EventsDocument>(args, { onStart: (killer) => (kill = killer) });
    await waitFor("the subscription", () => isWatched(redis.port));
    const polls = await infoCalls(redis.port);
    await waitFor("a second", async () => (await infoCalls(redis.port)) > polls + 2);
    kill("SIGINT");
    const run = await scan;
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /stopped before its end/);
    assert.equal(run.document.keys[0]?.key, "k");
  });

  test("says which right is missing, and works when that line was run", async (t) => {
    const redis = await startRedis(t, { args: ALL });
    await startLoad(t, redis.port, 100, () => ["SET", "user:77", "v"]);
    const looker = await makeLooker(redis.port, ["+ping", "+info"]);
    const args = ["events", "--redis", looker, "--seconds", "1"];
    const refused = await runScanCommand(["scan", ...args]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /run: ACL SETUSER looker \+psubscribe \+ping &__keyevent@\*__:\*$/);
    await command(redis.port, lineToRun(refused.lastLine));
    const run = await scanJson<EventsDocument>(args);
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.document.keys[0]?.key, "user:77");
    assert.match(
      run.document.reasons.join(),
      /may not run CONFIG GET; run: ACL SETUSER looker \+config\|get/,
    );
  });

  test("says that a renamed PSUBSCRIBE is not offered", async (t) => {
    const redis = await startRedis(t, { args: [...ALL, "--rename-command", "PSUBSCRIBE", ""] });
    const run = await runScanCommand(["scan", "events", "--redis", url(redis.port), "--seconds", "600"]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer PSUBSCRIBE/);
  });

  test("says that a server publishes nothing where it cannot read its setting", async (t) => {
    const redis = await startRedis(t, { args: ["--rename-command", "CONFIG", ""] });
    await startLoad(t, redis.port, 200, () => ["SET", "k", "v"]);
    const args = ["events", "--redis", url(redis.port), "--seconds", "2"];
    const run = await scanJson<EventsDocument>(args);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /ran writes and no event came; set notify-keyspace-events to AKEm/);
    assert.match(run.document.reasons.join(), /the server does not offer CONFIG GET/);
  });

  test("says that of a replica only misses are seen", async (t) => {
    const primary = await startRedis(t);
    const replica = await startReplica(t, primary.port, { args: ALL });
    const args = ["--redis", url(replica.port), "--seconds", "5"];
    const { code, document } = await whileWatched(replica.port, args, () =>
      command(replica.port, ["GET", "absent"]),
    );
    assert.equal(code, 0);
    assert.match(document.reasons.join(), /it is a replica: only its misses are seen/);
    assert.deepEqual(
      document.keys.map(({ key, count }) => [key, count.lower]),
      [["absent", 1]],
    );
  });
});

describe("keyheat scan events in a cluster", () => {
  test("watches all primaries, and says of each that publishes nothing or is down", async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 3, replicas: 0, args: ALL });
    const hot = cluster.primaryOf("user:7");
    await startLoad(t, hot.port, 100, () => ["SET", "user:7", "v"]);
    const [seed, victim] = cluster.primaries.filter(({ port }) => port !== hot.port);
    const args = ["events", "--redis", url(seed?.port ?? 0), "--seconds", "1"];
    const all = await scanJson<EventsDocument>(args);
    assert.equal(all.code, 0, all.stderr);
    assert.deepEqual(
      all.document.servers.map(({ target }) => target).sort(),
      cluster.primaries.map(({ address }) => address).sort(),
    );
    assert.deepEqual([all.document.keys[0]?.key, all.document.keys[0]?.target], ["user:7", hot.address]);
    await command(victim?.port ?? 0, ["CONFIG", "SET", "notify-keyspace-events", ""]);
    const mute = await scanJson<EventsDocument>(args);
    assert.equal(mute.code, 1);
    assert.equal(mute.document.keys[0]?.key, "user:7");
    assert.ok(mute.lastLine.includes(`${victim?.address}: keyspace notifications are off`), mute.lastLine);
    await victim?.server.stop();
    const others = await scanJson<EventsDocument>(args);
    assert.equal(others.code, 1);
    assert.equal(others.document.partial, true);
    assert.equal(others.document.keys[0]?.key, "user:7");
    assert.ok(others.stderr.includes(victim?.address ?? "?"), others.stderr);
  });
});
