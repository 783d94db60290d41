import { type Bytes, type Commands, type Script, script, type Word } from "../commands.ts";
import { partNames } from "../part-names.ts";
import {
  closed,
  isBeyond,
  newestCount,
  nextList,
  parseShardList,
  type ShardList,
  withoutOlder,
} from "./shard-list.ts";

/** A kind of sharded key. Names: `what` of the shards, and of each key beside a shard, in its slot. */
export interface ShardKind {
  readonly what: string;
  /** The record of the shard counts, first; then what else the scripts use. */
  readonly beside: readonly [record: string, ...others: string[]];
}

/** A shard's record says something else than the list that a call came with; `null`: there is none. Nothing was done. */
export class ShardClosed extends Error {
  override readonly name = "ShardClosed";
  readonly by: ShardList;
  readonly heard: ShardList | null;

  constructor(by: ShardList, heard: ShardList | null) {
    super(`the shard counts have changed from ${by.text} to ${heard === null ? "nothing" : heard.text}`);
    this.by = by;
    this.heard = heard;
  }
}

/**
 * Every script that works on a shard begins with this. `KEYS[1]` is the shard, `KEYS[2]` the record beside it, `ARGV[1]`
 * the caller's list. It answers `{1, record}` when the shard is not open for that list, else `{0, ...}`.
 */
export const FENCE = `
local record = redis.call('GET', KEYS[2])
if record ~= ARGV[1] then return {1, record} end
`;

/** Sets shard 0's record from what it was (empty: nothing) to something else; returns what it is now. */
const EXCHANGE = script(`
local record = redis.call('GET', KEYS[1])
if (record or '') ~= ARGV[1] then return record end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
`);

/** Closes a shard for earlier lists; returns its record. */
const CLOSE = script(`
local record = redis.call('GET', KEYS[1])
if record and tonumber(string.match(record, '^%d+') or 'inf') >= tonumber(string.match(ARGV[1], '^%d+')) then
  return record
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
`);

const CLOSED_AT_ONCE = 64;
/** More changes than this during one call are no growth but a fight. */
const CHANGES_MAX = 100;

/**
 * The shards of one key, and the list of the counts in use, which each process learns and none keeps to itself.
 *
 * A count grows in three steps: shard 0 records the new list as closing; the record of each other shard is set to it,
 * from when on calls by earlier lists are refused there; shard 0 records it as closed. Only then does anybody work by it.
 * A shard serves only calls by the very list of its record: so no call by an earlier list follows one by a later list. Who is refused, or sees a list that is closing, carries on
 * with these steps: a process that dies within them holds up nobody.
 */
export class Shards {
  readonly #commands: Commands;
  readonly #key: Bytes;
  readonly #kind: ShardKind;
  readonly #wanted: number;
  #list: ShardList | null = null;
  #learning: Promise<ShardList> | null = null;
  #names: readonly (readonly Buffer[])[] = [];

  constructor(commands: Commands, key: Bytes, kind: ShardKind, wanted: number) {
    this.#commands = commands;
    this.#key = key;
    this.#kind = kind;
    this.#wanted = wanted;
    // A client's prefix that does not fit is told at once.
    this.#grow(wanted);
  }

  /** The list as this process knows it; asked for the first time it is learned, and recorded where there is none. */
  async list(): Promise<ShardList> {
    return this.#list ?? (await this.#learn(null));
  }

  /** Whether anybody has ever written to the key. */
  async isRecorded(): Promise<boolean> {
    return this.#list !== null || (await this.#recorded()) !== null;
  }

  /** After a refusal: learns the list that holds now. */
  async follow({ by, heard }: ShardClosed): Promise<void> {
    if (heard === null || heard.epoch < by.epoch) {
      // A record was lost (a failover, an eviction, a flush). Others may work by less than what we know: all is said anew.
      await this.#close(by, null);
      await this.#learn(by);
      return;
    }
    const isKnown = this.#list !== null && !heard.isClosing && !isBeyond(heard, this.#list);
    if (!isKnown) await this.#learn(heard);
  }

