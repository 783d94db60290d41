import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, startReplica, waitFor } from "../support/redis.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

describe("the role of a target", { concurrency: 2 }, () => {
  it("decides what counts: a replica repeats its primary's writes, and only its misses are its own", async (t) => {
    const primary = await startRedis(t, { args: EVENTS_ON });
    const replica = await startReplica(t, primary.port, { args: EVENTS_ON });
    const atPrimary = `127.0.0.1:${primary.port}`;
    const atReplica = `127.0.0.1:${replica.port}`;
    const keyheat = await startKeyheat(t, { redisUrls: [primary.url, replica.url] });
    await keyheat.ready();
    await keyheat.sourceIs("up at the replica", ({ state }) => state === "up", 5000, atReplica);
    await keyheat.watches();

    await load(primary.port, 5000, () => ["SET", "written", "v"]);
    await load(primary.port, 300, () => ["GET", "gone-at-primary"]);
    await load(replica.port, 400, () => ["GET", "gone-at-replica"]);
    // Both have read in vain here: the misses are different accesses, and are added.
    await load(primary.port, 20, () => ["GET", "gone"]);
    await load(replica.port, 30, () => ["GET", "gone"]);

    const written = await keyheat.countsExactly("written", 5000);
    assert.equal(written.target, atPrimary);
    assert.equal(written.ratePerSecond.miss, 0);
    const missed = await keyheat.countsExactly("gone-at-replica", 400);
    assert.equal(missed.target, atReplica);
    assert.equal(missed.ratePerSecond.write, 0);
    assert.equal((await keyheat.counts("gone-at-primary", 300)).target, atPrimary);
    await keyheat.countsExactly("gone", 50);
    // On a replica an expiry comes as a DEL of its primary.
    await load(primary.port, 100, (i) => ["SET", `brief:${i}`, "v", "PX", 50]);
    await keyheat.counts("brief:99", 1);
    const brief = (await keyheat.hotkeys()).keys.filter(({ key }) => key.startsWith("brief:"));
    assert.deepEqual(
      brief.filter(({ count }) => count.lower > 1),
      [],
    );
    const roles = (await keyheat.targets()).map(({ target, role, sources }) => [
      target,
      role,
      sources[0]?.gaps,
    ]);
    assert.deepEqual(
      new Map(roles.map(([target, ...rest]) => [target, rest])),
      new Map([
        [atPrimary, ["primary", 0]],
        [atReplica, ["replica", 0]],
      ]),
    );
  });

  it("is followed when it changes: the new primary's writes count within 5 s, and the gap is reported", async (t) => {
    const first = await startRedis(t, { args: EVENTS_ON });
    const second = await startReplica(t, first.port, { args: EVENTS_ON });
    const atFirst = `127.0.0.1:${first.port}`;
    const atSecond = `127.0.0.1:${second.port}`;
    const keyheat = await startKeyheat(t, { redisUrls: [first.url, second.url] });
    await keyheat.ready();
    await keyheat.sourceIs("up at the replica", ({ state }) => state === "up", 5000, atSecond);
    await keyheat.watches();
    await load(first.port, 1000, () => ["SET", "k", "v"]);
    await keyheat.counts("k", 1000);

    await command(second.port, ["REPLICAOF", "NO", "ONE"]);
    await command(first.port, ["REPLICAOF", "127.0.0.1", second.port]);
    // It is counted from some moment on within 5 s; what was written before that is the gap's.
    const before = (await keyheat.hotkey("k"))?.count.lower ?? 0;
    const toMs = performance.now() + 5000;
    await waitFor(
      "writes of the new primary to count",
      async () => {
        // That they count shows later, once their window has closed.
        if (performance.now() < toMs) await load(second.port, 50, () => ["SET", "k", "v"]);
        return ((await keyheat.hotkey("k"))?.count.lower ?? 0) > before;
      },
      15_000,
      200,
    );
    // Until it is known to be a replica the old primary is seen to repeat the writes: only later ones tell the two apart.
    await waitFor("the new primary to be the key's", async () => {
      await load(second.port, 50, () => ["SET", "k", "v"]);
      return (await keyheat.hotkey("k"))?.target === atSecond;
    });
    await keyheat.sourceIs(
      "up after a gap",
      ({ state, gaps }) => state === "up" && gaps === 1,
      5000,
      atFirst,
    );
    await keyheat.sourceIs(
      "up after a gap",
      ({ state, gaps }) => state === "up" && gaps === 1,
      5000,
      atSecond,
    );
    assert.equal(await keyheat.gaps("role", atFirst), 1);
    assert.equal(await keyheat.gaps("role", atSecond), 1);

    await waitFor("the old primary's link", async () => {
      const info = String(await command(first.port, ["INFO", "replication"]));
      return info.includes("master_link_status:up");
    });
    await load(second.port, 700, () => ["SET", "after", "v"]);
    await load(first.port, 60, () => ["GET", "gone-at-the-old-primary"]);
    await keyheat.counts("after", 700);
    assert.equal((await keyheat.counts("gone-at-the-old-primary", 60)).target, atFirst);
  });

  it("that changes while the flags are not set at the new primary says so, and goes on once they are", async (t) => {
    const first = await startRedis(t, { args: EVENTS_ON });
    // Flags do not replicate; a replica is watched for misses alone.
    const second = await startReplica(t, first.port, { args: ["--notify-keyspace-events", "Em"] });
    const atSecond = `127.0.0.1:${second.port}`;
    const keyheat = await startKeyheat(t, { redisUrls: [first.url, second.url] });
    await keyheat.sourceIs("up at the replica", ({ state }) => state === "up", 15_000, atSecond);
    await command(second.port, ["REPLICAOF", "NO", "ONE"]);
    const { reason } = await keyheat.sourceIs(
      "down for its flags",
      ({ state, reason }) => state === "down" && reason?.includes("CONFIG SET") === true,
      15_000,
      atSecond,
    );
    const [, flags = ""] = /CONFIG SET notify-keyspace-events (\S+)/.exec(reason ?? "") ?? [];
    await command(second.port, ["CONFIG", "SET", "notify-keyspace-events", flags]);
    await keyheat.sourceIs("up", ({ state }) => state === "up", 25_000, atSecond);
    await load(second.port, 100, () => ["SET", "k", "v"]);
    await keyheat.counts("k", 100);
  });
});
