import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Redis } from "ioredis";
import { type Observation, type ObserveOptions, observe } from "../../src/client/index.ts";
import { startRedis, type TestServer } from "../support/redis.ts";
import { accept, type SamplesSink, startSamplesSink } from "../support/samples-sink.ts";
import { waitFor } from "../support/wait.ts";

let server: TestServer;

before(async () => {
  server = await startRedis(null);
});
after(() => server.stop());

/** An agent's clock is known to half of a round trip, which takes a busy machine long. */
const CLOCK_ERROR_MS = 250;

interface Rig {
  readonly redis: Redis;
  readonly sink: SamplesSink;
  readonly observation: Observation;
}

async function rig(t: TestContext, options: Partial<ObserveOptions> = {}): Promise<Rig> {
  const redis = new Redis(server.port, "127.0.0.1");
  await redis.flushall();
  const sink = await startSamplesSink(t);
  const observation = observe(redis, { service: "shop", agent: sink.url, ...options });
  t.after(async () => {
    await observation.stop();
    redis.disconnect();
  });
  return { redis, sink, observation };
}

async function get(redis: Redis, key: string, times: number): Promise<void> {
  for (let left = times; left > 0; left -= 100) {
    await Promise.all(Array.from({ length: Math.min(100, left) }, () => redis.get(key)));
  }
}

function droppedOf({ stats }: Observation): Record<string, number> {
  return Object.fromEntries(Object.entries(stats.dropped).filter(([, count]) => count > 0));
}

describe("an app that is observed", () => {
  test("tells the agent of every access, in its seconds", async (t) => {
    const { redis, sink, observation } = await rig(t);
    await redis.set("k", "value");
    await get(redis, "k", 500);
    await get(redis, "missing", 30);
    observation.record("cached", "absorbed", 7);
    await waitFor(
      "all accesses",
      () => sink.sumOf("k", "reads") === 500 && sink.sumOf("cached", "absorbed") === 7,
    );
    assert.equal(sink.sumOf("k", "writes"), 1);
    assert.equal(sink.sumOf("missing", "misses"), 30);
    const batches = sink.batches();
    for (const { service, instance, startMs, endMs, samples } of batches) {
      assert.equal(service, "shop");
      assert.match(instance, new RegExp(`^.+:${process.pid}:[0-9a-f]{12}$`));
      assert.ok(startMs <= endMs && endMs <= Date.now() + CLOCK_ERROR_MS);
      for (const { key, target } of samples) {
        assert.equal(target, key === "cached" ? undefined : `127.0.0.1:${server.port}`);
      }
    }
    const { samples } = batches.find((batch) => batch.samples.some(({ key }) => key === "missing")) ?? {
      samples: [],
    };
    const missing = samples.find(({ key }) => key === "missing");
    assert.deepEqual(missing?.commands, { get: missing?.reads });
    await waitFor("the last answer", () => observation.stats.sent === 538);
    assert.equal(observation.stats.counted, 538);
    assert.deepEqual(observation.topKeys(1)[0]?.key, "k");
  });

  test("authenticates with its token, below the path of the agent's URL", async (t) => {
    const { redis, sink, observation } = await rig(t, { agent: undefined });
    await observation.stop();
    const other = observe(redis, { service: "shop", agent: { url: `${sink.url}/keyheat`, token: "s3cret" } });
    await get(redis, "k", 1);
    await other.stop();
    const [request] = sink.requests;
    assert.equal(request?.path, "/keyheat/v1/samples");
    assert.equal(request?.headers.authorization, "Bearer s3cret");
    assert.equal(request?.headers["content-type"], "application/json");
  });

  test("reports a key that turns hot within half a second", async (t) => {
    const { redis, sink } = await rig(t);
    await get(redis, "calm", 10);
    await waitFor("the first batch", () => sink.requests.length > 0);
    // In the middle of a second, so that only an early batch can be so fast.
    await sleep(1050 - (Date.now() % 1000));
    const startMs = Date.now();
    while (sink.sumOf("hot", "reads") === 0 && Date.now() - startMs < 900) await get(redis, "hot", 100);
    assert.ok(Date.now() - startMs < 500, `${Date.now() - startMs} ms`);
  });

  test("thins out under load and stays right", async (t) => {
    const { redis, sink, observation } = await rig(t);
    let lowest = 1;
    const startMs = performance.now();
    for (let i = 0; i < 1500; i++) {
      const pipeline = redis.pipeline();
      for (let j = 0; j < 100; j++) pipeline.get(j < 50 ? "hot" : `k${j}`);
      await pipeline.exec();
      lowest = Math.min(lowest, observation.stats.probability);
    }
    const seconds = (performance.now() - startMs) / 1000;
    // Of what a slow machine sends, 5,000 a second are more than an eighth.
    const told = `${lowest}, ${observation.stats.counted} counted in ${seconds} s`;
    assert.ok(lowest <= Math.max(1 / 8, (1.5 * 5000 * seconds) / 150_000), told);
    assert.ok(observation.stats.counted < Math.max(50_000, 5000 * (seconds + 1)), told);
    await observation.stop();
    const reads = sink.sumOf("hot", "reads");
    // 75,000 accesses at an eighth: the standard error is below 1%.
    assert.ok(Math.abs(reads - 75_000) < 0.05 * 75_000, `${reads}`);
  });

  test("says goodbye when it stops, and is as it was before", async (t) => {
    const redis = new Redis(server.port, "127.0.0.1");
    t.after(() => redis.disconnect());
    const sink = await startSamplesSink(t);
    const own = Object.getOwnPropertyNames(redis).sort();
    const observation = observe(redis, { service: "shop", agent: sink.url });
    await get(redis, "k", 5);
    await observation.stop();
    assert.deepEqual(Object.getOwnPropertyNames(redis).sort(), own);
    const last = sink.batches().at(-1);
    assert.equal(last?.goodbye, true);
    assert.equal(sink.sumOf("k", "reads"), 5);
    await get(redis, "k", 5);
    observation.record("k");
    await sleep(1200);
    assert.deepEqual(sink.batches().at(-1), last);
    assert.equal(sink.sumOf("k", "reads"), 5);
    assert.deepEqual(observation.topKeys(9), []);
  });
});

