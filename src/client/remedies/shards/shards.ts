import type { Bytes, Commands, Script, Word } from "../commands.ts";
import {
  closed,
  isBeyond,
  isShardList,
  laterOf,
  newestCount,
  nextList,
  parseShardList,
  type ShardList,
  withoutOlder,
} from "./shard-list.ts";
import { ShardNames } from "./shard-names.ts";

/** A kind of sharded key. Names: `what` of the shards, and of each key beside a shard, in its slot. */
export interface ShardKind {
  readonly what: string;
  /** The record of the shard counts, first; then what else the scripts use. */
  readonly beside: readonly [record: string, ...others: string[]];
  /** Opens a shard for a list: see `moveScript`. */
  readonly move: Script;
  /** Whether a shard, by the name that it has by a list, says that it is open for that. */
  isOpen(commands: Commands, shard: Bytes, list: ShardList): Promise<boolean>;
}

/**
 * A shard is not open for the list that a call came with: its record says something else, `null` for nothing; or the same,
 * but what it held is gone. Nothing was done that counts.
 */
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
 * Every script that works on a shard begins with this. `KEYS[1]` is the shard, as the caller's list names it, `KEYS[2]` the
 * record beside it, `ARGV[1]` the caller's list. It answers `{1, record}` when the shard is not open for that list, else `{0, ...}`.
 */
export const FENCE = `
local record = redis.call('GET', KEYS[2])
if record ~= ARGV[1] then return {1, record} end
`;

const OPENED_AT_ONCE = 64;
/** More changes than this during one call are no growth but a fight. */
const CHANGES_MAX = 100;

/**
 * The shards of one key, and the list of the counts in use, which each process learns and none keeps to itself.
 *
 * A count grows in three steps: shard 0 records the new list as closing; each shard is opened for it, from when on calls by
 * earlier lists are refused there; shard 0 records it as closed. Only then does anybody work by it. A shard serves only calls
 * by one list: so no call by an earlier list follows one by a later list. Who is refused, or sees a list that is closing,
 * carries on with these steps: a process that dies within them holds up nobody.
 *
 * Scripts compare the record beside the shard. Plain commands, for which lists of one count do, need not: under the name by
 * an earlier list there is text. Where a shard has lost this or itself (a failover, a flush), its mark is missing: who finds
 * nothing there looks for that, and who writes what was not there.
 */
export class Shards {
  readonly #commands: Commands;
  readonly #kind: ShardKind;
  readonly #wanted: number;
  readonly #names: ShardNames;
  #list: ShardList | null = null;
  #learning: Promise<ShardList> | null = null;

  constructor(commands: Commands, key: Bytes, kind: ShardKind, wanted: number) {
    this.#commands = commands;
    this.#kind = kind;
    this.#wanted = wanted;
    this.#names = new ShardNames(key, kind.what, kind.beside, commands);
    // A client's prefix that does not fit is told at once.
    this.#names.beside(0, wanted);
  }

  /** The list as this process knows it; asked for the first time it is learned, and recorded where there is none. */
  async list(): Promise<ShardList> {
    return this.#list ?? (await this.#learn(null, null));
  }

  /** The list as this process knows it, if it has one count, so that plain commands do. */
  get steadyList(): ShardList | null {
    return this.#list !== null && this.#list.counts.length === 1 ? this.#list : null;
  }

  /** Whether anybody has ever written to the key. */
  async isRecorded(): Promise<boolean> {
    return this.#list !== null || (await this.#record(0)) !== null;
  }

  /** After a refusal: learns the list that holds now. */
  async follow({ by, heard }: ShardClosed): Promise<void> {
    if (heard === null || heard.epoch < by.epoch || heard.text === by.text) {
      // Something was lost (a failover, an eviction, a flush). Others may work by less than what we know.
      await this.#learn(heard, by);
      return;
    }
    const isKnown = this.#list !== null && !heard.isClosing && !isBeyond(heard, this.#list);
    if (!isKnown) await this.#learn(heard, null);
  }

