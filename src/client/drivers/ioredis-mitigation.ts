import type { CooledKey } from "../mitigation/cooled-keys.ts";
import type { ClientHooks, MitigableClient } from "../mitigation/mitigable-client.ts";
import { commandsOf } from "../remedies/commands.ts";
import { driverMethod } from "./driver-method.ts";
import { override } from "./node-redis/override.ts";

/** What is used of a command of ioredis: its answer comes by `resolve` or `reject`. */
interface Command {
  readonly name: string;
  readonly args: readonly (string | Buffer)[];
  readonly promise: Promise<unknown>;
  resolve(reply: unknown): unknown;
  reject(error: unknown): unknown;
  /** The promise whose settling is told of. */
  [FOLLOWED]?: Promise<unknown>;
}

interface Pipeline {
  sendCommand(command: Command): unknown;
}

/** `Redis` and `Cluster` of ioredis. */
interface Client {
  readonly status: string;
  readonly options: { readonly db?: unknown; readonly enableAutoPipelining?: boolean };
  readonly condition?: { readonly select?: number } | null;
  get(...args: unknown[]): Promise<string | null>;
  getBuffer(...args: unknown[]): Promise<Buffer | null>;
  sendCommand(command: Command, stream?: unknown, node?: unknown): unknown;
  pipeline(...args: unknown[]): Pipeline;
  on(event: "close", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
}

type Callback = (error: unknown, value?: unknown) => unknown;

const FOLLOWED = Symbol("keyheat.followed");

const READS = ["get", "getBuffer"] as const;

/** Returns: null for anything else than ioredis. */
export function mitigableIoredis(redis: object): MitigableClient | null {
  if (!isClient(redis)) return null;
  const db = Number(redis.options.db ?? 0);
  return {
    identity: redis,
    foreignRead: READS.find((name) => driverMethod(redis, name) === null) ?? null,
    keyPrefix: commandsOf(redis).keyPrefix,
    db,
    selectedDb: redis.condition?.select ?? db,
    canTrack: true,
    hook: (hooks) => hook(redis, hooks),
  };
}

function hook(redis: Client, hooks: ClientHooks): () => void {
  const watch = new CommandWatch(hooks);
  const connectionLost = () => hooks.connectionLost();
  redis.on("close", connectionLost);
  const undo = [
    hookCommands(redis, watch),
    hookPipelines(redis, watch),
    override(
      redis,
      "get",
      readOf(redis, redis.get, watch, (key, plain) => hooks.get(key, plain)),
    ),
    override(
      redis,
      "getBuffer",
      readOf(redis, redis.getBuffer, watch, (key, plain) => hooks.getBuffer(key, plain)),
    ),
  ];
  return () => {
    watch.isOver = true;
    redis.off("close", connectionLost);
    for (const restore of undo) restore();
  };
}

/** Tells of commands that are sent, and of their answers. */
class CommandWatch {
  readonly hooks: ClientHooks;
  isOver = false;

  constructor(hooks: ClientHooks) {
    this.hooks = hooks;
  }

  sending(command: Command): void {
    if (this.isOver) return;
    try {
      const answered = this.hooks.sending(command.name, command.args);
      if (answered !== null) this.#follow(command, answered);
    } catch {
      // The app's command must not suffer from being looked at.
    }
  }

  /** `null`: the read goes on as before. */
  cooled({ status }: Client, key: unknown): CooledKey | null {
    const isKey = typeof key === "string" || key instanceof Uint8Array;
    // What the app has ended says so by an error.
    if (this.isOver || !isKey || status === "end") return null;
    return this.hooks.cooled(key);
  }

  /** Once, however often it is sent: after MOVED, on a new connection, from a queue. */
  #follow(command: Command, answered: () => void): void {
    if (command[FOLLOWED] === command.promise) return;
    command[FOLLOWED] = command.promise;
    // Not by its promise: an error that the app does not handle must stay unhandled.
    const { resolve, reject } = command;
    command.resolve = (reply) => {
      answered();
      return resolve.call(command, reply);
    };
    command.reject = (error) => {
      answered();
      return reject.call(command, error);
    };
  }
}

function hookCommands(redis: Client, watch: CommandWatch): () => void {
  const { sendCommand } = redis;
  return override(redis, "sendCommand", (command, stream, node) => {
    watch.sending(command);
    return sendCommand.call(redis, command, stream, node);
  });
}

/** With automatic pipelining a write waits in a pipeline for the end of the turn, and reads after it would overtake it. */
function hookPipelines(redis: Client, watch: CommandWatch): () => void {
  const { pipeline } = redis;
  return override(redis, "pipeline", (...args) => {
    const made = pipeline.apply(redis, args);
    if (watch.isOver || !redis.options.enableAutoPipelining) return made;
    const { sendCommand } = made;
    made.sendCommand = (command) => {
      watch.sending(command);
      return sendCommand.call(made, command);
    };
    return made;
  });
}

type Read<Value> = (this: unknown, ...args: unknown[]) => Promise<Value>;
type Answer<Value> = (key: CooledKey, plain: () => Promise<Value>) => Promise<Value>;

/** What stands in the place of `read`, a method of the client. */
function readOf<Value>(
  redis: Client,
  read: Read<Value>,
  watch: CommandWatch,
  answer: Answer<Value>,
): Read<Value> {
  return function (...args) {
    const [key, callback] = args;
    const cooled = this === redis && isPlainRead(args) ? watch.cooled(redis, key) : null;
    if (cooled === null) return read.apply(this, args);
    const answered = answer(cooled, () => read.call(redis, key));
    return typeof callback === "function" ? answerCallback(answered, callback as Callback) : answered;
  };
}

function isPlainRead(args: readonly unknown[]): boolean {
  return args.length === 1 || (args.length === 2 && typeof args[1] === "function");
}

function answerCallback<Value>(answer: Promise<Value>, callback: Callback): Promise<Value> {
  answer.then(
    (value) => process.nextTick(callback, null, value),
    (error: unknown) => process.nextTick(callback, error),
  );
  return answer;
}

function isClient(redis: object): redis is Client {
  const names = [...READS, "sendCommand", "pipeline", "defineCommand", "on", "off"];
  return (
    names.every((name) => typeof Reflect.get(redis, name) === "function") &&
    "options" in redis &&
    typeof Reflect.get(redis, "status") === "string"
  );
}
