import type { CooledKey } from "../../mitigation/cooled-keys.ts";
import type { ClientHooks, MitigableClient } from "../../mitigation/mitigable-client.ts";
import { commandsOf } from "../../remedies/commands.ts";
import { driverMethod } from "../driver-method.ts";
import { override } from "./override.ts";
import { placeOf } from "./place.ts";
import { isNodeClient, type NodeClient, type Word } from "./shapes.ts";

/** A client of node-redis, by one of the faces that the app has of it. */
interface ReadingClient extends NodeClient {
  readonly _self: ReadingClient;
  readonly isOpen: boolean;
  /** By the first byte of a reply's type. */
  readonly _commandOptions?: { readonly typeMapping?: Readonly<Record<number, unknown>> };
  get(...args: unknown[]): Promise<string | null>;
  GET(...args: unknown[]): Promise<string | null>;
  on(event: "reconnecting", listener: () => void): unknown;
  off(event: "reconnecting", listener: () => void): unknown;
}

const BULK_STRING = "$".charCodeAt(0);
const READS = ["get", "GET"] as const;

/** Returns: null for anything else than one client of node-redis. */
export function mitigableNodeRedis(redis: object): MitigableClient | null {
  if (!isReadingClient(redis)) return null;
  return {
    identity: redis._self,
    foreignRead: READS.find((name) => driverMethod(redis, name) === null) ?? null,
    keyPrefix: commandsOf(redis).keyPrefix,
    db: redis.options?.database ?? 0,
    selectedDb: placeOf(redis).db,
    canTrack: false,
    hook: (hooks) => new HookedClient(redis, hooks).unhook,
  };
}

class HookedClient {
  readonly unhook: () => void;
  readonly #client: ReadingClient;
  readonly #hooks: ClientHooks;
  #isOver = false;

  constructor(client: ReadingClient, hooks: ClientHooks) {
    this.#client = client;
    this.#hooks = hooks;
    const connectionLost = () => hooks.connectionLost();
    // A face of it counts its listeners by itself.
    client._self.on("reconnecting", connectionLost);
    const undo = [this.#hookCommands(), ...READS.map((name) => this.#hookRead(name))];
    this.unhook = () => {
      this.#isOver = true;
      client._self.off("reconnecting", connectionLost);
      for (const restore of undo) restore();
    };
  }

  /** Whatever API a command comes by, it is put into the queue in its turn. */
  #hookCommands(): () => void {
    const queue = this.#client._getQueue();
    const { addCommand } = queue;
    return override(queue, "addCommand", (words, options) => {
      const answered = this.#sending(words);
      const reply = addCommand.call(queue, words, options);
      if (answered !== null) reply.then(answered, answered);
      return reply;
    });
  }

  #sending(words: readonly Word[]): (() => void) | null {
    if (this.#isOver) return null;
    try {
      return this.#hooks.sending(String(words[0]), words.slice(1));
    } catch {
      // The app's command must not suffer from being looked at.
      return null;
    }
  }

  #hookRead(name: (typeof READS)[number]): () => void {
    const client = this.#client;
    const read = client[name];
    const hooked = this;
    return override(client, name, function (this: ReadingClient, ...args) {
      const cooled = this === client && args.length === 1 ? hooked.#cooled(args[0]) : null;
      if (cooled === null) return read.apply(this, args);
      return hooked.#hooks.get(cooled, () => read.apply(client, args));
    });
  }

  #cooled(key: unknown): CooledKey | null {
    const isKey = typeof key === "string" || key instanceof Uint8Array;
    const { isOpen, _commandOptions } = this.#client;
    // What is closed says so by an error. What a client maps texts to is its own affair.
    const mapped = _commandOptions?.typeMapping?.[BULK_STRING] ?? String;
    if (this.#isOver || !isKey || !isOpen || mapped !== String) return null;
    return this.#hooks.cooled(key);
  }
}

function isReadingClient(redis: object): redis is ReadingClient {
  return isNodeClient(redis) && READS.every((name) => typeof Reflect.get(redis, name) === "function");
}
