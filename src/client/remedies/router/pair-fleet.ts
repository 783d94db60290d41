import { type Bytes, type Commands, commandsOf } from "../commands.ts";
import { type Fleet, nodesOf, type RouterNode } from "./fleet.ts";
import type { RedisClient } from "./ioredis-client.ts";
import { NodeLink } from "./node-link.ts";
import { Shard, type ShardOptions } from "./shard.ts";

/** What a server says that was the primary a moment ago; it has not done what it was asked for. */
const NO_PRIMARY = /^(READONLY|MASTERDOWN) /;

/**
 * One primary and its replicas, by clients of the app's. The primary's commands go over the client of that node which
 * says that it is the primary, checks and reads from replicas over duplicates.
 */
export class PairFleet implements Fleet {
  readonly isNilUnsure = false;
  readonly #shard: Shard<NodeLink>;
  readonly #commands = new Map<NodeLink, Commands>();

  constructor(primary: RedisClient, replicas: readonly RedisClient[], options: ShardOptions) {
    for (const client of [primary, ...replicas]) {
      this.#commands.set(new NodeLink(client, options.timeoutMs), commandsOf(client));
    }
    // A client that goes by Sentinel finds the primary itself. One that asks for replicas must not take its place: the
    // app's client and the router's connection may have been given different servers.
    const isPrimaryFixed = [primary, ...replicas].some((client) => Boolean(client.options.sentinels));
    this.#shard = new Shard([...this.#commands.keys()], { ...options, isPrimaryFixed });
    this.#shard.start();
  }

  fullKey(key: Bytes): Bytes {
    return this.#commands.get(this.#shard.primary)!.fullKey(key);
  }

  groupOf(): number {
    return 0;
  }

  shardOf(): Shard<NodeLink> {
    return this.#shard;
  }

  watchedShardOf(): Shard<NodeLink> {
    return this.#shard;
  }

  async atPrimary<Reply>(send: (commands: Commands) => Promise<Reply>): Promise<Reply> {
    const asked = this.#shard.primary;
    try {
      return await send(this.#commands.get(asked)!);
    } catch (error) {
      if (!(error instanceof Error && NO_PRIMARY.test(error.message))) throw error;
      await this.#shard.checkAnew();
      const { primary } = this.#shard;
      if (primary === asked) throw error;
      return await send(this.#commands.get(primary)!);
    }
  }

  refresh(): void {
    // There are no slots.
  }

  nodes(): RouterNode[] {
    return nodesOf(this.#shard);
  }

  close(): void {
    this.#shard.stop();
    for (const link of this.#commands.keys()) link.close();
  }
}
