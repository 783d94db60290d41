import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Cluster, Redis } from "ioredis";
import { createClient } from "redis";
import { ReplicaRouter } from "../../../../src/client/remedies/replica-router.ts";

/** Nothing listens there, and nothing connects before it is used. */
function unconnected(t: TestContext, options: { keyPrefix?: string; db?: number } = {}): Redis {
  const place = { host: "127.0.0.1", port: 1, lazyConnect: true };
  const redis = new Redis({ ...place, retryStrategy: () => null, ...options });
  redis.on("error", () => {});
  t.after(() => redis.disconnect());
  return redis;
}

function make(clients: unknown, options?: unknown): ReplicaRouter {
  return Reflect.construct(ReplicaRouter, [clients, options]);
}

test("clients that are none of ioredis, or of the wrong kind, are refused by name", (t) => {
  const primary = unconnected(t);
  const replicas = [unconnected(t)];
  const nodeRedis = createClient();
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true });
  t.after(() => cluster.disconnect());
  const wrong: [unknown, RegExp][] = [
    [undefined, /^TypeError: clients: expected/],
    ["redis://", /^TypeError: clients: expected/],
    [{}, /^TypeError: primary: expected a Redis client of ioredis$/],
    [
      { primary: nodeRedis, replicas },
      /^TypeError: primary: expected a Redis client of ioredis; .*node-redis/,
    ],
    [{ primary: cluster, replicas }, /^TypeError: primary: .*\{ cluster \}/],
    [{ primary }, /^TypeError: replicas: expected an array/],
    [{ primary, replicas: [] }, /^RangeError: replicas: expected 1 to 100/],
    [{ primary, replicas: [null] }, /^TypeError: replicas\[0\]: expected a Redis client/],
    [{ primary, replicas: [primary] }, /^RangeError: replicas: each must be/],
    [{ primary, replicas: [...replicas, ...replicas] }, /^RangeError: replicas: each must be/],
    [
      { primary, replicas: [...replicas, unconnected(t, { db: 1 })] },
      /^RangeError: replicas\[1\]: its keyPrefix/,
    ],
    [
      { primary, replicas: [unconnected(t, { keyPrefix: "a:" })] },
      /^RangeError: replicas\[0\]: its keyPrefix/,
    ],
    [{ primary, replica: replicas }, /^TypeError: replica: no such option/],
    [{ cluster: primary }, /^TypeError: cluster: expected a Cluster of ioredis/],
    [{ cluster: nodeRedis }, /^TypeError: cluster: .*node-redis/],
    [{ cluster, primary }, /^TypeError: primary: no such option/],
  ];
  for (const [clients, message] of wrong) assert.throws(() => make(clients), message);
  const reading = new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: "slave" });
  t.after(() => reading.disconnect());
  assert.throws(() => make({ cluster: reading }), /^RangeError: cluster: its scaleReads must be "master"/);
  make({ cluster }).close();
});

test("options are checked", (t) => {
  const clients = { primary: unconnected(t), replicas: [unconnected(t)] };
  const wrong: [unknown, RegExp][] = [
    [null, /^TypeError: options/],
    [{ hotkeys: [] }, /^TypeError: hotkeys: no such option/],
    [{ hotKeys: "key" }, /^TypeError: hotKeys: expected an array/],
    [{ hotKeys: [1] }, /^TypeError: hotKeys: expected a string/],
    [{ hotKeys: [""] }, /^RangeError: hotKeys: must not be empty/],
    [{ hotPatterns: [/x/] }, /^TypeError: hotPatterns/],
    [{ hotPatterns: [""] }, /^RangeError: hotPatterns/],
    [{ hotPatterns: Array(101).fill("a*") }, /^RangeError: hotPatterns: at most 100/],
    [{ hotSet: () => true }, /^TypeError: hotSet/],
    [{ hotSet: {} }, /^TypeError: hotSet/],
    [{ maxLagBytes: -1 }, /^RangeError: maxLagBytes/],
    [{ maxLagBytes: "1" }, /^TypeError: maxLagBytes/],
    [{ maxLagMs: 1999 }, /^RangeError: maxLagMs: expected a whole number from 2000/],
    [{ strategy: "random" }, /^TypeError: strategy: expected one of round-robin, least-latency/],
    [{ checkEveryMs: 99 }, /^RangeError: checkEveryMs/],
    [{ timeoutMs: 0 }, /^RangeError: timeoutMs/],
  ];
  for (const [options, message] of wrong) assert.throws(() => make(clients, options), message);
});

test("arguments are checked before anything is sent", async (t) => {
  const router = make({ primary: unconnected(t), replicas: [unconnected(t)] });
  t.after(() => router.close());
  const wrong: [string, unknown[], RegExp][] = [
    ["get", [1], /^TypeError: key/],
    ["get", [""], /^RangeError: key/],
    ["get", ["key", { timeout: 1 }], /^TypeError: timeout: no such option/],
    ["get", ["key", { signal: {} }], /^TypeError: signal/],
    ["mget", ["key"], /^TypeError: keys: expected an array/],
    ["mget", [["key", null]], /^TypeError: keys\[1\]/],
    ["mget", [["key", ""]], /^RangeError: keys\[1\]/],
    ["set", ["key"], /^TypeError: value/],
    ["set", ["key", 1], /^TypeError: value/],
    ["set", ["key", "", { ttlMs: 0 }], /^RangeError: ttlMs/],
    ["set", ["key", "", { ttl: 1 }], /^TypeError: ttl: no such option/],
    ["delete", [{}], /^TypeError: key/],
  ];
  for (const [name, args, message] of wrong)
    await assert.rejects(Reflect.apply(Reflect.get(router, name), router, args), message);
  assert.throws(() => router.addHotKey(""), /^RangeError: key/);
  assert.throws(() => Reflect.apply(router.removeHotKey, router, [1]), /^TypeError: key/);
});
