import type { Redis } from "ioredis";

/** What scenarios ask of a counter. */
export interface Counter {
  increment(by?: number | bigint): Promise<unknown>;
  total(): Promise<number | bigint>;
  reset(): Promise<number | bigint>;
  expire(ttlMs: number): Promise<unknown>;
}

/** The sharded counter of blog posts: right while nothing changes. Tests show what it gets wrong. */
export class NaiveCounter implements Counter {
  readonly #redis: Redis;
  readonly #names: readonly string[];
  #turn = 0;

  constructor(redis: Redis, key: string, { shards }: { shards: number }) {
    this.#redis = redis;
    this.#names = Array.from({ length: shards }, (_, shard) => `${key}:${shard}`);
  }

  increment(by: number | bigint = 1): Promise<unknown> {
    const name = this.#names[this.#turn++ % this.#names.length]!;
    return Number.isInteger(Number(by))
      ? this.#redis.incrby(name, String(by))
      : this.#redis.incrbyfloat(name, Number(by));
  }

  async total(): Promise<number> {
    const values = await this.#redis.mget(...this.#names);
    return values.reduce((sum, value) => sum + Number(value), 0);
  }

  async reset(): Promise<number> {
    const total = await this.total();
    await this.#redis.del(...this.#names);
    return total;
  }

  expire(ttlMs: number): Promise<unknown> {
    return Promise.all(this.#names.map((name) => this.#redis.pexpire(name, ttlMs)));
  }
}
