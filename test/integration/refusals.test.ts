import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { startProxy } from "../support/proxy.ts";
import { command, load, type Reply, startRedis, waitFor } from "../support/redis.ts";
import {
  asUser,
  CONNECTIONS_MAX,
  countsFrom,
  lineToRun,
  MINIMAL_USER,
  makesNoStorm,
  makeUser,
  warnings,
} from "../support/refusals.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

describe("a refusal", { concurrency: 4 }, () => {
  it("of the password is one clear line without the password, and no storm", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(server.port, MINIMAL_USER);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy, "wr0ng-s3cret")] });
    const reasons = await keyheat.unready(/ACL SETUSER keyheat on >PASSWORD/);
    assert.equal(reasons.split("\n").length, 1);
    await makesNoStorm(keyheat, proxy);
    const { reason } = await keyheat.sourceIs("down", ({ state }) => state === "down");
    assert.match(reason ?? "", /ACL SETUSER keyheat on >PASSWORD/);
    assert.equal(warnings(keyheat).length, 1, warnings(keyheat).join("\n"));
    const { text } = await keyheat.get("/api/v1/coverage");
    assert.doesNotMatch(JSON.stringify(keyheat.log) + text + reasons, /wr0ng-s3cret/);
  });

  it("of a password that the server does not need is none", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await startKeyheat(t, {
      redisUrls: [server.url.replace("redis://", "redis://:needless@")],
    });
    await keyheat.ready();
    await countsFrom(keyheat, server.port);
  });

  it("of PSUBSCRIBE names the line that allows it, and that line works", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(
      server.port,
      MINIMAL_USER.filter((right) => right !== "+psubscribe"),
    );
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    const reasons = await keyheat.unready(/ACL SETUSER keyheat \+psubscribe/);
    await makesNoStorm(keyheat, proxy);
    const denials = (await command(server.port, ["ACL", "LOG"])) as Reply[];
    assert.ok(denials.length <= 4, `${denials.length} kinds of denials`);
    await command(server.port, lineToRun(reasons));
    await keyheat.ready(30_000);
    await countsFrom(keyheat, server.port);
  });

  it("of the channel names the line that allows it, and that line works", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(
      server.port,
      MINIMAL_USER.map((right) => (right.startsWith("&") ? "&other" : right)),
    );
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    const reasons = await keyheat.unready(/ACL SETUSER keyheat .*&__keyevent@\*__:\*/);
    await command(server.port, lineToRun(reasons));
    await keyheat.ready(15_000);
    await countsFrom(keyheat, server.port);
  });

  it("of PING alone is no subscription that comes and goes", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(
      server.port,
      MINIMAL_USER.filter((right) => right !== "+ping"),
    );
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    const reasons = await keyheat.unready(/ACL SETUSER keyheat .*\+ping/);
    await makesNoStorm(keyheat, proxy);
    assert.equal((await keyheat.source())?.gaps, 0);
    await command(server.port, lineToRun(reasons));
    await keyheat.ready(30_000);
    await countsFrom(keyheat, server.port);
  });

  it("of channels that were granted closes the subscription, which is a gap with a reason", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(server.port, MINIMAL_USER);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    await keyheat.ready();
    await makeUser(server.port, ["resetchannels"]);
    await keyheat.unready(/ACL SETUSER keyheat .*&__keyevent@\*__:\*/);
    await keyheat.sourceIs("down after a gap", ({ state, gaps }) => state === "down" && gaps === 1);
  });

  it("of CONFIG GET is none: the smallest user of all counts writes and misses, and the log says what is not known", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    await makeUser(server.port, MINIMAL_USER);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [asUser(proxy)] });
    await keyheat.ready();
    await keyheat.watches();
    await countsFrom(keyheat, server.port);
    await keyheat.countsExactly("k", 100);
    // Whether the server publishes misses is not known until the first one comes.
    await load(server.port, 40, () => ["GET", "gone"]);
    assert.ok((await keyheat.counts("gone", 40)).ratePerSecond.miss > 0);
    assert.match(
      warnings(keyheat).join("\n"),
      /may not run CONFIG GET; run: ACL SETUSER keyheat \+config\|get/,
    );
    await makesNoStorm(keyheat, proxy);
  });
});

describe("a Redis that is loading", { concurrency: 2 }, () => {
  it("at the start is waited for with one clear line", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "keyheat-loading-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const kept = ["--dir", folder, "--dbfilename", "dump.rdb"];
    const filling = await startRedis(t, { args: ["--enable-debug-command", "yes", ...kept] });
    await command(filling.port, ["DEBUG", "POPULATE", 4000, "key", 8]);
    await command(filling.port, ["SAVE"]);
    await filling.stop();
    const slow = ["--key-load-delay", "1500", "--loading-process-events-interval-bytes", "1024"];
    const server = await startRedis(t, { args: [...EVENTS_ON, ...kept, ...slow] });
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [proxy.url] });
    await keyheat.unready(/loading its data set/);
    await keyheat.ready(40_000);
    assert.equal(warnings(keyheat).length, 1, warnings(keyheat).join("\n"));
    assert.ok(proxy.connections < CONNECTIONS_MAX, `${proxy.connections} connections`);
    assert.equal((await keyheat.source())?.gaps, 0);
    await countsFrom(keyheat, server.port);
  });

  it("in between is no storm: the subscription stays, and counting goes on", async (t) => {
    const server = await startRedis(t, { args: [...EVENTS_ON, "--enable-debug-command", "yes"] });
    await command(server.port, ["DEBUG", "POPULATE", 4000, "key", 8]);
    await command(server.port, ["SAVE"]);
    const proxy = await startProxy(t, server.port);
    const keyheat = await startKeyheat(t, { redisUrls: [proxy.url] });
    await keyheat.ready();
    const slowly = ["key-load-delay", 1500, "loading-process-events-interval-bytes", 1024];
    await command(server.port, ["CONFIG", "SET", ...slowly]);
    const connections = proxy.connections;
    // On a busy machine it takes longer than a reply is waited for.
    void command(server.port, ["DEBUG", "RELOAD", "NOSAVE"]).catch(() => {});
    await waitFor("somebody to notice that it is loading", () =>
      keyheat.log.some(({ code }) => code === "LOADING"),
    );
    await waitFor("the end of the loading", async () =>
      /^loading:0/m.test(String(await command(server.port, ["INFO", "persistence"]))),
    );
    await keyheat.sourceIs("up", ({ state }) => state === "up");
    assert.equal((await keyheat.source())?.gaps, 0);
    assert.ok(proxy.connections - connections <= 2, `${proxy.connections - connections} more connections`);
    await countsFrom(keyheat, server.port);
  });
});
