import { subscribe } from "node:diagnostics_channel";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { observe } from "../../src/client/index.ts";

export type DriverName = "ioredis" | "node-redis";

/** What a load needs of a client. */
export interface BenchClient {
  get(key: string): Promise<unknown>;
  /** At once, all in one write. */
  getAll(keys: readonly string[]): Promise<unknown>;
}

export interface WayIn {
  readonly name: string;
  /** Makes the client tell which keys it accesses. Returns with which probability a command is counted now. */
  readonly enter: (client: object, driver: DriverName, agent: string) => () => number;
}

/** How an app's accesses can be learnt of; the first is the floor. */
export const WAYS_IN: readonly WayIn[] = [
  { name: "not observed", enter: () => () => 0 },
  { name: "observe()", enter: (client, _driver, agent) => observed(client, agent, undefined) },
  { name: "observe(), every command", enter: (client, _driver, agent) => observed(client, agent, 1) },
  { name: "tracing channel", enter: (_client, driver) => traced(driver) },
  { name: "sendCommand and a Map", enter: (client, driver) => patched(client, driver) },
];

export async function connect(
  driver: DriverName,
  port: number,
): Promise<{ client: object; load: BenchClient }> {
  if (driver === "ioredis") {
    const redis = new Redis(port, "127.0.0.1");
    await redis.ping();
    const getAll = (keys: readonly string[]) => {
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.get(key);
      return pipeline.exec();
    };
    return { client: redis, load: { get: (key) => redis.get(key), getAll } };
  }
  const client = await createClient({ socket: { host: "127.0.0.1", port } }).connect();
  // Commands of one turn are one write.
  const getAll = (keys: readonly string[]) => Promise.all(keys.map((key) => client.get(key)));
  return { client, load: { get: (key) => client.get(key), getAll } };
}

function observed(client: object, agent: string, sampleRate: number | undefined): () => number {
  const observation = observe(client, { service: "bench", agent, sampleRate });
  return () => observation.stats.probability;
}

/** A subscriber of the driver's own channel, that counts the first argument of each command at its start. */
function traced(driver: DriverName): () => number {
  const counts = new Map<unknown, number>();
  subscribe(`tracing:${driver}:command:start`, (message) => {
    const { args } = message as { args?: readonly unknown[] };
    // node-redis has the command's name among them.
    count(counts, args?.[driver === "ioredis" ? 0 : 1]);
  });
  return () => 1;
}

/** The least that counting each key when its command is sent can cost: nothing is learnt of the reply. */
function patched(client: object, driver: DriverName): () => number {
  const counts = new Map<unknown, number>();
  if (driver === "ioredis") {
    const redis = client as Redis;
    const { sendCommand } = redis;
    redis.sendCommand = (command, stream) => {
      count(counts, command.args[0]);
      return sendCommand.call(redis, command, stream);
    };
    return () => 1;
  }
  const queue = (
    client as { _getQueue(): { addCommand(words: readonly unknown[], o: unknown): unknown } }
  )._getQueue();
  const { addCommand } = queue;
  queue.addCommand = (words, options) => {
    count(counts, words[1]);
    return addCommand.call(queue, words, options);
  };
  return () => 1;
}

function count(counts: Map<unknown, number>, key: unknown): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
