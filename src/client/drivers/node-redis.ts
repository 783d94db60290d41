import type { CommandObserver } from "../observer.ts";
import { type ConnectionWatcher, watchConnections } from "./node-redis/connections.ts";
import { override } from "./node-redis/override.ts";
import { placeOf } from "./node-redis/place.ts";
import { QueueTap } from "./node-redis/queue-tap.ts";
import {
  isNodeClient,
  isNodeCluster,
  isNodePool,
  isNodeSentinel,
  isSentinelLease,
  type NodeClient,
  type NodeCluster,
  type NodePool,
  type NodeSentinel,
  type SentinelLease,
} from "./node-redis/shapes.ts";
import { WeakList } from "./node-redis/weak-list.ts";

/**
 * Tells `observer` of each command that node-redis sends and gets a reply for: on a client, a pool, a cluster or a
 * sentinel of node-redis 6, whichever API it came by, and on whatever `duplicate` and `createPool` make of them later.
 * Replies are told with the node that gave them. What a client-side cache answers is not sent, hence not told.
 *
 * Returns: what puts everything back; null for anything else than node-redis, and for one that is attached already.
 */
export function attachNodeRedis(redis: unknown, observer: CommandObserver): (() => void) | null {
  if (typeof redis !== "object" || redis === null) return null;
  try {
    const attachment = attach(redis, observer);
    return attachment === null ? null : () => attachment.detach();
  } catch {
    return null;
  }
}

/** Whether its commands are told already: to whom it was attached itself, or with what it belongs to. */
export function isAttachedNodeRedis(redis: object): boolean {
  const self: unknown = Reflect.get(redis, "_self");
  return typeof self === "object" && self !== null && attached.has(self);
}

/** The clients behind all proxies that are attached, directly or with what they belong to. */
const attached = new WeakSet<object>();

function attach(redis: object, observer: CommandObserver): Attachment | null {
  const self: unknown = Reflect.get(redis, "_self");
  if (typeof self !== "object" || self === null || attached.has(self)) return null;
  const attachment = new Attachment(self, observer);
  try {
    if (!attachByKind(self, attachment)) return null;
  } catch (error) {
    attachment.detach();
    throw error;
  }
  attached.add(self);
  return attachment;
}

function attachByKind(self: object, attachment: Attachment): boolean {
  if (isNodeClient(self)) attachClient(self, attachment);
  else if (isNodeCluster(self)) attachCluster(self, attachment);
  else if (isNodePool(self)) attachPool(self, attachment);
  else if (isNodeSentinel(self)) attachSentinel(self, attachment);
  else if (isSentinelLease(self)) attachLease(self, attachment);
  else return false;
  return true;
}

/** What was changed at one object, and at what it has made since. Held by the functions put into that object. */
class Attachment {
  readonly observer: CommandObserver;
  readonly #self: object;
  readonly #undo: (() => void)[] = [];
  readonly #parts = new WeakList<Attachment>();
  #isOver = false;

  constructor(self: object, observer: CommandObserver) {
    this.#self = self;
    this.observer = observer;
  }

  onDetach(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Attaches what belongs to this (a duplicate, a connection of a pool): it is detached with it. Throws nothing. */
  include(part: object): void {
    if (this.#isOver) return;
    try {
      const attachment = attach(part, this.observer);
      if (attachment !== null) this.#parts.add(attachment);
    } catch {
      // Counting less is better than to fail the app's call that we are in.
    }
  }

  detach(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const undo of this.#undo) undo();
    for (const part of this.#parts.items()) part.detach();
    attached.delete(this.#self);
  }
}

function attachClient(client: NodeClient, attachment: Attachment): void {
  const tap = new QueueTap(client._getQueue(), client._clientId, placeOf(client), attachment.observer);
  attachment.onDetach(() => tap.close());
  attachment.onDetach(watchConnections(tap));
  includeCopies(client, attachment);
  const { createPool } = client;
  const restore = override(client, "createPool", function (this: NodeClient, options) {
    const pool = createPool.call(this, options);
    attachment.include(pool);
    return pool;
  });
  attachment.onDetach(restore);
}

/** Its node clients come and go with the topology; one is in the table before it has connected. */
function attachCluster(cluster: NodeCluster, attachment: Attachment): void {
  const includeNodes = () => {
    for (const { client } of cluster._slots.nodeByAddress.values()) {
      if (client !== undefined) attachment.include(client);
    }
  };
  const watcher: ConnectionWatcher = { onReady: includeNodes, onClosed: () => {} };
  attachment.onDetach(watchConnections(watcher));
  includeNodes();
  includeCopies(cluster, attachment);
}

/** Its clients are private; but whatever it does is a task that is given one. */
function attachPool(pool: NodePool, attachment: Attachment): void {
  const { execute } = pool;
  const restore = override(pool, "execute", function (this: NodePool, task) {
    return execute.call(this, (client) => {
      attachment.include(client);
      return task(client);
    });
  });
  attachment.onDetach(restore);
}

function attachSentinel(sentinel: NodeSentinel, attachment: Attachment): void {
  attachLease(sentinel, attachment);
  const { use, acquire } = sentinel;
  const restoreUse = override(sentinel, "use", function (this: NodeSentinel, task) {
    return use.call(this, (lease) => {
      attachment.include(lease);
      return task(lease);
    });
  });
  const restoreAcquire = override(sentinel, "acquire", async function (this: NodeSentinel) {
    const lease = await acquire.call(this);
    attachment.include(lease);
    return lease;
  });
  attachment.onDetach(restoreUse);
  attachment.onDetach(restoreAcquire);
  includeCopies(sentinel, attachment);
}

function attachLease(lease: SentinelLease, attachment: Attachment): void {
  const { _execute } = lease;
  const restore = override(lease, "_execute", function (this: SentinelLease, isReadonly, task) {
    return _execute.call(this, isReadonly, (client) => {
      attachment.include(client);
      return task(client);
    });
  });
  attachment.onDetach(restore);
}

function includeCopies<T extends Copyable>(original: T, attachment: Attachment): void {
  const { duplicate } = original;
  const restore = override(original, "duplicate", function (this: T, overrides) {
    const copy = duplicate.call(this, overrides);
    attachment.include(copy);
    return copy;
  });
  attachment.onDetach(restore);
}

interface Copyable {
  duplicate(overrides?: unknown): object;
}
