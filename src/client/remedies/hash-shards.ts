import { checkedOptions, checkedSignal, checkedTtlOrNone, checkedValue } from "./arguments.ts";
import type { Bytes } from "./commands.ts";
import { LIVE } from "./shards/cells.ts";
import { checkedShards } from "./shards/checked-shards.ts";
import { HASH_CELLS, HASH_SHARDS, valueIn } from "./shards/hash-cells.ts";
import { rebalance } from "./shards/rebalance.ts";
import { ShardedCells } from "./shards/sharded-cells.ts";
import type { Shards } from "./shards/shards.ts";
import { SteadyHash } from "./shards/steady-hash.ts";
import { givenName, storedName } from "./shards/stored-names.ts";
import { Stream } from "./shards/stream.ts";

/** Fields and values: read with `for await`, as they come; or awaited, all at once. Each reading is a new one. */
export interface Entries<Word> extends AsyncIterable<[Word, Word]>, PromiseLike<[Word, Word][]> {}

export interface HashShardsOptions {
  /** How many hashes there are at least, 1 to 1,024; default 16. Where more are recorded already, those are used. */
  readonly shards?: number;
}

export interface HashSetOptions {
  /** The field is there for so long, by the server's clock. Left out: until it is deleted. */
  readonly ttlMs?: number;
}

/**
 * One hash spread over several, in slots that lie evenly over a cluster.
 *
 * A field's shard: CRC-32 of its bytes, placed by jump consistent hash (Lamping, Veach, 2014); the same from every version.
 * The count of shards may grow at any time, by constructing with a higher one, while other processes work with the old one:
 * they notice. It never shrinks.
 *
 * Consistency: calls on one field take effect in one order, as on one hash, also while the count grows. Calls on several
 * fields have no order, and there is no snapshot of the whole. A call that rejects may have taken effect, as with any
 * command.
 *
 * Cost: one command a call, such as HSET; two for a field that was not there; a script with `ttlMs`, for such a value, and
 * for `delete`. After a growth, until `rebalance`: one script, and until that or a write has moved the field two or three
 * more where its shard is another one now.
 */
export class HashShards {
  readonly #shards: Shards;
  readonly #cells: ShardedCells;
  readonly #steady: SteadyHash;

  /** Throws: TypeError, RangeError for arguments that make no sense. Sends nothing. */
  constructor(redis: object, key: Bytes, options?: HashShardsOptions) {
    this.#shards = checkedShards(redis, key, options, HASH_SHARDS);
    this.#cells = new ShardedCells(this.#shards, HASH_CELLS);
    this.#steady = new SteadyHash(this.#shards);
  }

  /** Without `ttlMs` the field stays, also where it had one before. */
  async set(field: Bytes, value: Bytes, options?: HashSetOptions): Promise<void> {
    const { ttlMs } = checkedOptions(options, ["ttlMs"]);
    const entry = { field: checkedField(field), value: checkedValue(value) };
    const ttl = checkedTtlOrNone(ttlMs);
    const isDone = await this.#steady.put(entry.field, entry.value, ttl);
    if (!isDone) await this.#cells.put([entry], ttl);
  }

  async get(field: Bytes): Promise<string | null> {
    const value = await this.getBuffer(field);
    return value === null ? null : value.toString();
  }

  async getBuffer(field: Bytes): Promise<Buffer | null> {
    const name = checkedField(field);
    let raw = await this.#steady.find(name);
    if (raw === undefined) raw = await this.#cells.find(name);
    return raw === null ? null : valueIn(raw);
  }

  /**
   * Returns whether there was a value. After a growth of the count, where others set, delete or move (`rebalance`) the field
   * at the same time, it may say `false` though there was one.
   */
  async delete(field: Bytes): Promise<boolean> {
    const name = checkedField(field);
    const before = (await this.#steady.remove(name)) ?? (await this.#cells.remove([name]))[0];
    return before === LIVE;
  }

  /**
   * All fields with their values, each field once, in no order: what is there from the beginning to the end of the reading
   * is given, with a value that it had meanwhile; what is set or deleted meanwhile may be.
   *
   * Memory: the names of the fields of one shard (to tell which came twice); while older counts are in use, also of those
   * that have not moved.
   */
  getAll(): Entries<string> {
    return this.#stream((bytes) => bytes.toString());
  }

  /** As `getAll`, for what is no text. */
  getAllBuffer(): Entries<Buffer> {
    return this.#stream((bytes) => bytes);
  }

  #stream<Word>(take: (bytes: Buffer) => Word): Entries<Word> {
    return new Stream<[Word, Word]>(this.#shards, this.#cells, HASH_CELLS, ({ field, raw }) => [
      take(givenName(field)!),
      take(valueIn(raw)),
    ]);
  }

  /**
   * After a growth: moves each field to its shard of now, then forgets the older counts, so that a call is one command again.
   * Others may go on working. It may be left off at any time, by `signal` or by the death of the process, and run again.
   *
   * Cost: a scan of the shards that there were before, and about four scripts for 100 fields that move.
   */
  async rebalance(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const { signal } = checkedOptions(options, ["signal"]);
    await rebalance(this.#shards, this.#cells, HASH_CELLS, checkedSignal(signal));
  }
}

function checkedField(field: unknown): Bytes {
  return storedName(checkedValue(field, "field"));
}
