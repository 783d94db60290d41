import { crc32 } from "node:zlib";
import { type Bytes, bytesOf, type Commands, commandsOf } from "../../src/client/remedies/commands.ts";
import { partNames } from "../../src/client/remedies/part-names.ts";

/** What one writes at first: the shard is the CRC-32 modulo a count that each process has from its configuration. */
export class NaiveHashShards {
  protected readonly commands: Commands;
  protected readonly names: readonly Buffer[];

  constructor(redis: object, key: Bytes, { shards }: { shards: number }) {
    this.commands = commandsOf(redis);
    this.names = partNames(key, "naive", shards, this.commands);
  }

  protected place(field: string, count = this.names.length): Buffer {
    return this.names[crc32(bytesOf(field)) % count]!;
  }

  async set(field: string, value: string): Promise<void> {
    await this.commands.run("HSET", this.place(field), field, value);
  }

  async get(field: string): Promise<string | null> {
    const value = await this.commands.run("HGET", this.place(field), field);
    return value === null ? null : String(value);
  }

  async delete(field: string): Promise<boolean> {
    return (await this.commands.run("HDEL", this.place(field), field)) === 1;
  }
}

/** What one writes next: looks where older counts put it too, and writes move it. Nobody is told that the count has grown. */
export class UnfencedHashShards extends NaiveHashShards {
  readonly #counts: readonly number[];

  /** `counts` are all that there have been or will be. */
  constructor(redis: object, key: Bytes, options: { shards: number; counts: readonly number[] }) {
    super(redis, key, options);
    this.#counts = options.counts.filter((count) => count < options.shards);
  }

  override async set(field: string, value: string): Promise<void> {
    await super.set(field, value);
    await this.#deleteOlder(field);
  }

  override async get(field: string): Promise<string | null> {
    for (const place of [this.place(field), ...this.#older(field).reverse()]) {
      const value = await this.commands.run("HGET", place, field);
      if (value !== null) return String(value);
    }
    return await super.get(field);
  }

  override async delete(field: string): Promise<boolean> {
    const isOlder = await this.#deleteOlder(field);
    return (await super.delete(field)) || isOlder;
  }

  async #deleteOlder(field: string): Promise<boolean> {
    let isDeleted = false;
    for (const place of this.#older(field))
      if ((await this.commands.run("HDEL", place, field)) === 1) isDeleted = true;
    return isDeleted;
  }

  /** From the oldest on. */
  #older(field: string): Buffer[] {
    const newest = this.place(field);
    return this.#counts.map((count) => this.place(field, count)).filter((place) => place !== newest);
  }
}

/** As the first, for a set; and a call of many members is one command for each shard's. */
export class NaiveShardedSet {
  readonly #commands: Commands;
  readonly #names: readonly Buffer[];

  constructor(redis: object, key: Bytes, { shards }: { shards: number }) {
    this.#commands = commandsOf(redis);
    this.#names = partNames(key, "naive", shards, this.#commands);
  }

  #place(member: string): Buffer {
    return this.#names[crc32(bytesOf(member)) % this.#names.length]!;
  }

  async add(...members: readonly string[]): Promise<number> {
    const added = await Promise.all(
      members.map((member) => this.#commands.run("SADD", this.#place(member), member)),
    );
    return added.reduce<number>((sum, one) => sum + Number(one), 0);
  }

  async remove(...members: readonly string[]): Promise<number> {
    const removed = await Promise.all(
      members.map((member) => this.#commands.run("SREM", this.#place(member), member)),
    );
    return removed.reduce<number>((sum, one) => sum + Number(one), 0);
  }

  async has(member: string): Promise<boolean> {
    return (await this.#commands.run("SISMEMBER", this.#place(member), member)) === 1;
  }

  /** All shards in one command, as one server allows. */
  async members(): Promise<string[]> {
    return ((await this.#commands.runOver("SUNION", this.#names)) as Buffer[]).map(String);
  }

  async size(): Promise<number> {
    return (await this.members()).length;
  }
}
