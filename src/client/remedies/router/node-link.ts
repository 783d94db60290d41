import { type Bytes, bytesOf } from "../commands.ts";
import type { RedisClient } from "./ioredis-client.ts";
import { RecentLatency } from "./latency.ts";
import type { Answer } from "./replica-health.ts";
import { parseReplicationInfo, type ReplicationInfo } from "./replication-info.ts";

/** What MGET gives. */
export type Values = readonly (Buffer | null)[];

const RECONNECT_MS_MAX = 2000;

/**
 * The router's own connection to one node: for reads and checks that fail at once, or in time, rather than wait for a
 * node to come back as the app's own client may.
 */
export class NodeLink {
  readonly address: string;
  /** Keys read. */
  reads = 0;
  #underWay = 0;
  #readyMs: number | null = null;
  readonly #redis: RedisClient;
  readonly #latency = new RecentLatency();
  /** Resolves when the first attempt to connect has ended, well or not, or takes longer than a check may. */
  readonly #tried: Promise<void>;

  /** Connects as `template` does, but for what `override` says otherwise. */
  constructor(template: RedisClient, timeoutMs: number, override: object = {}) {
    this.#redis = template.duplicate({
      lazyConnect: false,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      enableAutoPipelining: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      reconnectOnError: null,
      retryStrategy: (attempt: number) => Math.min(attempt * 100, RECONNECT_MS_MAX),
      replyMapping: "legacy",
      monitor: false,
      himportFieldsets: undefined,
      ...override,
    });
    // What is wrong with it shows in its checks.
    this.#redis.on("error", () => {});
    this.#redis.on("ready", () => {
      this.#readyMs = performance.now();
    });
    this.#redis.on("close", () => {
      this.#readyMs = null;
    });
    this.#tried = new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      timer.unref();
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#redis.once("ready", end);
      this.#redis.once("close", end);
    });
    this.address = addressOf(this.#redis);
  }

  get readyMs(): number | null {
    return this.#redis.status === "ready" ? this.#readyMs : null;
  }

  get latencyMs(): number | null {
    return this.#latency.meanMs;
  }

  get measuredMs(): number {
    return this.#latency.lastMs;
  }

  get underWay(): number {
    return this.#underWay;
  }

  async get(key: Bytes): Promise<Buffer | null> {
    this.reads++;
    return (await this.#measured(() => this.#redis.callBuffer("GET", argumentOf(key)))) as Buffer | null;
  }

  /** One MGET for each group of keys, sent together; an error takes the place of the values of its group. */
  async mget(groups: readonly (readonly Bytes[])[]): Promise<(Values | Error)[]> {
    const pipeline = this.#redis.pipeline();
    for (const keys of groups) {
      this.reads += keys.length;
      pipeline.callBuffer("MGET", ...keys.map(argumentOf));
    }
    const replies = await this.#measured(() => pipeline.exec());
    return groups.map((_, index) => {
      const [error, values] = replies?.[index] ?? [new Error("no reply"), null];
      return error ?? (values as Values);
    });
  }

  /** Throws: what INFO fails with; after a timeout the connection is a new one. */
  async ask(): Promise<Answer> {
    // Or the first check would come too early, and replicas serve only after the second one.
    await this.#tried;
    const askedMs = performance.now();
    try {
      const info = parseReplicationInfo(String(await this.#redis.callBuffer("INFO", "replication")));
      if (this.#isMisled(info)) this.#redis.disconnect(true);
      return { info, askedMs, answeredMs: performance.now() };
    } catch (error) {
      // Or questions without answer would pile up in a connection that hangs.
      if (isTimeout(error) && this.readyMs !== null) this.#redis.disconnect(true);
      throw error;
    }
  }

  /** Whether Sentinel named a server of the other role, as it does for a while after a failover: it is asked again. */
  #isMisled({ role }: ReplicationInfo): boolean {
    const { sentinels, role: wanted } = this.#redis.options;
    return Boolean(sentinels) && role !== (wanted === "slave" ? "replica" : "primary");
  }

  close(): void {
    this.#redis.disconnect();
  }

  async #measured<Reply>(send: () => Promise<Reply>): Promise<Reply> {
    const startMs = performance.now();
    this.#underWay++;
    try {
      const reply = await send();
      const nowMs = performance.now();
      this.#latency.add(nowMs - startMs, nowMs);
      return reply;
    } finally {
      this.#underWay--;
    }
  }
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === "Command timed out";
}

function argumentOf(key: Bytes): string | Buffer {
  return typeof key === "string" ? key : bytesOf(key);
}

function addressOf({ options }: RedisClient): string {
  if (options.sentinels) return `sentinel:${options.name}`;
  return options.path ?? `${options.host}:${options.port}`;
}