describe("an agent", () => {
  test("that is away costs the app nothing but counted drops, and gets what is new when it is back", async (t) => {
    const { redis, sink, observation } = await rig(t);
    await sink.refuse();
    await get(redis, "before", 100);
    await sleep(1500);
    assert.deepEqual(sink.requests.length, 0);
    await get(redis, "later", 50);
    await sink.listen();
    await waitFor(
      "the accesses of before",
      () => sink.sumOf("before", "reads") === 100 && sink.sumOf("later", "reads") === 50,
    );
    await waitFor("the last answer", () => observation.stats.sent === observation.stats.counted);
    assert.deepEqual(droppedOf(observation), {});
  });

  test("that dies in the middle of an answer gets the same batch again", async (t) => {
    const { redis, sink } = await rig(t);
    sink.answer = (_request, n) => (n < 2 ? "cut" : accept());
    await get(redis, "k", 100);
    await waitFor("the third try", () => sink.requests.length >= 3);
    const bodies = new Set(sink.requests.slice(0, 3).map(({ body }) => body.toString()));
    assert.equal(bodies.size, 1);
  });

  test("that hangs is given up after 2 s, and asked again", async (t) => {
    const { redis, sink } = await rig(t);
    sink.answer = (_request, n) => (n === 0 ? "hang" : accept());
    await get(redis, "k", 10);
    await waitFor("two tries", () => sink.requests.length >= 2);
    const [first, second] = sink.requests;
    const apartMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
    assert.ok(apartMs > 1500 && apartMs < 4000, `${apartMs} ms`);
    assert.deepEqual(first?.body, second?.body);
  });

  test("that is slow slows nothing down", async (t) => {
    const { redis, sink, observation } = await rig(t);
    sink.answer = () => ({ ...accept(), delayMs: 1500 });
    const endMs = Date.now() + 4000;
    let slowestMs = 0;
    while (Date.now() < endMs) {
      const startMs = performance.now();
      await get(redis, "k", 10);
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      await sleep(20);
    }
    assert.ok(slowestMs < 1000, `${slowestMs} ms`);
    sink.answer = accept;
    // More batches may have come than may wait.
    await waitFor("the books to balance", () => {
      const { counted, sent, dropped } = observation.stats;
      return sent + dropped["agent-away"] === counted;
    });
    assert.equal(sink.sumOf("k", "reads"), observation.stats.sent);
  });

  test("that answers 500 gets the same batch again, one that answers 413 does not", async (t) => {
    const { redis, sink, observation } = await rig(t);
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    t.after(() => process.off("warning", onWarning));
    sink.answer = (_request, n) => (n === 0 ? { status: 500 } : { status: 413, body: "too\nlarge" });
    await get(redis, "k", 10);
    await waitFor("two tries", () => sink.requests.length >= 2);
    assert.deepEqual(sink.requests[0]?.body, sink.requests[1]?.body);
    await waitFor("the drop", () => droppedOf(observation).refused === 10);
    await get(redis, "k", 20);
    await waitFor("another drop", () => droppedOf(observation).refused === 30);
    assert.deepEqual(
      warnings.map((warning) => ["code" in warning && warning.code, warning.message]),
      [["KEYHEAT_REFUSED", `Keyheat's agent at ${sink.url} refuses samples: 413 too large`]],
    );
    sink.answer = accept;
    await get(redis, "k", 5);
    await waitFor("what is accepted", () => observation.stats.sent === 5);
  });

  test("that answers nonsense does no harm", async (t) => {
    const { redis, sink, observation } = await rig(t);
    sink.answer = () => ({ status: 202, body: `{"nowMs":${"9".repeat(200_000)}}` });
    await get(redis, "k", 10);
    await waitFor("two tries", () => sink.requests.length >= 2);
    sink.answer = () => ({ status: 202, body: "<html>" });
    await waitFor("the end of the batch", () => observation.stats.sent === 10);
    const { endMs } = sink.batches().at(-1) ?? { endMs: 0 };
    assert.ok(Math.abs(endMs - Date.now()) < 10_000);
  });

  test("that never comes does not hold up the end", async (t) => {
    const { redis, sink, observation } = await rig(t);
    sink.answer = () => "hang";
    await get(redis, "k", 10);
    const startMs = Date.now();
    await observation.stop();
    assert.ok(Date.now() - startMs < 1500, `${Date.now() - startMs} ms`);
    assert.deepEqual(droppedOf(observation), { "agent-away": 10 });
  });
});

