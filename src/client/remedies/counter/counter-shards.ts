import { type Bytes, type Commands, script } from "../commands.ts";
import { partNames } from "../part-names.ts";
import type { Kind } from "./increment.ts";

/** How many shards there are of each kind. */
export type ShardCounts = Readonly<Record<Kind, number>>;

export const NO_SHARDS: ShardCounts = { count: 0, float: 0 };

export function greaterOf(one: ShardCounts, other: ShardCounts): ShardCounts {
  return { count: Math.max(one.count, other.count), float: Math.max(one.float, other.float) };
}

/** Gives what the keys hold, and leaves 0: a key that is to expire stays, so that it still does. */
const TAKE = script(`
local taken = {}
for i, key in ipairs(KEYS) do
  taken[i] = redis.call('GET', key)
  if taken[i] then
    local ttl = redis.call('PTTL', key)
    if ttl > 0 then redis.call('SET', key, '0', 'PX', ttl) else redis.call('DEL', key) end
  end
end
return taken`);

/** A key that is not there is made, so that what is added to it later goes with the others. */
const EXPIRE_ALL = script(`
for _, key in ipairs(KEYS) do
  redis.call('SET', key, '0', 'NX')
  redis.call('PEXPIREAT', key, ARGV[1])
end`);

/**
 * The same for keys that are not to expire yet. Once the time is over nothing is done: a key that is there then was made
 * afterwards, and must stay.
 */
const EXPIRE_MISSED = script(`
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[1]) then return end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < 0 then
    redis.call('SET', key, '0', 'NX')
    redis.call('PEXPIREAT', key, ARGV[1])
  end
end`);

/** The keys that hold a counter's parts. Shard i has one for whole numbers and one for floats, both in one slot. */
export class CounterShards {
  readonly #commands: Commands;
  readonly #key: Bytes;
  readonly #names: Record<Kind, readonly Buffer[]> = { count: [], float: [] };

  constructor(commands: Commands, key: Bytes) {
    this.#commands = commands;
    this.#key = key;
  }

  /** At least `count` names. */
  names(kind: Kind, count: number): readonly Buffer[] {
    if (this.#names[kind].length < count)
      this.#names[kind] = partNames(this.#key, kind, count, this.#commands);
    return this.#names[kind];
  }

  /** What the shards from `from` up to `to` hold. */
  async values(from: ShardCounts, to: ShardCounts): Promise<string[]> {
    const names = (["count", "float"] as const).flatMap((kind) =>
      this.names(kind, to[kind]).slice(from[kind], to[kind]),
    );
    const values = await Promise.all(names.map((name) => this.#commands.run("GET", name)));
    return values.flatMap((value) => (value === null ? [] : [String(value)]));
  }

  /** Takes what each shard holds; one result a shard, since one may fail and others not. */
  async take(counts: ShardCounts): Promise<PromiseSettledResult<string[]>[]> {
    return await Promise.allSettled(
      this.#keysOfShards(counts).map(async (keys) => {
        const taken = await this.#commands.runScript(TAKE, keys, []);
        return (taken as readonly unknown[]).flatMap((value) => (value === null ? [] : [String(value)]));
      }),
    );
  }

  /** `atMs`: Unix time. */
  async expireAll(counts: ShardCounts, atMs: number): Promise<void> {
    const keysOfShards = this.#keysOfShards(counts);
    await Promise.all(keysOfShards.map((keys) => this.#commands.runScript(EXPIRE_ALL, keys, [atMs])));
  }

  async expireMissed(counts: ShardCounts, atMs: number): Promise<void> {
    const keysOfShards = this.#keysOfShards(counts);
    await Promise.all(keysOfShards.map((keys) => this.#commands.runScript(EXPIRE_MISSED, keys, [atMs])));
  }

  #keysOfShards(counts: ShardCounts): Buffer[][] {
    const ofCount = this.names("count", counts.count).slice(0, counts.count);
    const ofFloat = this.names("float", counts.float).slice(0, counts.float);
    const length = Math.max(counts.count, counts.float);
    return Array.from({ length }, (_, shard) => [
      ...ofCount.slice(shard, shard + 1),
      ...ofFloat.slice(shard, shard + 1),
    ]);
  }
}
