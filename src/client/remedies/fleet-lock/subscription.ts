/** A connection of its own for channels of pub/sub. It is not opened again when it is lost, and keeps no process alive. */
export interface Subscription {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  close(): void;
}

export interface SubscriptionEvents {
  onMessage(channel: string): void;
  onLost(): void;
}

export type OpenSubscription = (events: SubscriptionEvents) => Promise<Subscription>;

/**
 * How to get a connection beside that of the app's client, with the same options: a duplicate of it, of one of its nodes
 * in a cluster (a message goes to all nodes). `null`: from a pool or a sentinel of node-redis, which give none.
 */
export function subscriptionsOf(redis: object): OpenSubscription | null {
  if (isIoredisCluster(redis)) return (events) => openIoredis(anyOf(redis.nodes("master")), events);
  if (isIoredis(redis)) return (events) => openIoredis(redis, events);
  if (isNodeCluster(redis)) {
    return async (events) => openNodeRedis(await redis.nodeClient(anyOf(redis.masters)), events);
  }
  if (isNodeClient(redis)) return (events) => openNodeRedis(redis, events);
  return null;
}

function anyOf<Node>(nodes: readonly Node[]): Node {
  const node = nodes[Math.floor(Math.random() * nodes.length)];
  if (node === undefined) throw new Error("redis: no node of the cluster is known");
  return node;
}

interface Emitter {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** What is used of `Redis` of ioredis. */
interface Ioredis extends Emitter {
  readonly stream?: { unref?(): unknown } | null;
  duplicate(options: object): Ioredis;
  connect(): Promise<void>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

interface IoredisCluster {
  nodes(role: "master"): readonly Ioredis[];
}

async function openIoredis(redis: Ioredis, events: SubscriptionEvents): Promise<Subscription> {
  const never = () => null;
  const subscriber = redis.duplicate({
    lazyConnect: true,
    keyPrefix: "",
    autoResubscribe: false,
    enableOfflineQueue: false,
    retryStrategy: never,
    sentinelRetryStrategy: never,
    reconnectOnError: never,
  });
  subscriber.on("error", () => {});
  subscriber.on("connect", () => subscriber.stream?.unref?.());
  subscriber.on("message", (channel) => events.onMessage(String(channel)));
  subscriber.on("end", () => events.onLost());
  await subscriber.connect();
  return {
    subscribe: (channel) => subscriber.subscribe(channel),
    unsubscribe: (channel) => subscriber.unsubscribe(channel),
    close: () => subscriber.disconnect(),
  };
}

/** What is used of `createClient` of node-redis. */
interface NodeClient extends Emitter {
  readonly options?: { readonly socket?: object };
  duplicate(options: object): NodeClient;
  connect(): Promise<unknown>;
  unref(): void;
  subscribe(channel: string, listener: NodeListener): Promise<unknown>;
  unsubscribe(channel: string, listener: NodeListener): Promise<unknown>;
  destroy(): void;
}

type NodeListener = (message: string, channel: string) => void;

interface NodeCluster {
  readonly masters: readonly object[];
  nodeClient(node: object): Promise<NodeClient>;
}

async function openNodeRedis(client: NodeClient, events: SubscriptionEvents): Promise<Subscription> {
  const subscriber = client.duplicate({
    socket: { ...client.options?.socket, reconnectStrategy: false },
    disableOfflineQueue: true,
    clientSideCache: undefined,
  });
  const onMessage: NodeListener = (_message, channel) => events.onMessage(channel);
  subscriber.on("error", () => {});
  subscriber.on("terminated", () => events.onLost());
  subscriber.on("end", () => events.onLost());
  subscriber.unref();
  await subscriber.connect();
  return {
    subscribe: (channel) => subscriber.subscribe(channel, onMessage),
    unsubscribe: (channel) => subscriber.unsubscribe(channel, onMessage),
    close: () => subscriber.destroy(),
  };
}

function isIoredis(redis: object): redis is Ioredis {
  return hasMethods(redis, "callBuffer", "duplicate", "connect", "subscribe", "disconnect");
}

function isIoredisCluster(redis: object): redis is IoredisCluster {
  return "isCluster" in redis && redis.isCluster === true && hasMethods(redis, "callBuffer", "nodes");
}

function isNodeClient(redis: object): redis is NodeClient {
  return hasMethods(redis, "sendCommand", "duplicate", "connect", "unref", "subscribe", "destroy");
}

function isNodeCluster(redis: object): redis is NodeCluster {
  return "masters" in redis && hasMethods(redis, "sendCommand", "nodeClient");
}

function hasMethods(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
