import type { Bytes } from "../commands.ts";
import { shardOf } from "./field-hash.ts";
import { HASH_MARK, isPlain, rawOf } from "./hash-cells.ts";
import { newestCount } from "./shard-list.ts";
import { ShardClosed, type Shards } from "./shards.ts";

/**
 * Calls on one field as plain commands, which do as long as one count is in use.
 *
 * They take effect where the shard is open, since its name is another one by the list before and the list after. What the
 * caller has to do by a script is said in each reply: then nothing was done.
 */
export class SteadyHash {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** What holds for the field, `null`: nothing; `undefined`: ask the shard by a script. */
  async find(field: Bytes): Promise<Buffer | null | undefined> {
    const list = this.#shards.steadyList;
    if (list === null) return undefined;
    const shard = shardOf(field, newestCount(list));
    try {
      const reply = await this.#shards.run(shard, list, "HMGET", field, HASH_MARK);
      const [raw, mark] = reply as [Buffer | null, Buffer | null];
      if (mark === null || mark.toString("latin1") !== list.text) throw await this.#shards.lost(shard, list);
      return raw === null || isPlain(raw) ? raw : undefined;
    } catch (error) {
      if (!(error instanceof ShardClosed)) throw error;
      await this.#shards.follow(error);
      return undefined;
    }
  }

  /** Fills the field, without an expiry. Returns whether it did. */
  async put(field: Bytes, value: Bytes): Promise<boolean> {
    const list = this.#shards.steadyList;
    if (list === null) return false;
    const shard = shardOf(field, newestCount(list));
    try {
      const added = await this.#shards.run(shard, list, "HSET", field, rawOf(value));
      // Where the field was there, so was the shard.
      if (Number(added) !== 0) await this.#shards.confirm(shard, list);
      return true;
    } catch (error) {
      if (!(error instanceof ShardClosed)) throw error;
      await this.#shards.follow(error);
      return false;
    }
  }
}
