import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Cluster, Redis } from "ioredis";
import { createClient, createClientPool, createCluster } from "redis";
import { observe } from "../../../src/client/index.ts";
import { checkedOptions } from "../../../src/client/options.ts";

const ENTRY = fileURLToPath(new URL("../../../src/client/index.ts", import.meta.url));
const AGENT = "http://127.0.0.1:9379";

/** A client that never connects. */
function idleRedis(db = 0): Redis {
  return new Redis({ lazyConnect: true, db });
}

/** Files that are loaded with one, and what they load that is not our own. Types are not loaded. */
function loadedWith(entry: string): { files: Set<string>; others: Set<string> } {
  const files = new Set<string>();
  const others = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(file, "utf8");
    for (const [, words = "", specifier = ""] of text.matchAll(
      /^(?:import|export)\s([^"';]*?\sfrom\s+)?"([^"]+)"/gm,
    )) {
      if (words.startsWith("type ")) continue;
      if (specifier.startsWith(".")) visit(join(file, "..", specifier));
      else others.add(specifier);
    }
    assert.doesNotMatch(text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, ""), /\b(?:import|require)\(/);
  };
  visit(entry);
  return { files, others };
}

describe("what importing the library loads", () => {
  test("is its own files, modules of Node.js and lru-cache, nothing else", () => {
    const { files, others } = loadedWith(ENTRY);
    assert.ok(files.size > 30, `${files.size} files`);
    for (const other of others)
      assert.ok((other.startsWith("node:") && isBuiltin(other)) || other === "lru-cache", other);
  });

  test("starts nothing: no timer, no socket, no listener", async () => {
    const script = `
      const before = process.eventNames().length;
      await import(${JSON.stringify(ENTRY)});
      process.stdout.write(JSON.stringify([process.getActiveResourcesInfo(), process.eventNames().length - before]));
    `;
    const child = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    const { stdout, stderr } = await child;
    assert.equal(stderr, "");
    const [resources, listeners] = JSON.parse(stdout);
    assert.deepEqual(
      resources.filter((resource: string) => /timer|timeout|immediate|tcp|server|worker/i.test(resource)),
      [],
    );
    assert.equal(listeners, 0);
  });
});

describe("options", () => {
  test("that make no sense are refused by name", () => {
    for (const [options, error] of [
      [undefined, /^TypeError: options/],
      [{}, /^TypeError: service/],
      [{ service: "" }, /^RangeError: service/],
      [{ service: "x".repeat(129) }, /^RangeError: service/],
      [{ service: "a\nb" }, /^RangeError: service/],
      [{ service: "a", agent: "127.0.0.1:9379" }, /^TypeError: agent/],
      [{ service: "a", agent: "ftp://h" }, /^TypeError: agent: expected http or https, got ftp:/],
      [{ service: "a", agent: "http://u:p@h" }, /^TypeError: agent/],
      [{ service: "a", agent: 9379 }, /^TypeError: agent/],
      [{ service: "a", agent: null }, /^TypeError: agent/],
      [{ service: "a", agent: {} }, /^TypeError: agent\.url/],
      [{ service: "a", agent: { url: AGENT, token: "a b" } }, /^TypeError: agent\.token/],
      [{ service: "a", agent: { url: AGENT, token: "" } }, /^TypeError: agent\.token/],
      [{ service: "a", sampleRate: "1" }, /^TypeError: sampleRate/],
      [{ service: "a", sampleRate: 0 }, /^RangeError: sampleRate/],
      [{ service: "a", sampleRate: 2 }, /^RangeError: sampleRate/],
      [{ service: "a", sampleRate: Number.NaN }, /^RangeError: sampleRate/],
      [{ service: "a", mitigate: true }, /^TypeError: mitigate: needs agent/],
      [{ service: "a", agent: AGENT, mitigate: "yes" }, /^TypeError: mitigate: expected true, false/],
      [{ service: "a", agent: AGENT, mitigate: { ttl: 5 } }, /^TypeError: ttl: no such option/],
      [{ service: "a", agent: AGENT, mitigate: { ttlMs: 0 } }, /^RangeError: ttlMs/],
      [{ service: "a", agent: AGENT, mitigate: { maxEntries: "1" } }, /^TypeError: maxEntries/],
      [{ service: "a", agent: AGENT, mitigate: { maxBytes: 1 } }, /^RangeError: maxBytes/],
      [{ service: "a", agent: AGENT, mitigate: { tracking: "on" } }, /^TypeError: tracking/],
      [{ service: "a", agent: AGENT, mitigate: { exclude: "a*" } }, /^TypeError: exclude/],
      [{ service: "a", agent: AGENT, mitigate: { exclude: [""] } }, /^RangeError: exclude/],
      [{ service: "a", agent: AGENT, mitigate: { cluster: "" } }, /^RangeError: cluster/],
      [{ service: "a", sampelRate: 1 }, /^TypeError: sampelRate: no such option/],
    ] as const) {
      assert.throws(
        () => checkedOptions(options),
        (thrown) => error.test(String(thrown)),
        JSON.stringify(options),
      );
    }
  });

  test("a sample rate is rounded up to a power of two", () => {
    for (const [given, expected] of [
      [1, 1],
      [0.6, 1],
      [0.5, 0.5],
      [0.3, 0.5],
      [0.1, 0.125],
      [1 / 1024, 1 / 1024],
    ] as const) {
      assert.equal(checkedOptions({ service: "a", sampleRate: given }).sampleRate, expected);
    }
  });

  test("undefined is left out", () => {
    const options = { service: "a", agent: undefined, sampleRate: undefined, mitigate: undefined };
    const checked = { service: "a", agent: null, sampleRate: null, mitigate: null };
    assert.deepEqual(checkedOptions(options), checked);
  });
});

describe("observe with mitigate", () => {
  test("is refused for what it cannot answer for, and nothing is changed then", () => {
    class Parsing extends Redis {
      override get = (async () => "parsed") as Redis["get"];
    }
    const options = { service: "a", agent: AGENT, mitigate: true };
    const parsing = new Parsing({ lazyConnect: true });
    const node = createClient();
    for (const [redis, given, error] of [
      [parsing, true, /^TypeError: mitigate: redis\.get is not the driver's own/],
      [createClientPool(), true, /^TypeError: mitigate: expected a Redis or Cluster/],
      [createCluster({ rootNodes: [] }), true, /^TypeError: mitigate: expected a Redis or Cluster/],
      [node, { tracking: true }, /^TypeError: tracking: expected a client of ioredis/],
    ] as const) {
      assert.throws(
        () => observe(redis, { ...options, mitigate: given }),
        (thrown) => error.test(String(thrown)),
      );
    }
    assert.equal(Object.hasOwn(parsing, "sendCommand"), false);
    assert.equal(Object.hasOwn(node, "get"), false);
  });

  test("leaves each method as it was when it is stopped, unless somebody has wrapped it", async () => {
    for (const redis of [idleRedis(), new Cluster([], { lazyConnect: true }), createClient()]) {
      const before = Object.getOwnPropertyNames(redis);
      const { get } = redis;
      const observation = observe(redis, { service: "a", agent: AGENT, mitigate: true });
      assert.notEqual(redis.get, get);
      await observation.stop();
      assert.equal(redis.get, get);
      assert.deepEqual(Object.getOwnPropertyNames(redis), before);
    }
  });

  test("off, or in a second observation, there is nothing to see", async () => {
    const redis = idleRedis();
    const off = observe(redis, { service: "a", agent: AGENT, mitigate: false });
    assert.equal(off.mitigation, null);
    const { get } = redis;
    const counted = observe(redis, { service: "a", agent: AGENT, mitigate: true });
    assert.equal(counted.mitigation?.state, "connecting");
    const second = observe(redis, { service: "a", agent: AGENT, mitigate: true });
    assert.equal(second.mitigation, null);
    await second.stop();
    assert.notEqual(redis.get, get);
    await Promise.all([counted.stop(), off.stop()]);
    assert.equal(redis.get, get);
  });
});

describe("observe", () => {
  test("refuses what is no client of ioredis or node-redis", () => {
    for (const other of [null, undefined, "redis", 7, {}, [], new Map(), { get: () => {} }, () => {}]) {
      assert.throws(() => observe(other as object, { service: "a" }), /^TypeError: redis/);
    }
  });

  test("takes a client that is observed already for what is recorded only, until the first was stopped", async () => {
    const redis = idleRedis();
    const own = { sendCommand: redis.sendCommand };
    const first = observe(redis, { service: "a" });
    const { sendCommand } = redis;
    const second = observe(redis, { service: "b" });
    assert.equal(redis.sendCommand, sendCommand);
    second.record("k");
    assert.deepEqual([first.stats.counted, second.stats.counted], [0, 1]);
    await second.stop();
    assert.equal(redis.sendCommand, sendCommand);
    await first.stop();
    assert.equal(redis.sendCommand, own.sendCommand);
    await observe(redis, { service: "b" }).stop();
  });

  test("records in the client's database, without an agent", async () => {
    const observation = observe(idleRedis(4), { service: "a" });
    observation.record("k");
    observation.record("k", "write", 2);
    assert.deepEqual(observation.topKeys(1)[0]?.db, 4);
    const { probability, counted, sent, dropped } = observation.stats;
    assert.deepEqual([probability, counted, sent], [1, 3, 0]);
    assert.ok(Object.values(dropped).every((count) => count === 0));
    await observation.stop();
  });

  test("stop may be called again, and record after it does nothing", async () => {
    const observation = observe(idleRedis(), { service: "a", agent: AGENT });
    const stopped = observation.stop();
    assert.equal(observation.stop(), stopped);
    await stopped;
    observation.record("k");
    assert.deepEqual(observation.topKeys(5), []);
    assert.equal(observation.stats.counted, 0);
  });
});
