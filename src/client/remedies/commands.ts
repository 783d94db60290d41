import { isUtf8 } from "node:buffer";
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
 * command rejects. Names are in capitals: ioredis knows its own ones in small letters, whose replies it rewrites and which
 * it may send to replicas. Here all goes to primaries, where the client is not connected to a replica itself.
 */
export interface Commands {
  readonly isCluster: boolean;
  /** What the client itself puts before each key; keys given here are without it. Empty: nothing. */
  readonly keyPrefix: Buffer;
  /** The key as the server has it, and everybody else knows it: with the prefix. Text where the key and the prefix are. */
  fullKey(key: Bytes): Bytes;
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
  send(key: Bytes, name: string, args: readonly Word[]): Promise<unknown>;
}

function commandsOver(sender: Sender): Commands {
  const { isCluster, keyPrefix, isPrefixOurs } = sender;
  const fullKey = prefixing(keyPrefix);
  const send = (name: string, before: readonly Word[], keys: readonly Bytes[], after: readonly Word[]) => {
    const sent = keys.map((key) => textOf(isPrefixOurs ? fullKey(key) : key));
    return sender.send(sent[0] ?? "", name, [...before, ...sent, ...after]);
  };
  return {
    isCluster,
    keyPrefix,
    fullKey,
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

/** Makes of a key the one that the server has: text stays text where both are. */
export function prefixing(prefix: Buffer): (key: Bytes) => Bytes {
  if (prefix.length === 0) return (key) => key;
  const text = isUtf8(prefix) ? prefix.toString() : null;
  return (key) =>
    typeof key === "string" && text !== null ? text + key : Buffer.concat([prefix, bytesOf(key)]);
}

export function bytesOf(value: Bytes): Buffer {
  if (typeof value === "string") return Buffer.from(value);
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** The same bytes as text where they are UTF-8: drivers write a command of text alone in one piece, and for less CPU. */
function textOf(key: Bytes): Bytes {
  return typeof key !== "string" && isUtf8(key) ? bytesOf(key).toString() : key;
}

type IoredisArg = string | Buffer | number;

/** `Redis` and `Cluster` of ioredis. */
interface Ioredis {
  readonly options: IoredisOptions;
  readonly isCluster?: boolean;
  callBuffer(name: string, ...args: readonly IoredisArg[]): Promise<unknown>;
  pipeline(): IoredisPipeline;
}

interface IoredisOptions {
  readonly keyPrefix?: unknown;
  readonly enableAutoPipelining?: unknown;
  readonly stringNumbers?: unknown;
}

interface IoredisPipeline {
  callBuffer(name: string, ...args: readonly IoredisArg[]): unknown;
  /** An error or null, and a reply, of each command. */
  exec(): Promise<readonly (readonly [Error | null, unknown])[]>;
}

function ioredisSender(redis: Ioredis): Sender {
  return {
    isCluster: redis.isCluster === true,
    keyPrefix: prefixOf(redis.options.keyPrefix),
    isPrefixOurs: false,
    send: async (_key, name, words) => {
      const args = words.map((word) => (word instanceof Uint8Array ? bytesOf(word) : word));
      const { enableAutoPipelining, stringNumbers } = redis.options;
      const reply = await (enableAutoPipelining
        ? sendAlone(redis, name, args)
        : redis.callBuffer(name, ...args));
      return stringNumbers ? withNumbers(reply) : reply;
    },
  };
}

/** With `stringNumbers` a number is text, and nothing else is. */
function withNumbers(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(withNumbers);
  if (typeof reply !== "string") return reply;
  const number = Number(reply);
  return Number.isSafeInteger(number) ? number : reply;
}

/**
 * Where ioredis puts commands into pipelines by itself, `callBuffer` loses the name and sends the key in its place
 * (redis/ioredis#1923): whoever chooses keys would choose commands.
 */
async function sendAlone(redis: Ioredis, name: string, args: readonly IoredisArg[]): Promise<unknown> {
  const pipeline = redis.pipeline();
  pipeline.callBuffer(name, ...args);
  const [[error, reply]] = (await pipeline.exec()) as [[Error | null, unknown]];
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
    send: (key, name, args) => {
      const words = args.map((arg) => (typeof arg === "number" ? String(arg) : arg));
      return send(key, [name, ...words]);
    },
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
