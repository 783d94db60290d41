import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { before, describe, type TestContext, test } from "node:test";
import { buildPackage, ExampleApp } from "../support/example-app.ts";
import { startHotSetAgent } from "../support/hot-set-agent.ts";
import { command, freePort, startRedis, type TestServer } from "../support/redis.ts";
import { runProgram, whyNot } from "../support/toolchains.ts";
import { waitFor } from "../support/wait.ts";

/** An app of examples/, and what it calls its things. */
interface Example {
  readonly path: string;
  /** `${thing}s/ID` are read from a LocalCache; their keys in Redis are `${thing}:ID`. */
  readonly thing: string;
  readonly report: string;
  /** A set of them is kept by a ShardedSet. */
  readonly people: string;
}

const EXAMPLES: readonly Example[] = [
  { path: "examples/fastify/shop.mjs", thing: "product", report: "bestsellers", people: "online" },
  { path: "examples/express/news.mjs", thing: "article", report: "trends", people: "readers" },
];
const PARALLEL = 200;
const LINES_MAX = 150;
/** What a deployment grants before it kills. */
const EXIT_MS_MAX = 30_000;

before(() => buildPackage());

for (const example of EXAMPLES) {
  const { path, thing, report, people } = example;

  describe(path, () => {
    test(`has fewer than ${LINES_MAX} lines, all checked`, () => {
      const lines = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")
        .trimEnd()
        .split("\n");
      assert.ok(lines.length < LINES_MAX, `${lines.length} lines`);
      assert.equal(lines[0], "// @ts-check");
    });

    test("answers each curl of its README as it says there", async (t) => {
      const missing = whyNot({ probe: ["curl", "--version"], version: /curl (\d+)\.(\d+)/, oldest: [7, 0] });
      if (missing !== null) return t.skip(missing);
      const { app } = await startExample(t, example);
      const page = textOf(path.replace(/[^/]+$/, "README.md"));
      const block = /## Try it\n```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
      const lines = block.trimEnd().replaceAll("http://127.0.0.1:3000", app.url).split("\n");
      assert.ok(lines.length >= 8, page);
      for (const line of lines) {
        const { code, output } = await runProgram(t, ["sh", "-c", line.replace("curl", "curl -sS --fail")], {
          cwd: tmpdir(),
        });
        assert.equal(code, 0, `${line}: ${output}`);
        const [, told] = /# (\{.*\})$/.exec(line) ?? [];
        if (told !== undefined) assert.equal(output, told);
      }
    });

    test(`shows what was put, says what is missing, refuses what is no JSON`, async (t) => {
      const { app } = await startExample(t, example);
      assert.equal((await app.get(`/${thing}s/1`)).status, 404);
      assert.equal((await app.call("PUT", `/${thing}s/1`, { name: "a lamp" })).status, 204);
      assert.deepEqual(await app.get(`/${thing}s/1`), { status: 200, body: { name: "a lamp" } });
      assert.equal((await app.call("PUT", `/${thing}s/1`, { name: "a chair" })).status, 204);
      assert.deepEqual(await app.get(`/${thing}s/1`), { status: 200, body: { name: "a chair" } });
      const refused = await fetch(`${app.url}/${thing}s/1`, {
        method: "PUT",
        body: "{",
        headers: { "content-type": "application/json" },
      });
      assert.equal(refused.status, 400);
      assert.equal((await app.get("/nowhere")).status, 404);
    });

    test("says 500, not 503, to what Redis itself refuses", async (t) => {
      const { app, server } = await startExample(t, example);
      await command(server.port, ["RPUSH", `${thing}:1`, "no string"]);
      const { status, body } = await app.get(`/${thing}s/1`);
      assert.deepEqual([status, body], [500, { error: "something went wrong here" }]);
    });

    test(`asks the server for each read of a cold ${thing}, and hardly ever for a hot one`, async (t) => {
      const { app, server } = await startExample(t, example);
      await app.call("PUT", `/${thing}s/1`, { name: "a lamp" });
      const before = await getsOf(server);
      for (let id = 100; id < 120; id++) await app.get(`/${thing}s/${id}`);
      assert.equal((await getsOf(server)) - before, 20);

      // It is hot from 100 reads a second on; a slow machine takes some rounds for that.
      await waitFor("the server to be spared", async () => {
        const gets = await getsOf(server);
        const answers = await inParallel(() => app.get(`/${thing}s/1`));
        for (const answer of answers) assert.deepEqual(answer, { status: 200, body: { name: "a lamp" } });
        return (await getsOf(server)) - gets <= PARALLEL / 10;
      });
      const { body } = await app.get("/stats");
      const { hottest, cache } = body as { hottest: { key: string }[]; cache: { absorbed: number } };
      assert.equal(hottest[0]?.key, `${thing}:1`);
      assert.ok(cache.absorbed >= (PARALLEL * 9) / 10, `${cache.absorbed} absorbed`);

      // What is written through the app is seen at once, however hot.
      await app.call("PUT", `/${thing}s/1`, { name: "a chair" });
      for (const { body: seen } of await inParallel(() => app.get(`/${thing}s/1`))) {
        assert.deepEqual(seen, { name: "a chair" });
      }
    });

    test(`counts ${PARALLEL} views at once in two processes, each once, over many keys`, async (t) => {
      const { app, server } = await startExample(t, example);
      const other = await ExampleApp.start(t, path, { REDIS_URL: server.url });
      assert.deepEqual((await app.get("/views")).body, { views: 0 });
      const answers = await inParallel((n) => (n % 2 === 0 ? app : other).call("POST", "/views"));
      assert.ok(answers.every(({ status }) => status === 204));
      assert.deepEqual((await app.get("/views")).body, { views: PARALLEL });
      assert.deepEqual((await other.get("/views")).body, { views: PARALLEL });
      const shards = await command(server.port, ["KEYS", "views:count:*"]);
      assert.equal((shards as unknown[]).length, 32);
    });

    test(`makes the report once for ${PARALLEL} who ask two processes at once`, async (t) => {
      const { app, server } = await startExample(t, example);
      const other = await ExampleApp.start(t, path, { REDIS_URL: server.url });
      const answers = await inParallel((n) => (n % 2 === 0 ? app : other).get(`/${report}`));
      const { body } = answers[0]!;
      const { madeBy } = body as { madeBy: string };
      assert.ok([`${app.process.pid}#1`, `${other.process.pid}#1`].includes(madeBy), madeBy);
      for (const answer of answers) assert.deepEqual(answer, { status: 200, body });
    });

    test(`tells how many are in the set of ${people}`, async (t) => {
      const { app, server } = await startExample(t, example);
      await inParallel((n) => app.call("PUT", `/${people}/user-${n}`));
      await app.call("PUT", `/${people}/user-1`);
      await app.call("DELETE", `/${people}/user-0`);
      await app.call("DELETE", `/${people}/nobody`);
      assert.deepEqual((await app.get(`/${people}`)).body, { [people]: PARALLEL - 1 });
      const shards = await command(server.port, ["KEYS", `${people}:set:*`]);
      assert.ok((shards as unknown[]).length > 1);
    });

    test("caches what the agent says is hot, and reports to it", async (t) => {
      const agent = await startHotSetAgent(t, [{ key: `${thing}:1` }]);
      const { app, server } = await startExample(t, example, { KEYHEAT_AGENT: agent.url });
      await app.call("PUT", `/${thing}s/1`, { name: "a lamp" });
      // Read ten times it is far from the threshold of the process itself.
      await waitFor("ten reads to take one or two GETs", async () => {
        const gets = await getsOf(server);
        for (let n = 0; n < 10; n++) await app.get(`/${thing}s/1`);
        return (await getsOf(server)) - gets <= 2;
      });
      const { body } = await app.get("/stats");
      assert.equal((body as { hotSet: string }).hotSet, "live");
      await waitFor("load and demand to be reported", () => {
        const { reads, absorbed } = agent.reads.get(`${thing}:1`) ?? { reads: 0, absorbed: 0 };
        return reads >= 1 && absorbed >= 8;
      });
      assert.equal(await app.terminate(EXIT_MS_MAX), 0);
    });

    test("answers 503 while Redis is away, from the start too, and works again when it is back", async (t) => {
      const port = await freePort();
      const app = await ExampleApp.start(t, path, { REDIS_URL: `redis://127.0.0.1:${port}` });
      await expectAway(app, example);
      for (let round = 0; round < 2; round++) {
        const server = await startRedis(t, { port });
        await waitFor("Redis to be found", async () => {
          return (await app.call("PUT", `/${thing}s/1`, { round })).status === 204;
        });
        assert.deepEqual(await app.get(`/${thing}s/1`), { status: 200, body: { round } });
        assert.equal((await app.get(`/${report}`)).status, 200);
        await server.stop();
        await expectAway(app, example);
      }
      assert.equal(await app.terminate(EXIT_MS_MAX), 0);
    });

    test("answers 503, and nothing worse, to those who ask while Redis dies", async (t) => {
      const { app, server } = await startExample(t, example);
      const seen = new Set<number>();
      let isOver = false;
      const ask = async (n: number) => {
        const [method, path] = calls(example)[n % calls(example).length]!;
        while (!isOver) seen.add((await app.call(method, path, method === "PUT" ? {} : undefined)).status);
      };
      const asking = Array.from({ length: 40 }, (_, n) => ask(n));
      await waitFor("all to be answered", () => seen.has(200) && seen.has(204) && seen.has(404));
      await server.stop();
      await waitFor("Redis to be missed", () => seen.has(503));
      isOver = true;
      await Promise.all(asking);
      assert.deepEqual([...seen].sort(), [200, 204, 404, 503]);
    });

    test("answers 503 while Redis hangs, and works again when it goes on", async (t) => {
      const { app, server } = await startExample(t, example);
      assert.equal((await app.call("PUT", `/${thing}s/1`, {})).status, 204);
      server.process.kill("SIGSTOP");
      await expectAway(app, example);
      server.process.kill("SIGCONT");
      await waitFor("Redis to be found", async () => (await app.get(`/${thing}s/1`)).status === 200);
    });

    test("answers the request under way, then ends by itself, when told to", async (t) => {
      const { app, server } = await startExample(t, example);
      await inParallel(() => app.get(`/${thing}s/1`));
      const slow = app.get(`/${report}`);
      await waitFor("the report to be begun", async () => {
        const locks = await command(server.port, ["KEYS", `report:${report}:lock:*`]);
        return (locks as unknown[]).length > 0;
      });
      assert.equal(await app.terminate(EXIT_MS_MAX), 0);
      assert.equal((await slow).status, 200);
    });
  });
}

