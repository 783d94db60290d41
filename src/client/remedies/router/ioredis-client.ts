/** `Redis` of ioredis: what the router needs of it. */
export interface RedisClient {
  readonly options: RedisClientOptions;
  readonly status: string;
  callBuffer(name: string, ...args: readonly (string | Buffer)[]): Promise<unknown>;
  pipeline(): Pipeline;
  duplicate(override: object): RedisClient;
  /** `true`: and connects again. */
  disconnect(reconnect?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "ready" | "close", listener: () => void): unknown;
  once(event: "ready" | "close", listener: () => void): unknown;
}

export interface RedisClientOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  /** The primary's, of a client that goes by Sentinel. */
  readonly name?: string | undefined;
  readonly sentinels?: unknown;
  readonly db?: number | undefined;
  /** Which of that name's servers Sentinel is asked for. */
  readonly role?: "master" | "slave" | undefined;
}

export interface Pipeline {
  callBuffer(name: string, ...args: readonly (string | Buffer)[]): unknown;
  exec(): Promise<readonly (readonly [error: Error | null, reply: unknown])[] | null>;
}

/** `Cluster` of ioredis. */
export interface ClusterClient {
  readonly isCluster: true;
  readonly options: { readonly keyPrefix?: unknown; readonly scaleReads?: unknown };
  /** For each slot `host:port` of its nodes as ioredis reaches them (after its natMap), the primary first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(): readonly RedisClient[];
  /** Asks the servers who has which slots; several calls at a time are one. */
  refreshSlotsCache(done?: (error?: Error) => void): void;
  on(event: "refresh", listener: () => void): unknown;
  off(event: "refresh", listener: () => void): unknown;
}

/** Throws: TypeError where `value` is anything else, also a client of node-redis. */
export function checkedRedis(value: unknown, name: string): RedisClient {
  if (isIoredis(value) && !isCluster(value)) return value as RedisClient;
  throw new TypeError(`${name}: expected a Redis client of ioredis${hintFor(value)}`);
}

/**
 * Throws: TypeError where `value` is anything else, also a client of node-redis; RangeError where its `scaleReads` sends
 * reads to replicas already: nothing would tell the router what the primary has.
 */
export function checkedCluster(value: unknown, name: string): ClusterClient {
  if (!isIoredis(value) || !isCluster(value)) {
    throw new TypeError(`${name}: expected a Cluster of ioredis${hintFor(value)}`);
  }
  const cluster = value as ClusterClient;
  if (cluster.options.scaleReads !== "master") {
    throw new RangeError(
      `${name}: its scaleReads must be "master", the default: the router needs the primaries`,
    );
  }
  return cluster;
}

function isIoredis(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    ["callBuffer", "defineCommand", "duplicate"].every(
      (name) => typeof Reflect.get(value, name) === "function",
    )
  );
}

function isCluster(client: object): boolean {
  return Reflect.get(client, "isCluster") === true;
}

function hintFor(value: unknown): string {
  if (isIoredis(value)) return isCluster(value) ? "; a Cluster goes into { cluster }" : "; a Redis is none";
  const isNodeRedis = typeof value === "object" && value !== null && "sendCommand" in value;
  return isNodeRedis ? "; clients of node-redis read from replicas by options of their own" : "";
}
