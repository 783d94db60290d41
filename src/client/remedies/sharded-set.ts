import { checkedOptions, checkedSignal, checkedValue } from "./arguments.ts";
import { type Bytes, bytesOf } from "./commands.ts";
import { LIVE } from "./shards/cells.ts";
import { checkedShards } from "./shards/checked-shards.ts";
import { rebalance } from "./shards/rebalance.ts";
import { SET_CELLS, SET_SHARDS } from "./shards/set-cells.ts";
import { setSize } from "./shards/set-size.ts";
import { ShardedCells } from "./shards/sharded-cells.ts";
import type { Shards } from "./shards/shards.ts";
import { SteadySet } from "./shards/steady-set.ts";
import { givenName, storedName } from "./shards/stored-names.ts";
import { Stream } from "./shards/stream.ts";

const NO_VALUE = "";

export interface ShardedSetOptions {
  /** How many sets there are at least, 1 to 1,024; default 16. Where more are recorded already, those are used. */
  readonly shards?: number;
}

/** Read with `for await`, as they come; or awaited, all at once. Each reading is a new one. */
export interface Members<Member> extends AsyncIterable<Member>, PromiseLike<Member[]> {}

/**
 * One set spread over several, in slots that lie evenly over a cluster.
 *
 * A member's shard: CRC-32 of its bytes, placed by jump consistent hash (Lamping, Veach, 2014); the same from every version.
 * The count of shards may grow at any time, by constructing with a higher one, while other processes work with the old one:
 * they notice. It never shrinks.
 *
 * Consistency: calls on one member take effect in one order, as on one set, also while the count grows. A call with several
 * members takes effect member by member, and there is no snapshot of the whole. A call that rejects may have taken effect,
 * in part or whole.
 *
 * Cost: one command, such as SADD, for each shard that a call's members belong to (500 members a command), sent at once; a
 * second one where `add` adds new members, or `remove` is given what is none. After a growth, until `rebalance`: scripts
 * instead, and until that or an `add` has moved a member two or three more where its shard is another one now.
 */
export class ShardedSet {
  readonly #shards: Shards;
  readonly #cells: ShardedCells;
  readonly #steady: SteadySet;

  /** Throws: TypeError, RangeError for arguments that make no sense. Sends nothing. */
  constructor(redis: object, key: Bytes, options?: ShardedSetOptions) {
    this.#shards = checkedShards(redis, key, options, SET_SHARDS);
    this.#cells = new ShardedCells(this.#shards, SET_CELLS);
    this.#steady = new SteadySet(this.#shards);
  }

  /**
   * Returns how many were not members before. After a growth of the count, a member that others remove or move (`rebalance`)
   * at the same time may be counted as new though it was not.
   */
  async add(...members: readonly Bytes[]): Promise<number> {
    const { changed, left } = await this.#steady.add(distinct(members));
    if (left.length === 0) return changed;
    const entries = left.map((field) => ({ field, value: NO_VALUE }));
    const before = await this.#cells.put(entries, null);
    return changed + before.filter((state) => state !== LIVE).length;
  }

  /**
   * Returns how many were members. After a growth of the count, a member that others add, remove or move (`rebalance`) at
   * the same time may be missed in it.
   */
  async remove(...members: readonly Bytes[]): Promise<number> {
    const { changed, left } = await this.#steady.remove(distinct(members));
    if (left.length === 0) return changed;
    const before = await this.#cells.remove(left);
    return changed + before.filter((state) => state === LIVE).length;
  }

  async has(member: Bytes): Promise<boolean> {
    const name = checkedMember(member);
    return (await this.#steady.has(name)) ?? (await this.#cells.find(name)) !== null;
  }

  /**
   * All members, each once: what is one from the beginning to the end of the reading is there, what is added or removed
   * meanwhile may be.
   *
   * Memory: those of one shard (to tell which came twice); while older counts are in use, also those that have not moved.
   */
  members(): Members<string> {
    return this.#stream((member) => member.toString());
  }

  /** As `members`, for members that are no text. */
  membersBuffer(): Members<Buffer> {
    return this.#stream((member) => member);
  }

  #stream<Member>(take: (member: Buffer) => Member): Members<Member> {
    return new Stream(this.#shards, this.#cells, SET_CELLS, ({ field }) => take(givenName(field)!));
  }

  /**
   * How many there are: exact for a set that nobody changes meanwhile.
   *
   * Cost: one script a shard, SCARD; while older counts are in use also a scan of the shards that there were before.
   */
  async size(): Promise<number> {
    return await setSize(this.#shards, this.#cells);
  }

  /**
   * After a growth: moves each member to its shard of now, then forgets the older counts, so that a call is one command
   * a shard again. Others may go on working. It may be left off at any time, by `signal` or by the death of the process, and
   * run again.
   *
   * Cost: a scan of the shards that there were before, and about four scripts for 100 members that move.
   */
  async rebalance(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const { signal } = checkedOptions(options, ["signal"]);
    await rebalance(this.#shards, this.#cells, SET_CELLS, checkedSignal(signal));
  }
}

/** Checked, and each once: it counts once. */
function distinct(members: readonly unknown[]): Bytes[] {
  if (members.length === 1) return [checkedMember(members[0])];
  const known = new Map<string, Bytes>();
  for (const member of members) {
    const name = checkedMember(member);
    known.set(bytesOf(name).toString("latin1"), name);
  }
  return [...known.values()];
}

function checkedMember(member: unknown): Bytes {
  return storedName(checkedValue(member, "member"));
}
