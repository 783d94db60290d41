import { type Bytes, type Commands, type Script, script, type Word } from "../commands.ts";

/** What a key held at a time: its value, or nothing. */
export interface Observation {
  /** Microseconds since 1970 by the key's server, or just above what a copy knew already. */
  readonly at: number;
  /** Unix ms, by the key's server; 0: never. */
  readonly expiresAtMs: number;
  readonly value: Buffer | null;
}

const HEAD_BYTES_MAX = 64;
const HEAD = /^keyheat\/1 (\d{1,16}) (value|nothing)\n/;

const CLOCK = `
local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
`;

/** ARGV: `value` and the value, or `nothing` and nothing; TTL in ms, 0: none. Returns: the observation of it. */
const WRITE: Script = script(`${CLOCK}
local at, ttl, expiresAt = microseconds(), tonumber(ARGV[3]), 0
if ARGV[1] == 'nothing' then
  redis.call('DEL', KEYS[1])
elseif ttl > 0 then
  expiresAt = math.floor(at / 1000) + ttl
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return {at, expiresAt}
`);

/** ARGV: a time that it must be above. Returns: time, expiresAtMs, the value or nil. */
const OBSERVE: Script = script(`${CLOCK}
local now, expiresAt = microseconds(), 0
local value = redis.call('GET', KEYS[1])
local ttl = redis.call('PTTL', KEYS[1])
if ttl >= 0 then expiresAt = math.floor(now / 1000) + ttl end
return {math.max(now, tonumber(ARGV[1]) + 1), expiresAt, value}
`);

/**
 * Puts an observation where none newer is, for no longer than copies may live since it was made; one that is too old
 * already takes the place of an older one all the same: it leaves nothing.
 * ARGV: time, expiresAtMs, how long copies live in ms, kind, value. Returns: the time of the one that was there, or 0.
 */
const PUT: Script = script(`${CLOCK}
local head = redis.call('GETRANGE', KEYS[1], 0, ${HEAD_BYTES_MAX - 1})
local known = string.match(head, '^keyheat/1 (%d+) ')
if not known and #head > 0 then
  error('the key ' .. KEYS[1] .. ' holds something else than a copy of a SlotSpread: delete it')
end
known = tonumber(known or 0)
local at, expiresAt = tonumber(ARGV[1]), tonumber(ARGV[2])
if known >= at then return known end
local untilMs = math.floor(at / 1000) + tonumber(ARGV[3])
if expiresAt > 0 then untilMs = math.min(untilMs, expiresAt) end
local life = untilMs - math.floor(microseconds() / 1000)
if life > 0 then
  local text = string.format('keyheat/1 %.0f %s\\n', at, ARGV[4]) .. ARGV[5]
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', life))
else
  redis.call('DEL', KEYS[1])
end
return known
`);

/** The key itself, which holds the value as it is, and copies of what was observed there. */
export class Observations {
  readonly #commands: Commands;
  readonly #copyTtlMs: number;

  constructor(commands: Commands, copyTtlMs: number) {
    this.#commands = commands;
    this.#copyTtlMs = copyTtlMs;
  }

  /** `value` `null`: deletes it. `ttlMs` 0: none. */
  async write(key: Bytes, value: Bytes | null, ttlMs: number): Promise<Observation> {
    const reply = await this.#commands.runScript(WRITE, [key], [...contentOf(value), ttlMs]);
    const [at, expiresAtMs] = listOf(reply).map(Number);
    return { at: at!, expiresAtMs: expiresAtMs!, value: value === null ? null : Buffer.from(value) };
  }

  async observe(key: Bytes, above = 0): Promise<Observation> {
    const [at, expiresAtMs, value] = listOf(await this.#commands.runScript(OBSERVE, [key], [above]));
    return {
      at: Number(at),
      expiresAtMs: Number(expiresAtMs),
      value: Buffer.isBuffer(value) ? value : null,
    };
  }

  /** Returns the time of what the copy held; 0: nothing. Not below `at`: it still holds that. */
  async put(copy: Bytes, { at, expiresAtMs, value }: Observation): Promise<number> {
    const args: Word[] = [at, expiresAtMs, this.#copyTtlMs, ...contentOf(value)];
    return Number(await this.#commands.runScript(PUT, [copy], args));
  }

  /** What the key itself holds now. */
  async readHome(key: Bytes): Promise<Buffer | null> {
    const value = await this.#commands.run("GET", key);
    return Buffer.isBuffer(value) ? value : null;
  }

  /** `undefined`: the copy tells nothing. Throws: Error where something else than a copy is. */
  async readCopy(copy: Bytes): Promise<Buffer | null | undefined> {
    const stored = await this.#commands.run("GET", copy);
    if (!Buffer.isBuffer(stored)) return undefined;
    const head = HEAD.exec(stored.toString("latin1", 0, HEAD_BYTES_MAX));
    if (head === null)
      throw new Error(`the key ${copy} holds something else than a copy of a SlotSpread: delete it`);
    return head[2] === "nothing" ? null : stored.subarray(head[0].length);
  }
}

function contentOf(value: Bytes | null): [kind: string, value: Bytes] {
  return value === null ? ["nothing", ""] : ["value", value];
}

function listOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw new Error(`the server answered a script with ${reply}`);
}