async function startExample(
  t: TestContext,
  { path }: Example,
  env: Readonly<Record<string, string>> = {},
): Promise<{ app: ExampleApp; server: TestServer }> {
  const server = await startRedis(t);
  const app = await ExampleApp.start(t, path, { REDIS_URL: server.url, ...env });
  await waitFor("Redis to be found", async () => (await app.get("/views")).status === 200);
  return { app, server };
}

/** Of a file, by its path in the repository. */
function textOf(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

async function inParallel<Result>(call: (n: number) => Promise<Result>): Promise<Result[]> {
  return await Promise.all(Array.from({ length: PARALLEL }, (_, n) => call(n)));
}

/** All that need Redis; there is no such thing yet. */
function calls({ thing, report, people }: Example): (readonly [method: string, path: string])[] {
  return [
    ["GET", `/${thing}s/2`],
    ["PUT", `/${thing}s/3`],
    ["POST", "/views"],
    ["GET", "/views"],
    ["GET", `/${report}`],
    ["PUT", `/${people}/ann`],
    ["DELETE", `/${people}/ann`],
    ["GET", `/${people}`],
  ];
}

async function expectAway(app: ExampleApp, example: Example): Promise<void> {
  for (const [method, path] of calls(example)) {
    const { status, body } = await app.call(method, path, method === "PUT" ? {} : undefined);
    assert.equal(status, 503, `${method} ${path} answered ${status} ${JSON.stringify(body)}`);
    assert.match((body as { error: string }).error, /Redis is away/);
  }
  // What needs no Redis is answered still.
  assert.equal((await app.get("/stats")).status, 200);
  assert.ok(app.isAlive);
}

/** GETs that the server ran. */
async function getsOf({ port }: TestServer): Promise<number> {
  const info = String(await command(port, ["INFO", "commandstats"]));
  return Number(/^cmdstat_get:calls=(\d+)/m.exec(info)?.[1] ?? 0);
}
