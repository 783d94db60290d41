import { createHash } from "node:crypto";

/** Keys, fields, values: text stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/** A word of a command. */
export type Word = Bytes | number;

/** A Lua script, known to servers by the SHA-1 of its text. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/**
 * What remedies need of a client: commands by their words, whatever the driver. Bulk replies are Buffers, whole numbers
 * are numbers (beyond 2^53 a driver may give text), nil is null. What the server or the connection says against a
 * command rejects.
 */
export interface Commands {
  readonly isCluster: boolean;
  /** What the client itself puts before each key; keys given here are without it. Empty: nothing. */
  readonly keyPrefix: Buffer;
  /** Runs `name key ...rest`. */
  run(name: string, key: Bytes, ...rest: readonly Word[]): Promise<unknown>;
  /** Runs `name ...keys`, such as MGET. In a cluster all keys must be of one slot. */
  runOver(name: string, keys: readonly Bytes[]): Promise<unknown>;
  /** Runs a script by its hash, and by its text where the server does not know it. In a cluster: keys of one slot. */
  runScript(script: Script, keys: readonly Bytes[], args: readonly Word[]): Promise<unknown>;
}

const NOT_A_CLIENT = "redis: expected a client of ioredis or node-redis";

/** Throws: TypeError where `redis` is no client of ioredis (Redis, Cluster) or node-redis (client, pool, cluster, sentinel). */
export function commandsOf(redis: unknown): Commands {
  if (typeof redis !== "object" || redis === null) throw new TypeError(NOT_A_CLIENT);
  if (isIoredis(redis)) return commandsOver(ioredisSender(redis));
  if (isNodeRedis(redis)) return commandsOver(nodeRedisSender(redis));
  throw new TypeError(NOT_A_CLIENT);
}

/** One driver's way to send words; `key` is the first of those that the command names. */
interface Sender {
  readonly isCluster: boolean;
  readonly keyPrefix: Buffer;
  /** Whether keys must be sent with the prefix: a driver that finds them by itself adds it. */
  readonly isPrefixOurs: boolean;
  send(key: Bytes, words: readonly Word[]): Promise<unknown>;
}

function commandsOver(sender: Sender): Commands {
  const { isCluster, keyPrefix, isPrefixOurs } = sender;
  const full = (key: Bytes): Bytes =>
    isPrefixOurs && keyPrefix.length > 0 ? Buffer.concat([keyPrefix, bytesOf(key)]) : key;
  const send = (name: string, before: readonly Word[], keys: readonly Bytes[], after: readonly Word[]) => {
    const sent = keys.map(full);
    return sender.send(sent[0] ?? "", [name, ...before, ...sent, ...after]);
  };
  return {
    isCluster,
    keyPrefix,
    run: (name, key, ...rest) => send(name, [], [key], rest),
    runOver: (name, keys) => send(name, [], keys, []),
    runScript: async ({ text, sha }, keys, args) => {
      try {
        return await send("EVALSHA", [sha, keys.length], keys, args);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
        return await send("EVAL", [text, keys.length], keys, args);
      }
    },
  };
}

export function bytesOf(value: Bytes): Buffer {
  if (typeof value === "string") return Buffer.from(value);
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** `Redis` and `Cluster` of ioredis. */
interface Ioredis {
  readonly options: { readonly keyPrefix?: unknown; readonly enableAutoPipelining?: boolean };
  readonly isCluster?: boolean;
  callBuffer(name: string, ...args: readonly IoredisWord[]): Promise<unknown>;
  pipeline(): IoredisPipeline;
}

interface IoredisPipeline {
  callBuffer(name: string, ...args: readonly IoredisWord[]): unknown;
  exec(): Promise<readonly (readonly [Error | null, unknown])[]>;
}

type IoredisWord = string | Buffer | number;

function ioredisSender(redis: Ioredis): Sender {
  return {
    isCluster: redis.isCluster === true,
    keyPrefix: prefixOf(redis.options.keyPrefix),
    isPrefixOurs: false,
    send: (_key, [name, ...args]) => {
      const words = args.map((arg) => (arg instanceof Uint8Array ? bytesOf(arg) : arg));
      return redis.options.enableAutoPipelining === true
        ? sendPiped(redis, String(name), words)
        : redis.callBuffer(String(name), ...words);
    },
  };
}

/** With automatic pipelining `callBuffer` of ioredis 6.0 loses the command's name; a pipeline's own does not. */
async function sendPiped(redis: Ioredis, name: string, words: readonly IoredisWord[]): Promise<unknown> {
  const pipeline = redis.pipeline();
  pipeline.callBuffer(name, ...words);
  const [[error, reply] = [null, null]] = await pipeline.exec();
  if (error !== null) throw error;
  return reply;
}

interface NodeOptions {
  readonly typeMapping: Readonly<Record<number, unknown>>;
}

/** `createClient`, `createClientPool`, `createCluster` and `createSentinel` of node-redis. */
interface NodeRedis {
  readonly options?: { readonly keyPrefix?: unknown };
  readonly _keyPrefix?: unknown;
  sendCommand(...args: readonly unknown[]): Promise<unknown>;
}

/** The first byte of a bulk string's reply (RESP). */
const BULK_STRING = "$".charCodeAt(0);
/** Bulk strings as Buffers. */
const AS_BUFFERS: NodeOptions = { typeMapping: { [BULK_STRING]: Buffer } };

function nodeRedisSender(redis: NodeRedis): Sender {
  const send = nodeRedisSend(redis);
  return {
    isCluster: isNodeCluster(redis),
    keyPrefix: prefixOf(redis._keyPrefix ?? redis.options?.keyPrefix),
    isPrefixOurs: true,
    // It takes strings and Buffers alone.
    send: (key, words) =>
      send(
        key,
        words.map((word) => (typeof word === "number" ? String(word) : word)),
      ),
  };
}

function nodeRedisSend(redis: NodeRedis): (key: Bytes, words: readonly Bytes[]) => Promise<unknown> {
  if (isNodeCluster(redis)) return (key, words) => redis.sendCommand(key, false, words, AS_BUFFERS);
  if (isNodeSentinel(redis)) return (_key, words) => redis.sendCommand(false, words, AS_BUFFERS);
  return (_key, words) => redis.sendCommand(words, AS_BUFFERS);
}

function prefixOf(prefix: unknown): Buffer {
  return typeof prefix === "string" || prefix instanceof Uint8Array ? bytesOf(prefix) : Buffer.alloc(0);
}

function isIoredis(redis: object): redis is Ioredis {
  return hasMethods(redis, "callBuffer", "defineCommand") && "options" in redis;
}

function isNodeRedis(redis: object): redis is NodeRedis {
  return hasMethods(redis, "sendCommand", "connect");
}

function isNodeCluster(redis: object): boolean {
  return "masters" in redis && "slots" in redis;
}

function isNodeSentinel(redis: object): boolean {
  return hasMethods(redis, "sendCommand", "acquire", "use");
}

function hasMethods(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
