import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createClient, createCluster } from "redis";
import { override } from "../../../src/client/drivers/node-redis/override.ts";
import { WeakList } from "../../../src/client/drivers/node-redis/weak-list.ts";
import { attachNodeRedis } from "../../../src/client/drivers/node-redis.ts";
import type { CommandObserver, Place, Tally } from "../../../src/client/observer.ts";

type Access = Parameters<Tally["add"]>[2];

/** Samples as `samples` says, by turns; keeps `db0 127.0.0.1:6379 read a`. */
class Recorder implements CommandObserver {
  readonly seen: string[] = [];
  taken = 0;
  readonly #samples: readonly boolean[];

  constructor(samples: readonly boolean[] = [true]) {
    this.#samples = samples;
  }

  take(): Tally | null {
    const isSampled = this.#samples[this.taken++ % this.#samples.length];
    return isSampled ? { probability: 0.5, add: (...access) => this.#add(...access) } : null;
  }

  #add({ target, db }: Place, key: string | Uint8Array, { kind, isMiss }: Access): void {
    this.seen.push(`db${db} ${target} ${kind} ${Buffer.from(key)}${isMiss ? " miss" : ""}`);
  }
}

interface Sent {
  readonly words: readonly (string | Buffer)[];
  answer(reply: unknown): void;
  fail(error: Error): void;
}

class FakeQueue {
  readonly sent: Sent[] = [];

  addCommand(words: readonly (string | Buffer)[], _options?: { chainId?: symbol }): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.sent.push({ words, answer: resolve, fail: reject });
    return promise;
  }
}

/** A client of node-redis as far as the driver needs one, whose replies the test gives. */
class FakeClient {
  readonly _self = this;
  readonly _clientId = crypto.randomUUID();
  readonly options: object;
  readonly queue = new FakeQueue();
  isReady = false;

  constructor(options: object = {}) {
    this.options = options;
  }

  _getQueue(): FakeQueue {
    return this.queue;
  }

  send(words: readonly (string | Buffer)[], chainId?: symbol): { sent: Sent; promise: Promise<unknown> } {
    const promise = this.queue.addCommand(words, chainId === undefined ? undefined : { chainId });
    const sent = this.queue.sent.at(-1);
    assert(sent !== undefined);
    return { sent, promise };
  }

  /** Sends and answers. */
  async run(words: readonly string[], reply: unknown, chainId?: symbol): Promise<void> {
    const { sent, promise } = this.send(words, chainId);
    if (reply instanceof Error) sent.fail(reply);
    else sent.answer(reply);
    await promise.catch(() => {});
  }

  async _executePipeline(): Promise<[]> {
    return [];
  }

  duplicate(): FakeClient {
    return new FakeClient(this.options);
  }

  createPool(): object {
    return {};
  }

  sendCommand(): void {}
  ref(): void {}
  unref(): void {}
}

const HERE = "db0 localhost:6379";

test("anything else than node-redis is refused", () => {
  const observer = new Recorder();
  const throwing = {
    get _self() {
      throw new Error("a getter of its own");
    },
  };
  for (const other of [
    null,
    undefined,
    1,
    "redis",
    {},
    { sendCommand() {} },
    [],
    new Map(),
    () => {},
    throwing,
  ])
    assert.equal(attachNodeRedis(other, observer), null);
});

test("a real client and a real cluster are taken before they connect, and detached clean", () => {
  const client = createClient();
  const cluster = createCluster({ rootNodes: [] });
  for (const redis of [client, cluster]) {
    const self: object = Object.getPrototypeOf(redis);
    const before = Reflect.ownKeys(self);
    const detach = attachNodeRedis(redis, new Recorder());
    assert(detach !== null);
    assert.notDeepEqual(Reflect.ownKeys(self), before);
    detach();
    assert.deepEqual(Reflect.ownKeys(self), before);
  }
});

