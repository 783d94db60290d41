import { checkedCount, checkedKey, checkedOptions, checkedTtl } from "./arguments.ts";
import { type Bytes, type Commands, commandsOf } from "./commands.ts";
import { CounterRecord } from "./counter/counter-record.ts";
import { CounterShards, NO_SHARDS } from "./counter/counter-shards.ts";
import { DecimalSum } from "./counter/decimal-sum.ts";
import { checkedIncrement, type Increment } from "./counter/increment.ts";
import { PARTS_MAX } from "./part-names.ts";

export interface ShardedCounterOptions {
  /**
   * Keys that the count is spread over, 1 to 1,024; default 32. Where it is at least five times the number of primaries,
   * each gets within 20% of an even share of the increments.
   */
  readonly shards?: number;
}

const SHARDS_DEFAULT = 32;
/** Each round was overtaken by an `expire` of somebody else, who goes on where this one ends. */
const EXPIRE_ROUNDS_MAX = 16;

/**
 * A counter in many keys, which lie evenly over the slots of a cluster: for one that is written more often than a single
 * node can take. Made once and kept; processes may have different numbers of shards, and change them at any time.
 *
 * Consistency: `total()` has each increment that was acknowledged before it was called, and none that was called after it
 * ended; of those in between it may have some, since it reads the shards one beside the other, not at one instant. What
 * the caller was told to have failed may or may not have been counted, as with INCRBY. A driver that sends commands again
 * by itself may count one twice: docs/remedies/sharded-counter.md tells the options against that.
 */
export class ShardedCounter {
  readonly #commands: Commands;
  readonly #shards: CounterShards;
  readonly #record: CounterRecord;
  readonly #shardCount: number;
  #turn: number;

  /**
   * `redis`: a client of ioredis or node-redis. `key`: what the names of the shards are made of; no key of this name
   * itself is touched.
   *
   * Throws: TypeError, RangeError.
   */
  constructor(redis: object, key: Bytes, options?: ShardedCounterOptions) {
    const { shards } = checkedOptions(options, ["shards"]);
    const limits = { min: 1, max: PARTS_MAX, fallback: SHARDS_DEFAULT };
    this.#shardCount = checkedCount(shards, "shards", limits);
    this.#commands = commandsOf(redis);
    const checked = checkedKey(key);
    this.#shards = new CounterShards(this.#commands, checked);
    this.#record = new CounterRecord(this.#commands, checked, this.#shards, this.#shardCount);
    this.#turn = Math.floor(Math.random() * this.#shardCount);
  }

  /**
   * Adds `by`, which may be negative: whole numbers exactly, as INCRBY does, and others as INCRBYFLOAT does. One command;
   * one more about each 10 s.
   *
   * Rejects: TypeError, RangeError (not finite, a bigint beyond 64 bits, other than 0 but below 1e-17); what the server
   * or the connection says, and then it is unknown whether it was counted.
   */
  async increment(by: number | bigint = 1): Promise<void> {
    const increment = checkedIncrement(by);
    const { kind } = increment;
    try {
      if (!this.#record.isFresh(kind)) await this.#record.renew(kind);
      await this.#add(increment);
      // It may have made a shard anew: the record, which is to vanish after those that expired, must stay for it.
      while (this.#record.isExpired) await this.#record.renew(kind);
    } catch (error) {
      this.#record.forget();
      throw error;
    }
  }

  /**
   * The sum of all shards: a number, or a bigint where it is whole and beyond 2^53. It may be beyond 64 bits. One command
   * a shard and one for their number, all at once.
   *
   * Rejects: what the server or the connection says.
   */
  async total(): Promise<number | bigint> {
    const known = this.#record.known;
    // Both see what was acknowledged before this call, so that one need not wait for the other.
    const [values, recorded] = await Promise.all([
      this.#shards.values(NO_SHARDS, known),
      this.#record.read(),
    ]);
    const further = await this.#shards.values(known, recorded);
    return sumOf([...values, ...further]);
  }

  /**
   * Sets all shards to 0. Gives what they held: each increment is in what exactly one `reset()` gave or in the total
   * after it, also of those that run meanwhile. An expiry stays as it is.
   *
   * Rejects: `CounterResetError` where a shard's server failed; what was taken of the others is in it.
   */
  async reset(): Promise<number | bigint> {
    const results = await this.#shards.take(await this.#record.read());
    const taken = sumOf(results.flatMap((result) => (result.status === "fulfilled" ? result.value : [])));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return taken;
    this.#record.forget();
    throw new CounterResetError(taken, { cause: failed.reason });
  }

  /**
   * Makes all that was counted, and is until then, vanish `ttlMs` from now: in all shards at one instant, as far as the
   * servers' clocks agree. What is counted after that does not expire, as with EXPIRE. Also where nothing was counted
   * yet. Two scripts, and one more for each shard.
   *
   * Rejects: TypeError, RangeError; what the server or the connection says, and then some shards may expire and others
   * not: call it again.
   */
  async expire(ttlMs: number): Promise<void> {
    let atMs = await this.#record.setExpiry(checkedTtl(ttlMs));
    for (let round = 0; round < EXPIRE_ROUNDS_MAX; round++) {
      await this.#shards.expireAll(this.#record.known, atMs);
      // Two at a time may reach the shards in different orders: what was recorded last holds in the end.
      const recordedMs = await this.#record.expiry();
      if (recordedMs === atMs || recordedMs === 0) return;
      atMs = recordedMs;
    }
  }

  /** In turn, from a random one on: as even as random ones, and evener where there are few increments. */
  async #add({ kind, text }: Increment): Promise<void> {
    const command = kind === "count" ? "INCRBY" : "INCRBYFLOAT";
    const names = this.#shards.names(kind, this.#shardCount);
    this.#turn = (this.#turn + 1) % this.#shardCount;
    // Others take turns meanwhile: its own count of tries sees to it that it leaves out none.
    const first = this.#turn;
    for (let tried = 0; ; tried++) {
      try {
        await this.#commands.run(command, names[(first + tried) % this.#shardCount]!, text);
        return;
      } catch (error) {
        // A shard is full where it would leave 64 bits, and has not changed then; another one may not be.
        if (tried === this.#shardCount - 1 || !isOverflow(error)) throw error;
      }
    }
  }
}

/** `reset()` reached some shards only. */
export class CounterResetError extends Error {
  override readonly name = "CounterResetError";

  /** What the other shards held, which is no longer in the counter. It is unknown whether one that failed has its part. */
  readonly taken: number | bigint;

  constructor(taken: number | bigint, options: ErrorOptions) {
    super(`some shards were not reset; what was taken of the others is ${taken}`, options);
    this.taken = taken;
  }
}

function isOverflow(error: unknown): boolean {
  return error instanceof Error && error.message.includes("increment or decrement would overflow");
}

function sumOf(values: readonly string[]): number | bigint {
  const sum = new DecimalSum();
  for (const value of values) sum.add(value);
  return sum.value();
}
