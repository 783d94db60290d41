import type { Bytes } from "../commands.ts";
import { type Cell, LIVE } from "./cells.ts";
import { shardOf } from "./field-hash.ts";
import { HASH_CELLS, HASH_MARK, HASH_PUT_EXPIRING, isPlain, rawOf } from "./hash-cells.ts";
import { newestCount, type ShardList } from "./shard-list.ts";
import { ShardClosed, type Shards } from "./shards.ts";

/**
 * Calls on one field while one count is in use: one command, a plain one if there is no expiry.
 *
 * A plain command takes effect where the shard is open, since its name is another one by the list before and the list after.
 * Where the counts are not known, or are several, or have changed, each gives `undefined`, and nothing was done.
 */
export class SteadyHash {
  readonly #shards: Shards;
  /** Whether the value read last had an expiry: then the next one may, and only a script knows the server's time. */
  #areExpiring = false;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** What holds for the field, `null`: nothing. */
  async find(field: Bytes): Promise<Buffer | null | undefined> {
    return await this.#attempt(field, async (shard, list) => {
      if (!this.#areExpiring) {
        const raw = await this.#plain(shard, list, field);
        if (raw === null || isPlain(raw)) return raw;
      }
      const { state, raw } = await this.#look(shard, list, field);
      this.#areExpiring = state === LIVE && !isPlain(raw);
      return state === LIVE ? raw : null;
    });
  }

  async #plain(shard: number, list: ShardList, field: Bytes): Promise<Buffer | null> {
    const reply = await this.#shards.run(shard, list, "HMGET", field, HASH_MARK);
    const [raw, mark] = reply as [Buffer | null, Buffer | null];
    if (mark?.toString("latin1") !== list.text) throw await this.#shards.lost(shard, list);
    return raw;
  }

  async #look(shard: number, list: ShardList, field: Bytes): Promise<Cell> {
    const [state, raw] = await this.#shards.call(HASH_CELLS.look, shard, list, [1, field]);
    return { state: Number(state), raw: raw as Buffer };
  }

  /** Fills the field. */
  async put(field: Bytes, value: Bytes, ttlMs: number | null): Promise<boolean | undefined> {
    return await this.#attempt(field, async (shard, list) => {
      if (ttlMs !== null) {
        await this.#shards.call(HASH_PUT_EXPIRING, shard, list, [ttlMs, field, value]);
        return true;
      }
      const added = await this.#shards.run(shard, list, "HSET", field, rawOf(value));
      // Where the field was there, so was the shard.
      if (Number(added) !== 0) await this.#shards.confirm(shard, list);
      return true;
    });
  }

  /** Empties the field. Returns the state from before. */
  async remove(field: Bytes): Promise<number | undefined> {
    return await this.#attempt(field, async (shard, list) => {
      const [state] = await this.#shards.call(HASH_CELLS.drop, shard, list, [field]);
      return Number(state);
    });
  }

  async #attempt<Result>(
    field: Bytes,
    call: (shard: number, list: ShardList) => Promise<Result>,
  ): Promise<Result | undefined> {
    const list = this.#shards.steadyList;
    if (list === null) return undefined;
    try {
      return await call(shardOf(field, newestCount(list)), list);
    } catch (error) {
      if (!(error instanceof ShardClosed)) throw error;
      await this.#shards.follow(error);
      return undefined;
    }
  }
}