test("each command asks once, and one that is not sampled is only called", async () => {
  const client = new FakeClient();
  const observer = new Recorder([true, false]);
  attachNodeRedis(client, observer);
  for (let i = 0; i < 6; i++) await client.run(["GET", `k${i}`], "v");
  assert.equal(observer.taken, 6);
  assert.deepEqual(observer.seen, [`${HERE} read k0`, `${HERE} read k2`, `${HERE} read k4`]);
});

test("the app has the promise of the queue itself", () => {
  const client = new FakeClient();
  const promise = Promise.resolve("v");
  client.queue.addCommand = () => promise;
  attachNodeRedis(client, new Recorder());
  assert.equal(client.queue.addCommand(["GET", "a"]), promise);
});

test("a rejection that the app handles is not unhandled for us", async (t) => {
  const unhandled: unknown[] = [];
  const keep = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", keep);
  t.after(() => process.off("unhandledRejection", keep));
  const client = new FakeClient();
  attachNodeRedis(client, new Recorder());
  for (const words of [["GET", "a"], ["SELECT", "1"], ["MULTI"], ["EXEC"], ["RESET"]])
    await client.run(words, new Error("Socket closed unexpectedly"));
  await nextTurn();
  assert.deepEqual(unhandled, []);
});

test("an observer or a tally that throws does not reach the app", async (t) => {
  const unhandled: unknown[] = [];
  const keep = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", keep);
  t.after(() => process.off("unhandledRejection", keep));
  const broken = () => {
    throw new Error("broken");
  };
  const observers: CommandObserver[] = [{ take: broken }, { take: () => ({ probability: 1, add: broken }) }];
  for (const observer of observers) {
    const client = new FakeClient();
    attachNodeRedis(client, observer);
    const { sent, promise } = client.send(["GET", "a"]);
    sent.answer("v");
    assert.equal(await promise, "v");
  }
  await nextTurn();
  assert.deepEqual(unhandled, []);
});

test("words that the caller uses again after sending are counted as sent", async () => {
  const client = new FakeClient();
  const observer = new Recorder();
  attachNodeRedis(client, observer);
  const words = ["GET", "before"];
  const { sent, promise } = client.send(words);
  words[1] = "after";
  sent.answer(null);
  await promise;
  assert.deepEqual(observer.seen, [`${HERE} read before miss`]);
});

test("a command is counted where its connection was when the reply came", async () => {
  const client = new FakeClient({ socket: { host: "redis.example", port: 7000 }, database: 2 });
  const observer = new Recorder();
  attachNodeRedis(client, observer);
  await client.run(["GET", "a"], "v");
  const ready = (clientId: string, serverAddress: string) =>
    channel("node-redis:connection:ready").publish({ clientId, serverAddress, serverPort: 7000 });
  ready("another", "10.0.0.1");
  await client.run(["GET", "a"], "v");
  ready(client._clientId, "::ffff:10.0.0.2");
  await client.run(["GET", "a"], "v");
  channel("node-redis:connection:closed").publish({ clientId: client._clientId });
  ready(client._clientId, "fd00::1");
  await client.run(["GET", "a"], "v");
  await client.run(["SELECT", "7"], "OK");
  await client.run(["SELECT", "99"], new Error("ERR DB index is out of range"));
  await client.run(["GET", "a"], "v");
  assert.deepEqual(observer.seen, [
    "db2 redis.example:7000 read a",
    "db2 redis.example:7000 read a",
    "db2 10.0.0.2:7000 read a",
    "db0 [fd00::1]:7000 read a",
    "db7 [fd00::1]:7000 read a",
  ]);
});