  /**
   * Runs a script on a shard, by a list.
   *
   * Throws: ShardClosed where the shard is closed for that list: nothing was done.
   */
  async call(script: Script, shard: number, list: ShardList, args: readonly Word[]): Promise<unknown[]> {
    this.#grow(newestCount(list));
    const reply = await this.#commands.runScript(script, this.#names[shard]!, [list.text, ...args]);
    const [isClosed, ...rest] = reply as unknown[];
    if (Number(isClosed) === 1) throw new ShardClosed(list, listOrNone(rest[0]));
    return rest;
  }

  /** Does `task`, and again by the list that holds then, as long as shards are closed for the one it was done by. */
  async persist<Result>(task: (list: ShardList) => Promise<Result>): Promise<Result> {
    for (let changes = 0; ; changes++) {
      try {
        return await task(await this.list());
      } catch (error) {
        if (!(error instanceof ShardClosed) || changes === CHANGES_MAX) throw error;
        await this.follow(error);
      }
    }
  }

  /** When nothing is left where the older counts of `list` put it: forgets them, unless something else is recorded by now. */
  async forgetOlder(list: ShardList): Promise<void> {
    await this.#record(list, withoutOlder(list));
    this.#list = null;
  }

  #learn(heard: ShardList | null): Promise<ShardList> {
    // Who comes meanwhile with other news is refused once more, and comes again.
    this.#learning ??= this.#settle(heard).finally(() => {
      this.#learning = null;
    });
    return this.#learning;
  }

  async #settle(firstHeard: ShardList | null): Promise<ShardList> {
    let heard = firstHeard;
    let recorded = await this.#recorded();
    for (let changes = 0; changes < CHANGES_MAX; changes++) {
      if (recorded?.isClosing) {
        heard = await this.#close(recorded, heard);
        recorded = await this.#record(recorded, closed(recorded));
        continue;
      }
      const next = nextList(recorded, heard, this.#wanted);
      if (next === null) {
        this.#list = recorded!;
        return this.#list;
      }
      recorded = await this.#record(recorded, next);
    }
    throw new Error("the shard counts change again and again: is a key of theirs written by something else?");
  }

  /** Returns the latest list that a shard told of, or `heard`. */
  async #close(list: ShardList, heard: ShardList | null): Promise<ShardList | null> {
    this.#grow(newestCount(list));
    let latest = heard;
    for (let first = 1; first < newestCount(list); first += CLOSED_AT_ONCE) {
      const some = this.#names.slice(first, Math.min(first + CLOSED_AT_ONCE, newestCount(list)));
      const replies = await Promise.all(
        some.map(([, record]) => this.#commands.runScript(CLOSE, [record!], [closed(list).text])),
      );
      for (const reply of replies) {
        const told = parseShardList(String(reply));
        if (latest === null || isBeyond(told, latest)) latest = told;
      }
    }
    return latest;
  }

  async #recorded(): Promise<ShardList | null> {
    const record = await this.#commands.run("GET", this.#names[0]![1]!);
    return listOrNone(record);
  }

  async #record(from: ShardList | null, to: ShardList): Promise<ShardList | null> {
    const record = await this.#commands.runScript(
      EXCHANGE,
      [this.#names[0]![1]!],
      [from?.text ?? "", to.text],
    );
    return listOrNone(record);
  }

  /** Names by shard: the shard, the record beside it, and what else there is. */
  #grow(count: number): void {
    if (count <= this.#names.length) return;
    const { what, beside } = this.#kind;
    const columns = [what, ...beside].map((part) => partNames(this.#key, part, count, this.#commands));
    this.#names = Array.from({ length: count }, (_, shard) => columns.map((names) => names[shard]!));
  }
}

function listOrNone(record: unknown): ShardList | null {
  return record === null || record === undefined ? null : parseShardList(String(record));
}
