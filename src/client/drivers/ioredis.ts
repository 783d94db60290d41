import type { CommandObserver } from "../observer.ts";
import { type Attachment, type Connection, ConnectionWatch, type SentCommand } from "./ioredis-connection.ts";

interface Client {
  sendCommand(command: SentCommand, stream?: unknown, node?: unknown): unknown;
  duplicate(...args: unknown[]): unknown;
}

interface Redis extends Client, Connection {}

interface Cluster extends Client {
  nodes(): unknown[];
  on(event: "+node", listener: (node: unknown) => void): unknown;
  off(event: "+node", listener: (node: unknown) => void): unknown;
}

/** Clients that are attached, each with what restores it. */
const restorers = new WeakMap<object, () => void>();

/**
 * Tells `observer` of each command that a client of ioredis sends: a Redis (also by Sentinel) or a Cluster with all of
 * its nodes, now and later, and what `duplicate()` makes of them. A command is looked at when it is written to a
 * connection and counted when that answers, at the server that answered.
 *
 * Returns: what ends it and restores the clients; null: not a client of ioredis, or one that is attached already.
 */
export function attachIoredis(redis: unknown, observer: CommandObserver): (() => void) | null {
  const clients = new AttachedClients(observer);
  return clients.attach(redis) ? () => clients.detach() : null;
}

/** Whether its commands are told already: to whom it was attached itself, or as a duplicate or a node. */
export function isAttachedIoredis(redis: object): boolean {
  return restorers.has(redis);
}

class AttachedClients implements Attachment {
  readonly observer: CommandObserver;
  isOn = true;
  /** Weak, as a duplicate that the app drops must not be kept for us. */
  #clients: WeakRef<object>[] = [];
  #sweepAt = 64;

  constructor(observer: CommandObserver) {
    this.observer = observer;
  }

  attach(client: unknown): boolean {
    if (!this.isOn || !isClient(client) || restorers.has(client)) return false;
    const restore = isCluster(client)
      ? this.#attachCluster(client)
      : isRedis(client)
        ? this.#attachRedis(client)
        : null;
    if (restore === null) return false;
    restorers.set(client, restore);
    this.#clients.push(new WeakRef(client));
    if (this.#clients.length >= this.#sweepAt) this.#sweep();
    return true;
  }

  detach(): void {
    this.isOn = false;
    for (const reference of this.#clients) {
      const client = reference.deref();
      if (client === undefined) continue;
      restorers.get(client)?.();
      restorers.delete(client);
    }
    this.#clients = [];
  }

  #attachRedis(redis: Redis): () => void {
    const watch = new ConnectionWatch(redis, this);
    const send = redis.sendCommand;
    const restoreSend = replace(redis, "sendCommand", (command, stream, node) => {
      try {
        watch.sending(command);
      } catch {
        // Counting must not get in the app's way.
      }
      return send.call(redis, command, stream, node);
    });
    const restoreDuplicate = this.#attachDuplicates(redis);
    return () => {
      restoreDuplicate();
      restoreSend();
    };
  }

  /** Only its nodes send; the Cluster hands a command to another node when one answers MOVED or ASK. */
  #attachCluster(cluster: Cluster): () => void {
    const attachNode = (node: unknown) => {
      this.attach(node);
    };
    cluster.on("+node", attachNode);
    cluster.nodes().forEach(attachNode);
    const restoreDuplicate = this.#attachDuplicates(cluster);
    return () => {
      cluster.off("+node", attachNode);
      restoreDuplicate();
    };
  }

  #attachDuplicates(client: Client): () => void {
    const duplicate = client.duplicate;
    return replace(client, "duplicate", (...args) => {
      const made = duplicate.apply(client, args);
      this.attach(made);
      return made;
    });
  }

  #sweep(): void {
    this.#clients = this.#clients.filter((client) => client.deref() !== undefined);
    this.#sweepAt = Math.max(64, this.#clients.length * 2);
  }
}

/** Puts `method` in the place of the client's own. Returns: what undoes it, unless somebody else replaced it since. */
function replace<Name extends keyof Client>(client: Client, name: Name, method: Client[Name]): () => void {
  const own = Object.getOwnPropertyDescriptor(client, name);
  Object.defineProperty(client, name, {
    value: method,
    writable: true,
    configurable: true,
    enumerable: false,
  });
  return () => {
    if (client[name] !== method) return;
    if (own === undefined) delete (client as Partial<Client>)[name];
    else Object.defineProperty(client, name, own);
  };
}

function isClient(client: unknown): client is Client {
  return hasMethods(client, "sendCommand", "duplicate", "defineCommand");
}

function isCluster(client: object): client is Cluster {
  return "isCluster" in client && client.isCluster === true && hasMethods(client, "nodes", "on", "off");
}

function isRedis(client: object): client is Redis {
  return "status" in client && typeof client.status === "string" && "commandQueue" in client;
}

function hasMethods(value: unknown, ...names: string[]): boolean {
  if (value === null || typeof value !== "object") return false;
  const methods = value as Record<string, unknown>;
  return names.every((name) => typeof methods[name] === "function");
}