test("of a transaction the sampled commands are counted, by the replies of EXEC", async () => {
  const client = new FakeClient();
  const observer = new Recorder([false, true, true]);
  attachNodeRedis(client, observer);
  const chain = Symbol("chain");
  await client.run(["MULTI"], "OK", chain);
  for (const words of [
    ["GET", "a"],
    ["GET", "b"],
    ["SELECT", "3"],
    ["LPUSH", "c", "v"],
    ["GET", "d"],
    ["GET", "e"],
  ])
    await client.run(words, "QUEUED", chain);
  // A command of somebody else, that is no part of it.
  await client.run(["SET", "other", "v"], "OK");
  await client.run(["EXEC"], [null, "v", "OK", new Error("WRONGTYPE no list"), null, null], chain);
  assert.deepEqual(observer.seen, [
    `${HERE} write other`,
    `${HERE} read b`,
    "db3 localhost:6379 write c",
    "db3 localhost:6379 read e miss",
  ]);
});

test("a transaction whose replies cannot be told apart is not counted", async () => {
  for (const replies of [null, ["v"], new Error("EXECABORT Transaction discarded"), "OK"]) {
    const client = new FakeClient();
    const observer = new Recorder();
    attachNodeRedis(client, observer);
    await client.run(["MULTI"], "OK");
    await client.run(["GET", "a"], "QUEUED");
    await client.run(["GET", "b"], "QUEUED");
    await client.run(["EXEC"], replies);
    assert.deepEqual(observer.seen, []);
    await client.run(["GET", "c"], "v");
    assert.deepEqual(observer.seen, [`${HERE} read c`]);
  }
});

test("a transaction that never began, that was discarded or reset holds nothing back", async () => {
  for (const end of [["DISCARD"], ["RESET"], null]) {
    const client = new FakeClient();
    const observer = new Recorder();
    attachNodeRedis(client, observer);
    await client.run(["MULTI"], end === null ? new Error("NOPERM") : "OK");
    if (end !== null) await client.run(end, "OK");
    await client.run(["GET", "a"], "v");
    assert.deepEqual(observer.seen, [`${HERE} read a`]);
  }
});

test("a transaction without end is kept within bounds, and a long one of one call is whole", async () => {
  const client = new FakeClient();
  const observer = new Recorder();
  attachNodeRedis(client, observer);
  for (const [chain, counted] of [
    [undefined, 10_000],
    [Symbol("chain"), 20_000],
  ] as const) {
    observer.seen.length = 0;
    client.send(["MULTI"], chain);
    for (let i = 0; i < 20_000; i++) client.send(["GET", "a"], chain);
    await client.run(["EXEC"], Array(20_000).fill("v"), chain);
    assert.equal(observer.seen.length, counted);
  }
});

test("a wrap that somebody put over ours outlives it", async () => {
  const client = new FakeClient();
  const observer = new Recorder();
  const detach = attachNodeRedis(client, observer);
  const ours = client.queue.addCommand;
  let calls = 0;
  client.queue.addCommand = function (words) {
    calls++;
    return ours.call(this, words);
  };
  detach?.();
  await client.run(["GET", "a"], "v");
  assert.equal(calls, 1);
  assert.equal(client.queue.sent.length, 1);
  assert.deepEqual(observer.seen, []);
});

test("a method is put back as it was: inherited, or of the object itself", () => {
  class Base {
    method(): string {
      return "inherited";
    }
  }
  const inherited = new Base();
  const own = Object.assign(new Base(), { method: () => "own" });
  for (const [object, before] of [
    [inherited, "inherited"],
    [own, "own"],
  ] as const) {
    const keys = Reflect.ownKeys(object);
    const restore = override(object, "method", () => "ours");
    assert.equal(object.method(), "ours");
    restore();
    assert.equal(object.method(), before);
    assert.deepEqual(Reflect.ownKeys(object), keys);
  }
});

test("a weak list gives what was added and not taken out", () => {
  const list = new WeakList<object>();
  const items = Array.from({ length: 100 }, (_, i) => ({ i }));
  for (const item of items) list.add(item);
  for (const item of items.slice(0, 50)) list.delete(item);
  assert.deepEqual(list.items(), items.slice(50));
});
