import { slotOf } from "../../../model/slot.ts";

/** What tracking needs of a connection that is its own: of `Redis` of ioredis. */
export interface Connection {
  readonly stream?: ConnectionStream;
  connect(): Promise<void>;
  disconnect(): void;
  client(...words: string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  callBuffer(name: string, key: Buffer): Promise<unknown>;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

export interface ConnectionStream {
  /** Of a TCP connection. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  ref?(): unknown;
  unref?(): unknown;
  destroy(): unknown;
}

/** The servers of a client of ioredis that take its writes. */
export interface Primaries {
  /** By address; empty as long as they are not known. */
  current(): ReadonlyMap<string, Primary>;
  /** Calls `listener` when they may have changed. Returns: what ends it. */
  onChange(listener: () => void): () => void;
  /** The address of the one that has the key, as the client knows it; undefined: it does not. */
  addressOf(key: Buffer): string | undefined;
}

export interface Primary {
  /** A new connection, which is not opened yet. */
  newConnection(): Connection;
}

/** `Redis` of ioredis. */
interface Redis {
  readonly options: { readonly host?: unknown; readonly port?: unknown };
  duplicate(override: object): Connection;
}

/** `Cluster` of ioredis. */
interface Cluster {
  readonly status: string;
  /** By slot: `host:port` of its primary, then of its replicas. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: "master"): Redis[];
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/**
 * What differs from the app's own connection. The RESP3 pushes of invalidations never come out of ioredis, RESP2 has
 * them as messages. Nothing is sent again on a new connection: it would be read before it is tracked.
 */
const OWN_OPTIONS = {
  protocol: 2,
  replyMapping: "legacy",
  connectionName: "keyheat-tracking",
  lazyConnect: true,
  keyPrefix: "",
  readOnly: false,
  enableAutoPipelining: false,
  retryStrategy: null,
  reconnectOnError: null,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  himportFieldsets: undefined,
};

const ONLY = "";
const CLUSTER_EVENTS = ["ready", "refresh", "+node", "-node"];

/** Throws: TypeError where `redis` is no client of ioredis. */
export function primariesOf(redis: object): Primaries {
  if (isCluster(redis)) return primariesOfCluster(redis);
  if (!isRedis(redis)) {
    throw new TypeError(
      "tracking: expected a client of ioredis; with others leave it out, values then go by their TTL",
    );
  }
  const known = new Map([[ONLY, primaryAt(redis)]]);
  return { current: () => known, onChange: () => () => {}, addressOf: () => ONLY };
}

function primariesOfCluster(cluster: Cluster): Primaries {
  return {
    current: () => {
      // Before, it has the nodes that the app named, which may be replicas.
      if (cluster.status !== "ready") return new Map();
      return new Map(cluster.nodes("master").map((node) => [addressOfNode(node), primaryAt(node)]));
    },
    onChange: (listener) => {
      for (const event of CLUSTER_EVENTS) cluster.on(event, listener);
      return () => {
        for (const event of CLUSTER_EVENTS) cluster.off(event, listener);
      };
    },
    addressOf: (key) => cluster.slots[slotOf(key)]?.[0],
  };
}

function primaryAt(redis: Redis): Primary {
  return { newConnection: () => redis.duplicate(OWN_OPTIONS) };
}

function addressOfNode({ options }: Redis): string {
  return `${options.host}:${options.port}`;
}

function isRedis(redis: object): redis is Redis {
  return hasMethods(redis, "duplicate", "callBuffer", "defineCommand") && "options" in redis;
}

function isCluster(redis: object): redis is Cluster {
  return isRedis(redis) && "isCluster" in redis && redis.isCluster === true;
}

function hasMethods(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
