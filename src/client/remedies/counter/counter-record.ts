import { type Bytes, type Commands, script } from "../commands.ts";
import { PARTS_MAX, partNames } from "../part-names.ts";
import { type CounterShards, greaterOf, NO_SHARDS, type ShardCounts } from "./counter-shards.ts";
import type { Kind } from "./increment.ts";

/** What is recorded may be lost in a failover: it is recorded again after so much time of use. */
const FRESH_MS = 10_000;
/** So long the record outlives its shards: long after everyone who still counts has recorded again. */
const KEPT_MS = 3_600_000;

/**
 * Makes the record say at least ARGV[1] shards of whole numbers and ARGV[2] of floats, and that they expire in ARGV[3]
 * ms (0: as it was). Forgets an expiry that is over. Gives the counts, when they expire (0: never), and the time here.
 */
const RECORD = script(`
local had = redis.call('HMGET', KEYS[1], 'count', 'float', 'expiresAt')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = math.max(tonumber(had[1]) or 0, tonumber(ARGV[1]))
local float = math.max(tonumber(had[2]) or 0, tonumber(ARGV[2]))
if count ~= tonumber(had[1]) or float ~= tonumber(had[2]) then
  redis.call('HSET', KEYS[1], 'count', count, 'float', float)
end
local expiresAt = tonumber(had[3]) or 0
local ttl = tonumber(ARGV[3])
if ttl > 0 then
  expiresAt = now + ttl
  local text = string.format('%.0f', expiresAt)
  redis.call('HSET', KEYS[1], 'expiresAt', text)
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expiresAt + tonumber(ARGV[4])))
elseif expiresAt > 0 and expiresAt <= now then
  expiresAt = 0
  redis.call('HDEL', KEYS[1], 'expiresAt')
  redis.call('PERSIST', KEYS[1])
end
return {count, float, expiresAt, now}`);

/**
 * How many shards a counter has, written beside it, so that a reader sums those of a process that has more than itself.
 * It never falls. A process adds to shards only after the record that names them was acknowledged. Whoever records names
 * all shards that it knows of: if the record was lost, those of a process that has ended are named again.
 */
export class CounterRecord {
  readonly #commands: Commands;
  readonly #shards: CounterShards;
  readonly #name: Buffer;
  /** Of the kind that this process adds to. */
  readonly #shardCount: number;
  /** What this process adds to. */
  #own: ShardCounts;
  /** What of it the record names for certain, up to `#freshUntilMs`. */
  #recorded = NO_SHARDS;
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  /** The most that was read of the record. */
  #seen = NO_SHARDS;
  /** When the shards expire, by this process's monotonic clock, not later than it happens. */
  #expiresAtMs = Number.POSITIVE_INFINITY;
  /** Shards for which this process has seen to it that they expire, and when, in Unix time. */
  #prepared = { counts: NO_SHARDS, atMs: 0 };
  #renewal: Promise<ShardCounts> | null = null;
  #timesForgotten = 0;

  constructor(commands: Commands, key: Bytes, shards: CounterShards, shardCount: number) {
    this.#commands = commands;
    this.#shards = shards;
    this.#name = partNames(key, "shards", 1, commands)[0]!;
    this.#shardCount = shardCount;
    this.#own = { count: shardCount, float: 0 };
  }

  /** All shards that this process knows of. */
  get known(): ShardCounts {
    return greaterOf(this.#own, this.#seen);
  }

  /** Whether shards of this kind may be added to now. */
  isFresh(kind: Kind): boolean {
    return this.#recorded[kind] > 0 && performance.now() < this.#freshUntilMs;
  }

  /** Whether the shards have expired as far as this process knows: what is added now may be in new ones, which do not. */
  get isExpired(): boolean {
    return performance.now() >= this.#expiresAtMs;
  }

  /** The record may have been lost. */
  forget(): void {
    this.#timesForgotten++;
    this.#recorded = NO_SHARDS;
  }

  /** Resolves once the record names this process's shards of this kind, and they expire with the others. */
  async renew(kind: Kind): Promise<void> {
    this.#own = { ...this.#own, [kind]: this.#shardCount };
    let named = NO_SHARDS;
    // What is under way serves all who ask meanwhile, but not those of a kind that it does not name.
    while (named[kind] === 0) {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = null;
      });
      named = await this.#renewal;
    }
  }

  /** All shards that are recorded, and those of this process. */
  async read(): Promise<ShardCounts> {
    const seen = this.#seen;
    const [count, float] = (await this.#commands.run("HMGET", this.#name, "count", "float")) as unknown[];
    const read = this.#countsOf(count, float);
    if (read.count < seen.count || read.float < seen.float) this.forget();
    this.#seen = greaterOf(this.#seen, read);
    return this.known;
  }

  /** Records that the shards expire in `ttlMs`, by the clock of the record's server. Gives when, in Unix time. */
  async setExpiry(ttlMs: number): Promise<number> {
    return await this.#record(ttlMs);
  }

  /** When the shards expire, in Unix time; 0: never. */
  async expiry(): Promise<number> {
    return await this.#record(0);
  }

  async #renew(): Promise<ShardCounts> {
    const own = this.#own;
    const timesForgotten = this.#timesForgotten;
    const atMs = await this.#record(0);
    if (atMs !== 0) await this.#prepare(own, atMs);
    // Who has waited may go on; whoever comes after a failure asks again.
    if (timesForgotten === this.#timesForgotten) {
      this.#recorded = own;
      this.#freshUntilMs = performance.now() + FRESH_MS;
    }
    return own;
  }

  /** Whoever called `expire` may not have known of these shards, or have died over it. */
  async #prepare(own: ShardCounts, atMs: number): Promise<void> {
    const { counts } = this.#prepared;
    const isDone = this.#prepared.atMs === atMs && counts.count >= own.count && counts.float >= own.float;
    if (isDone) return;
    await this.#shards.expireMissed(own, atMs);
    this.#prepared = { counts: own, atMs };
  }

  async #record(ttlMs: number): Promise<number> {
    const sentMs = performance.now();
    const known = this.known;
    const args = [known.count, known.float, ttlMs, KEPT_MS];
    const reply = await this.#commands.runScript(RECORD, [this.#name], args);
    const [count, float, expiresAt, now] = reply as readonly unknown[];
    this.#seen = greaterOf(this.#seen, this.#countsOf(count, float));
    const atMs = Number(expiresAt);
    this.#expiresAtMs = atMs === 0 ? Number.POSITIVE_INFINITY : sentMs + atMs - Number(now);
    return atMs;
  }

  #countsOf(count: unknown, float: unknown): ShardCounts {
    return { count: this.#checked(count), float: this.#checked(float) };
  }

  #checked(value: unknown): number {
    const count = Number(value ?? 0);
    if (Number.isInteger(count) && count >= 0 && count <= PARTS_MAX) return count;
    throw new Error(
      `${this.#name}: says ${value} shards, expected at most ${PARTS_MAX}: is the key used otherwise?`,
    );
  }
}
