/** What of node-redis the driver leans on, as of node-redis 6; told by what is there, not by classes. */

/** A word of a command: a string or a Buffer. */
export type Word = string | Uint8Array;

export interface CommandOptions {
  /** Commands of one transaction, or of one pipeline, have the same. */
  readonly chainId?: symbol | undefined;
}

/** One a connection. Every command with a reply of its own goes through `addCommand`, whatever API it came by. */
export interface CommandQueue {
  /** Resolves with the reply as decoded; rejects with the server's error, or the reason for which none came. */
  addCommand(words: readonly Word[], options?: CommandOptions): Promise<unknown>;
}

export interface SocketOptions {
  readonly host?: string;
  readonly port?: number;
  /** Of a unix socket. */
  readonly path?: string;
}

/** What createClient gives, each `with...` of it, and each connection of a pool, a cluster, a sentinel. */
export interface NodeClient {
  /** The one client behind all its proxies. */
  readonly _self: NodeClient;
  readonly _clientId?: string;
  readonly options?: { readonly socket?: SocketOptions; readonly database?: number };
  readonly isReady: boolean;
  _getQueue(): CommandQueue;
  _executePipeline(commands: readonly unknown[]): Promise<unknown>;
  duplicate(overrides?: unknown): object;
  createPool(options?: unknown): object;
  ref(): void;
  unref(): void;
}

export interface NodePool {
  readonly _self: NodePool;
  /** Everything that a pool does, on a client that it picks. */
  execute(task: (client: NodeClient) => unknown): Promise<unknown>;
}

export interface NodeCluster {
  readonly _self: NodeCluster;
  readonly _slots: { readonly nodeByAddress: ReadonlyMap<string, { readonly client?: NodeClient }> };
  duplicate(overrides?: unknown): object;
}

/** A client of a sentinel that only one caller has. */
export interface SentinelLease {
  readonly _self: SentinelLease;
  _execute(isReadonly: unknown, task: (client: NodeClient) => unknown): Promise<unknown>;
}

export interface NodeSentinel extends SentinelLease {
  readonly _self: NodeSentinel;
  use(task: (lease: SentinelLease) => unknown): Promise<unknown>;
  acquire(): Promise<SentinelLease>;
  duplicate(overrides?: unknown): object;
}

export function isNodeClient(value: object): value is NodeClient {
  return hasMethods(value, [
    "_getQueue",
    "_executePipeline",
    "sendCommand",
    "duplicate",
    "createPool",
    "ref",
  ]);
}

export function isNodePool(value: object): value is NodePool {
  return (
    hasMethods(value, ["execute", "sendCommand"]) && typeof Reflect.get(value, "totalClients") === "number"
  );
}

export function isNodeCluster(value: object): value is NodeCluster {
  const slots: unknown = Reflect.get(value, "_slots");
  if (typeof slots !== "object" || slots === null) return false;
  return (
    hasMethods(value, ["sendCommand", "nodeClient"]) && Reflect.get(slots, "nodeByAddress") instanceof Map
  );
}

export function isNodeSentinel(value: object): value is NodeSentinel {
  return hasMethods(value, ["_execute", "use", "acquire", "getSentinelNode"]);
}

export function isSentinelLease(value: object): value is SentinelLease {
  return hasMethods(value, ["_execute", "release", "sendCommand"]);
}

function hasMethods(value: object, names: readonly string[]): boolean {
  const self: unknown = Reflect.get(value, "_self");
  return (
    typeof self === "object" &&
    self !== null &&
    names.every((name) => typeof Reflect.get(value, name) === "function")
  );
}