describe("a process that is observed", () => {
  const script = (end: string) => `
    import { Redis } from ${JSON.stringify(import.meta.resolve("ioredis"))};
    import { observe } from ${JSON.stringify(import.meta.resolve("../../src/client/index.ts"))};
    const [port, agent] = process.argv.slice(1);
    const redis = new Redis(Number(port), "127.0.0.1");
    const observation = observe(redis, { service: "child", ...(agent === "none" ? {} : { agent }) });
    for (let i = 0; i < 100; i++) await redis.get("k");
    observation.topKeys(5);
    ${end}
    process.stdout.write(String(Date.now()));
  `;

  /** Returns how long the process went on when its app had ended: its start takes a busy machine seconds. */
  async function run(agent: string, end: string): Promise<number> {
    const words = ["--input-type=module", "-e", script(end), String(server.port), agent];
    const { stdout } = await promisify(execFile)(process.execPath, words, {
      timeout: 30_000,
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
    });
    return Date.now() - Number(stdout);
  }

  test("ends when its app ends: without an agent, with one, with one that hangs or is away", async (t) => {
    const sink = await startSamplesSink(t);
    const hanging = await startSamplesSink(t);
    hanging.answer = () => "hang";
    for (const agent of ["none", sink.url, hanging.url, "http://127.0.0.1:1"]) {
      const heldMs = await run(agent, "await redis.quit();");
      assert.ok(heldMs < 3000, `${agent}: ${heldMs} ms`);
    }
  });

  test("is held by stop until the last batch is there", async (t) => {
    const sink = await startSamplesSink(t);
    sink.answer = () => ({ ...accept(), delayMs: 200 });
    await run(sink.url, "redis.disconnect(); await observation.stop();");
    assert.equal(sink.sumOf("k", "reads"), 100);
    assert.equal(sink.batches().at(-1)?.goodbye, true);
  });
});

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

test("a million distinct keys take little memory, with the agent away", async (t) => {
  const { redis, observation } = await rig(t, { agent: "http://127.0.0.1:1" });
  let peakMib = 0;
  const load = async (from: number, to: number) => {
    for (let i = from; i < to; i += 1000) {
      const pipeline = redis.pipeline();
      for (let j = 0; j < 1000; j++) pipeline.exists(`some:longer:key:${i + j}`);
      await pipeline.exec();
      if (i % 50_000 !== 0) continue;
      collectGarbage();
      peakMib = Math.max(peakMib, process.memoryUsage().heapUsed / 2 ** 20);
    }
  };
  await load(0, 100_000);
  const warmMib = peakMib;
  peakMib = 0;
  await load(100_000, 1_000_000);
  assert.ok(peakMib - warmMib < 30, `${warmMib} MiB, then ${peakMib} MiB`);
  const { counted, sent, dropped } = observation.stats;
  assert.equal(sent, 0);
  assert.ok(dropped["too-many-keys"] + dropped["agent-away"] <= counted);
  await observation.stop();
  const after = observation.stats;
  assert.equal(after.dropped["too-many-keys"] + after.dropped["agent-away"], after.counted);
});
