import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { type CommandLine, runKeyheat } from "../support/command-line.ts";
import { freePort } from "../support/free-port.ts";
import { type Keyheat, startKeyheat } from "../support/keyheat.ts";
import { command, startRedis } from "../support/redis.ts";
import { startTerminal } from "../support/terminal.ts";
import { waitFor } from "../support/wait.ts";

/** A Redis that is watched, with accesses of two keys. */
async function watchedRedis(t: TestContext): Promise<{ keyheat: Keyheat; url: string }> {
  const redis = await startRedis(t);
  await command(redis.port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
  const keyheat = await startKeyheat(t, { redisUrls: [redis.url] });
  await keyheat.ready();
  for (let index = 0; index < 30; index++) await command(redis.port, ["INCR", "cart:\u001b[2J:1"]);
  for (let index = 0; index < 10; index++) await command(redis.port, ["SET", "user:1", "x"]);
  await keyheat.counts("user:1", 10);
  return { keyheat, url: keyheat.standalone.url };
}

async function ended(top: CommandLine, code: number): Promise<string> {
  assert.equal(await top.ended(), code, top.output);
  return top.output;
}

test("--once prints what the API says as plain text, selected and inert", async (t) => {
  const { url } = await watchedRedis(t);
  const args = ["top", "--url", url, "--window", "60s", "--once"];
  const all = await ended(runKeyheat(t, args), 0);
  assert.match(all, /^ +# KEY +.*TOTAL\/S.*INCIDENT$/m);
  assert.match(all, /^ +1 cart:\\u\{1b\}\[2J:1 .*\n +2 user:1 /m);
  assert.match(all, /^seen +127\.0\.0\.1:\d+ \(primary\)/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there.
  assert.doesNotMatch(all, /[\u0000-\u0009\u000b-\u001f]/);
  const some = await ended(
    runKeyheat(t, [...args, "--filter", "USER", "--sort", "write", "--limit", "1"]),
    0,
  );
  assert.match(some, /^ +2 user:1 /m);
  assert.doesNotMatch(some, /cart:/);
});

test("--once --json is one document, --json alone a line a second", async (t) => {
  const { url } = await watchedRedis(t);
  const args = ["top", "--url", url, "--window", "60s", "--json"];
  const document = JSON.parse(await ended(runKeyheat(t, [...args, "--once"]), 0));
  assert.deepEqual(
    document.keys.map(({ key, rank }: { key: string; rank: number }) => [key, rank]),
    [
      ["cart:\u001b[2J:1", 1],
      ["user:1", 2],
    ],
  );
  assert.equal(document.windowSeconds, 60);
  assert.equal(document.coverage[0].role, "primary");
  assert.deepEqual([Array.isArray(document.incidents), Array.isArray(document.problems)], [true, true]);
  const lines = runKeyheat(t, [...args, "--limit", "1"]);
  await lines.says(/^\{.*\}\n\{.*\}\n/, 30_000);
  assert.equal((await lines.stop("SIGINT")).code, 0);
  const timed = await ended(runKeyheat(t, [...args, "--limit", "1", "--seconds", "3"]), 0);
  for (const line of `${lines.output}${timed}`.trimEnd().split("\n")) {
    assert.equal(JSON.parse(line).keys.length, 1);
  }
});

test("where nobody answers it ends with 1 and the reason on the last line, in every form", async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`;
  for (const form of [[], ["--once"], ["--json"], ["--once", "--json"]]) {
    const output = await ended(runKeyheat(t, ["top", "--url", url, ...form]), 1);
    assert.equal(output.split("\n").length, 2, output);
    assert.match(output, /^keyheat: no answer from http:\/\/127/);
  }
});

test("bad values end with 2, and are named with what is expected", async (t) => {
  const { url } = await watchedRedis(t);
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--sort", "heat"], /--sort.*Allowed choices are total, read, write, miss, share, current/],
    [["--limit", "0"], /--limit.*whole number from 1 to 1000/],
    [["--window", "10"], /--window.*whole seconds from 1s to 15m/],
    [["--seconds", "soon"], /--seconds.*whole number from 1 to 86400/],
    [["--window", "7s"], /window: there is no such window, expected one of 2s, 60s/],
    [["--cluster", "nobody"], /cluster: there is no such cluster, expected one of default/],
  ];
  for (const [args, expected] of cases) {
    assert.match(await ended(runKeyheat(t, ["top", "--url", url, "--once", ...args]), 2), expected);
  }
});

test("--redis needs no API: it watches by itself until a whole window has been seen, and prints that", async (t) => {
  const redis = await startRedis(t);
  await command(redis.port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
  // The usual port of the API is somebody else's.
  const taken = createServer().listen(9380, "127.0.0.1");
  taken.once("error", () => {});
  t.after(() => taken.close());
  const top = runKeyheat(t, ["top", "--redis", redis.url, "--window", "3s", "--once", "--json"]);
  const load = setInterval(() => void command(redis.port, ["INCR", "hot:1"]).catch(() => {}), 20);
  t.after(() => clearInterval(load));
  const output = await ended(top, 0);
  const [progress = "", ...lines] = output.split("\n");
  assert.match(progress, /^keyheat: watching 127\.0\.0\.1:\d+ until a whole window has been seen$/);
  const document = JSON.parse(lines.join("\n"));
  assert.deepEqual([document.complete, document.windowSeconds], [true, 3]);
  assert.equal(document.keys[0].key, "hot:1");
});

test("--redis on a server that is not there ends with 1, the frame, and the reason on the last line", async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`;
  const output = await ended(runKeyheat(t, ["top", "--redis", url, "--once"]), 1);
  assert.match(output, /^keyheat top/m);
  assert.match(output, /\nkeyheat: .*127\.0\.0\.1:\d+.*\n$/);
});

test("--redis on a server that tells nothing ends early with 1, and with the line to run", async (t) => {
  const redis = await startRedis(t);
  const top = runKeyheat(t, ["top", "--redis", redis.url, "--window", "15m", "--once"]);
  const output = await ended(top, 1);
  assert.match(output, /blind: no server is seen/);
  assert.match(output, /\nkeyheat: .*run: CONFIG SET notify-keyspace-events \S+.*\n$/);
});

test("in a terminal: keys act as they are pressed, and q gives the terminal back and ends with 0", async (t) => {
  const { url } = await watchedRedis(t);
  const terminal = startTerminal(t, ["top", "--url", url, "--window", "60s"], { columns: 100, rows: 30 });
  await terminal.shows("user:1");
  terminal.press("/user");
  await terminal.shows("filter: user");
  terminal.press("\r\r");
  await terminal.shows("PATTERN   user:{n}");
  terminal.press("\u001b");
  await terminal.shows("TOTAL/S");
  terminal.press("?");
  await terminal.shows("Any key goes back.");
  terminal.press("x");
  terminal.press("q");
  assert.equal(await terminal.ended(), 0, terminal.output);
  assert.ok(terminal.output.includes("\u001b[?1049h"));
  assert.match(terminal.output.slice(terminal.output.lastIndexOf("\u001b[?1049l")), /user:1/);
});

for (const signal of ["SIGTERM", "SIGHUP"] as const) {
  test(`${signal} gives the terminal back`, async (t) => {
    const { url } = await watchedRedis(t);
    const terminal = startTerminal(t, ["top", "--url", url], { columns: 80, rows: 24 });
    await terminal.shows("KEY");
    await terminal.signal(signal);
    assert.equal(await terminal.ended(), 0, terminal.output);
    assert.ok(terminal.output.includes("\u001b[?25h\u001b[?1049l"));
  });
}

test("Ctrl-Z gives the terminal back to the shell, and in the foreground again the view goes on", async (t) => {
  const { url } = await watchedRedis(t);
  const size = { columns: 80, rows: 24 };
  const terminal = startTerminal(t, ["top", "--url", url], { ...size, asJob: true });
  await terminal.shows("KEY");
  terminal.press("\u001a");
  await waitFor("it to stop and go on", () => /1049h.*1049l.*stopped.*1049h/s.test(terminal.output));
  terminal.press("q");
  assert.equal(await terminal.ended(), 0, JSON.stringify(terminal.output));
});

test("Ctrl-Z is harmless where there is no shell to come back from", async (t) => {
  const { url } = await watchedRedis(t);
  const terminal = startTerminal(t, ["top", "--url", url], { columns: 80, rows: 24 });
  await terminal.shows("KEY");
  terminal.press("\u001a");
  await waitFor("the view to be there again", () => /1049h.*1049l.*1049h/s.test(terminal.output));
  terminal.press("q");
  assert.equal(await terminal.ended(), 0, JSON.stringify(terminal.output));
});
