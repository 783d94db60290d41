import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startKeyheat } from "../support/keyheat.ts";
import { startProxy } from "../support/proxy.ts";
import { command, load, type Reply, startRedis, waitFor } from "../support/redis.ts";
import { asUser, countsFrom, lineToRun, MINIMAL_USER, makesNoStorm, makeUser } from "../support/refusals.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

async function flagsOf(port: number): Promise<string> {
  const reply = (await command(port, ["CONFIG", "GET", "notify-keyspace-events"])) as Reply[];
  return String(reply[1]);
}

describe("notifications that are off", { concurrency: 4 }, () => {
  it("are named with the exact line, by verify, and work within 11 s of running it; taken away they are a gap", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [proxy.url] });
    const reasons = await keyheat.unready(/CONFIG SET notify-keyspace-events \S+/);
    await makesNoStorm(keyheat, proxy);
    assert.equal(await flagsOf(server.port), "", "verify changes nothing");
    await command(server.port, lineToRun(reasons));
    await keyheat.ready(11_000);
    await countsFrom(keyheat, server.port);
    assert.equal((await keyheat.source())?.gaps, 0);

    await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", ""]);
    await load(server.port, 20, () => ["SET", "unheard", "v"]);
    await keyheat.unready(/CONFIG SET notify-keyspace-events \S+/, 11_000);
    await keyheat.sourceIs("down after a gap", ({ state, gaps }) => state === "down" && gaps === 1);
    assert.equal(await keyheat.gaps("flags"), 1);
  });

  it("and are taken away under a burning key resolve nothing: blind is not quiet", async (t) => {
    const [server, other] = await Promise.all([startRedis(t), startRedis(t)]);
    for (const { port } of [server, other])
      await command(port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
    const rule = {
      name: "hot",
      type: "rate",
      window: "2s",
      threshold: "100/s",
      keepFiringFor: "1s",
      cooldown: "1s",
    };
    const keyheat = await startKeyheat(t, { redisUrls: [server.url, other.url], file: { rules: [rule] } });
    await keyheat.ready();
    const burning = load(server.port, 12_000, () => ["SET", "burning", "v"], 1000);
    const statusIs = async (status: string) =>
      (await keyheat.incidents()).some(
        (incident) => incident.key === "burning" && incident.status === status,
      );
    await waitFor("the incident", () => statusIs("firing"));
    await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", ""]);
    await keyheat.sourceIs(
      "down after a gap",
      ({ state, gaps }) => state === "down" && gaps === 1,
      8000,
      server.url.replace("redis://", ""),
    );
    await burning;
    assert.equal(await statusIs("resolved"), false);
    assert.equal(await statusIs("firing"), true);
  });

  it("are added by ensure to those that are there, and added again when they are taken away", async (t) => {
    const server = await startRedis(t, { args: ["--notify-keyspace-events", "Kx"] });
    const file = { sources: { keyspace: { configure: "ensure" } } };
    const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
    await keyheat.ready();
    const flags = await flagsOf(server.port);
    for (const flag of "KxEg$lshztm") assert.ok(flags.includes(flag), `${flag} in ${flags}`);
    const added = keyheat.log.find(({ msg }) => msg === "notification flags added");
    assert.deepEqual(new Set(String(added?.from)), new Set("Kx"));
    await countsFrom(keyheat, server.port);

    await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", "Kx"]);
    await load(server.port, 20, () => ["SET", "unheard", "v"]);
    await keyheat.sourceIs("up after a gap", ({ state, gaps }) => state === "up" && gaps === 1, 11_000);
    assert.equal(await keyheat.gaps("flags"), 1);
    await load(server.port, 30, () => ["SET", "heard", "v"]);
    await keyheat.counts("heard", 30);
  });

  it("that ensure may not set are named with the line that lets it, and nothing is tried again and again", async (t) => {
    const server = await startRedis(t);
    await makeUser(server.port, [...MINIMAL_USER, "+config|get"]);
    const proxy = await startProxy(t, server.port);
    const file = { sources: { keyspace: { configure: "ensure" } } };
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)], file });
    const reasons = await keyheat.unready(
      /ACL SETUSER keyheat \+config\|set.*CONFIG SET notify-keyspace-events \S+/,
    );
    await makesNoStorm(keyheat, proxy);
    const tries = (await command(server.port, ["ACL", "LOG"])) as Reply[][];
    const refusedSets = tries.filter((entry) => String(entry[7]).includes("config|set"));
    assert.deepEqual(
      refusedSets.map((entry) => entry[1]),
      [1],
      "one try in the server's ACL LOG",
    );
    const [, flags = ""] = /CONFIG SET notify-keyspace-events (\S+)/.exec(reasons) ?? [];
    await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", flags]);
    await keyheat.ready(11_000);
    await countsFrom(keyheat, server.port);
  });

  it("and cannot be read are noticed by the silence, with what to do; the first event ends that", async (t) => {
    const server = await startRedis(t);
    await makeUser(server.port, MINIMAL_USER);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    await keyheat.ready();
    const stop = writeOn(t, server.port);
    await keyheat.unready(/no event came; set notify-keyspace-events to AKEm/, 40_000);
    assert.equal(await keyheat.gaps("no-events"), 1);
    await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
    await keyheat.ready(5000);
    await stop();
    await countsFrom(keyheat, server.port);
  });

  it("are not concluded from silence where only some keys are watched", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(server.port, [...MINIMAL_USER.slice(0, -1), "&__keyspace@*__:watched:*"]);
    const proxy = await startProxy(t, server.port);
    const file = { sources: { keyspace: { patterns: ["watched:*"] } } };
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)], file });
    await keyheat.ready();
    const stop = writeOn(t, server.port);
    await sleep(13_000);
    await stop();
    assert.equal(await keyheat.unreadyReasons(), null);
    assert.equal((await keyheat.source())?.gaps, 0);
    await load(server.port, 10, () => ["SET", "watched:1", "v"]);
    await keyheat.counts("watched:1", 10);
  });
});

/** Writes about 50 times a second, until the returned function is called or the test ends. */
function writeOn(t: TestContext, port: number): () => Promise<unknown> {
  let isStopped = false;
  const writing = (async () => {
    for (let i = 0; !isStopped; i++) {
      await load(port, 10, () => ["SET", `other:${i % 7}`, "v"]);
      await sleep(200);
    }
    // The server may end first.
  })().catch(() => {});
  const stop = () => {
    isStopped = true;
    return writing;
  };
  t.after(stop);
  return stop;
}
