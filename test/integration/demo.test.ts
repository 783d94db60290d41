import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { runKeyheat } from "../support/command-line.ts";
import { command, startRedis } from "../support/redis.ts";

test("the demo finds the key that overheats on its own server, top shows it too, SIGTERM ends all of it", async (t) => {
  const demo = runKeyheat(t, ["demo", "--port", "0"]);
  const [, url = ""] = await demo.says(/API (http:\/\/127\.0\.0\.1:\d+)\//, 15_000);
  await demo.says(/^incident firing: product:4711:stock {2}[\d,]+\/s.*\(hot-key, warning\)$/m, 15_000);
  const top = runKeyheat(t, ["top", "--url", url]);
  await top.says(/^[\d,]+ accesses\/s \| top: product:4711:stock/m, 10_000);
  assert.equal((await top.stop("SIGINT")).code, 0);
  await demo.says(/^[\d,]+ accesses\/s \| top: product:4711:stock [\d,]+\/s \((?:exact|±|no max)/m, 10_000);

  const body = await (await fetch(`${url}/api/v1/coverage`)).text();
  const port = Number(/"target":"127\.0\.0\.1:(\d+)"/.exec(body)?.[1]);
  assert.equal(await command(port, ["PING"]), "PONG");
  const { code, tookMs } = await demo.stop("SIGTERM");
  assert.equal(code, 0, demo.output);
  assert.ok(tookMs < 5000, `it took ${tookMs} ms`);
  await assert.rejects(command(port, ["PING"]), /ECONNREFUSED/);
});

test("the demo on a given server sends no load, leaves its configuration alone and says what is missing", async (t) => {
  const redis = await startRedis(t);
  // Its problems are told 2 s after its start, which itself takes a busy machine seconds.
  const demo = runKeyheat(t, ["demo", "--redis", redis.url, "--port", "0", "--seconds", "10"]);
  assert.equal(await demo.ended(), 0, demo.output);
  assert.match(demo.output, new RegExp(`watching 127\\.0\\.0\\.1:${redis.port}`));
  assert.match(demo.output, /^! .*CONFIG SET notify-keyspace-events/m);
  assert.deepEqual(await command(redis.port, ["CONFIG", "GET", "notify-keyspace-events"]), [
    Buffer.from("notify-keyspace-events"),
    Buffer.from(""),
  ]);
  assert.equal(await command(redis.port, ["DBSIZE"]), 0);
});

test("a port that was asked for and is taken ends the command with the reason on its last line", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const address = taken.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const demo = runKeyheat(t, ["demo", "--redis", "redis://127.0.0.1:1", "--port", String(port)]);
  assert.equal(await demo.ended(), 1);
  assert.match(
    demo.output,
    new RegExp(`\nkeyheat: cannot listen on 127\\.0\\.0\\.1:${port}: .*\n$|^keyheat: cannot listen.*\n$`),
  );
});

test("bad usage ends with 2 and every problem, a failure with 1 and its reason on the last line", async (t) => {
  const usages = [
    ["nonsense"],
    ["demo", "--seconds", "soon"],
    ["check"],
    ["demo", "--redis", "http://x"],
    [],
  ];
  for (const args of usages) assert.equal(await runKeyheat(t, args).ended(), 2, args.join(" "));
  const top = runKeyheat(t, ["top", "--url", "http://127.0.0.1:9"]);
  assert.equal(await top.ended(), 1);
  assert.match(top.output, /^keyheat: no answer from http:\/\/127\.0\.0\.1:9: .*\n$/);
});

test("help and version are there for the whole and for each command", async (t) => {
  for (const args of [[], ["standalone"], ["demo"], ["top"], ["check"]]) {
    const help = runKeyheat(t, [...args, "--help"]);
    const version = runKeyheat(t, [...args, "--version"]);
    assert.deepEqual([await help.ended(), await version.ended()], [0, 0]);
    assert.match(help.output, /^Usage: keyheat.*\n[\s\S]*Examples:\n {2}\$ keyheat/);
    assert.match(version.output, /^\d+\.\d+\.\d+\n$/);
  }
});