  /**
   * Runs a script on a shard, by a list.
   *
   * Throws: ShardClosed where the shard is closed for that list: nothing was done.
   */
  async call(script: Script, shard: number, list: ShardList, args: readonly Word[]): Promise<unknown[]> {
    const keys = [this.#nameOf(shard, list), ...this.#names.beside(shard, newestCount(list))];
    const reply = await this.#commands.runScript(script, keys, [list.text, ...args]);
    const [isClosed, ...rest] = reply as unknown[];
    if (Number(isClosed) === 1) throw new ShardClosed(list, listOrNone(rest[0]));
    return rest;
  }

  /**
   * Runs a plain command on a shard, by a list.
   *
   * Throws: ShardClosed where the shard is closed for that list: nothing was done.
   */
  async run(shard: number, list: ShardList, name: string, ...words: readonly Word[]): Promise<unknown> {
    const key = this.#nameOf(shard, list);
    try {
      return await this.#commands.run(name, key, ...words);
    } catch (error) {
      throw (await this.#closing(key, list, error)) ?? error;
    }
  }

  /**
   * After a plain command that met nothing in the shard: sees whether it met the shard.
   *
   * Throws: ShardClosed where the shard was lost.
   */
  async confirm(shard: number, list: ShardList): Promise<void> {
    const key = this.#nameOf(shard, list);
    let isOpen: boolean;
    try {
      isOpen = await this.#kind.isOpen(this.#commands, key, list);
    } catch (error) {
      // Closed since: the command was in time.
      if ((await this.#closing(key, list, error)) !== null) return;
      throw error;
    }
    if (!isOpen) throw await this.lost(shard, list);
  }

  /** What to throw where the mark of an open shard is missing. */
  async lost(shard: number, list: ShardList): Promise<ShardClosed> {
    return new ShardClosed(list, await this.#record(shard));
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
    await this.#move(0, list, withoutOlder(list));
    this.#list = null;
  }

  /** What closed the shard, where `error` comes of that; else `null`. */
  async #closing(key: Bytes, list: ShardList, error: unknown): Promise<ShardClosed | null> {
    if (!isWrongType(error)) return null;
    const text = await this.#commands.run("GET", key).catch((second: unknown) => {
      if (isWrongType(second)) return null;
      throw second;
    });
    const isText = text !== null && isShardList(String(text));
    return isText ? new ShardClosed(list, parseShardList(String(text))) : null;
  }

  #learn(heard: ShardList | null, lost: ShardList | null): Promise<ShardList> {
    // Who comes meanwhile with other news is refused once more, and comes again.
    this.#learning ??= this.#settle(heard, lost).finally(() => {
      this.#learning = null;
    });
    return this.#learning;
  }

  async #settle(firstHeard: ShardList | null, lost: ShardList | null): Promise<ShardList> {
    let heard = firstHeard;
    let recorded = await this.#record(0);
    for (let changes = 0; changes < CHANGES_MAX; changes++) {
      if (recorded?.isClosing) heard = await this.#openOthers(recorded, heard);
      const next = recorded?.isClosing ? closed(recorded) : nextList(recorded, heard, this.#wanted, lost);
      if (next === null) {
        this.#list = recorded!;
        return this.#list;
      }
      const moved = await this.#move(0, recorded, next);
      recorded = moved.record;
      heard = laterOf(heard, moved.closedBy);
    }
    throw new Error("the shard counts change again and again: is a key of theirs written by something else?");
  }

  /** Opens all shards but the first. Returns the latest list that a shard told of, or `heard`. */
  async #openOthers(list: ShardList, heard: ShardList | null): Promise<ShardList | null> {
    const count = newestCount(list);
    let latest = heard;
    for (let first = 1; first < count; first += OPENED_AT_ONCE) {
      const some = Array.from(
        { length: Math.min(OPENED_AT_ONCE, count - first) },
        (_, index) => first + index,
      );
      for (const told of await Promise.all(some.map((shard) => this.#open(shard, closed(list)))))
        if (latest === null || isBeyond(told, latest)) latest = told;
    }
    return latest;
  }

  /** Returns the list that the shard is open for then: this one, or a later one. */
  async #open(shard: number, list: ShardList): Promise<ShardList> {
    let record = await this.#record(shard);
    for (let changes = 0; changes < CHANGES_MAX; changes++) {
      if (record !== null && record.epoch >= list.epoch) return record;
      const moved = await this.#move(shard, record, list);
      if (moved.closedBy !== null) return moved.closedBy;
      record = moved.record;
    }
    throw new Error("the record of a shard changes again and again: is it written by something else?");
  }

  /** Opens a shard for `to`, if it is at `from` until then. */
  async #move(shard: number, from: ShardList | null, to: ShardList): Promise<Moved> {
    const count = newestCount(to);
    const name = this.#names.data(to.epoch, shard, count);
    // Also under the name by the list before, if that is another one, what was put there after a loss is hidden.
    const before = Math.max(1, to.epoch - 1);
    const epochs = from?.epoch === to.epoch ? [] : [from?.epoch ?? before, before];
    const earlier = new Set(epochs.map((epoch) => this.#names.data(epoch, shard, count)));
    earlier.delete(name);
    const reply = await this.#commands.runScript(
      this.#kind.move,
      [this.#names.beside(shard, count)[0]!, name, ...earlier],
      [from?.text ?? "", to.text, closed(to).text],
    );
    const [record, closedBy] = (reply as unknown[]).map(String);
    return { record: listOrNone(record || null), closedBy: listOrNone(closedBy || null) };
  }

  async #record(shard: number): Promise<ShardList | null> {
    const [record] = this.#names.beside(shard, this.#wanted);
    return listOrNone(await this.#commands.run("GET", record!));
  }

  #nameOf(shard: number, list: ShardList): Bytes {
    return this.#names.data(list.epoch, shard, newestCount(list));
  }
}

interface Moved {
  readonly record: ShardList | null;
  readonly closedBy: ShardList | null;
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("WRONGTYPE");
}

function listOrNone(record: unknown): ShardList | null {
  return record === null || record === undefined ? null : parseShardList(String(record));
}
