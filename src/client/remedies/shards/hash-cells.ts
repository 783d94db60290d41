import { type Bytes, bytesOf, script } from "../commands.ts";
import type { CellScripts } from "./cells.ts";
import { moveScript } from "./shard-move.ts";
import { FENCE, type ShardKind } from "./shards.ts";
import { RESERVED } from "./stored-names.ts";

/** The field of a shard that says which list it is open for. */
export const HASH_MARK = RESERVED;

export const HASH_SHARDS: ShardKind = {
  what: "hash",
  beside: ["hash-shards"],
  move: moveScript("local function mark(key) redis.call('HSET', key, '\\0kh', ARGV[3]) end"),
  isOpen: async (commands, shard, list) => String(await commands.run("HGET", shard, HASH_MARK)) === list.text,
};

/**
 * Begins what a shard's hash holds where it is not just the value: `NUL kh:EXPIRY:VALUE`. EXPIRY is in ms since 1970 by
 * the server's clock, 0 for what was deleted, `-` for never (a value that itself begins like this), or `claim`, where VALUE
 * is the token of who moves the field.
 */
const MAGIC = "\0kh:";
const NEVER = `${MAGIC}-:`;
const COLON = ":".charCodeAt(0);

/** What a shard's hash holds for a value without an expiry. */
export function rawOf(value: Bytes): Bytes {
  if (typeof value === "string") return value.startsWith(MAGIC) ? NEVER + value : value;
  return isPlain(bytesOf(value)) ? value : Buffer.concat([Buffer.from(NEVER), value]);
}

/** The value in what a shard's hash holds. */
export function valueIn(raw: Buffer): Buffer {
  return isPlain(raw) ? raw : raw.subarray(raw.indexOf(COLON, MAGIC.length) + 1);
}

/** Whether it is the value itself, and nothing else is to be asked for. */
export function isPlain(raw: Buffer): boolean {
  return raw[0] !== 0 || raw.toString("latin1", 0, MAGIC.length) !== MAGIC;
}

const STATES = `
local MAGIC = '\\0kh:'
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function state(raw)
  if not raw then return 0 end
  if string.sub(raw, 1, 4) ~= MAGIC then return 1 end
  local colon = string.find(raw, ':', 5, true)
  local expiry = colon and string.sub(raw, 5, colon - 1)
  if expiry == 'claim' then return 0 end
  if tonumber(expiry) and tonumber(expiry) <= nowMs() then return 2 end
  return 1
end
local function held(field) return redis.call('HGET', KEYS[1], field) end
local reply = {0}
local function say(what) reply[#reply + 1] = what end
`;

const cellScript = (body: string) => script(`${FENCE}${STATES}${body}return reply\n`);

export const HASH_CELLS: CellScripts = {
  look: cellScript(`
for at = 3, #ARGV do
  local raw = held(ARGV[at])
  local found = state(raw)
  if found == 2 and ARGV[2] == '1' then redis.call('HDEL', KEYS[1], ARGV[at]) end
  say(found)
  say(raw or '')
end
`),
  put: cellScript(`
for at = 3, #ARGV, 2 do
  local value = ARGV[at + 1]
  if ARGV[2] ~= '' then
    value = MAGIC .. string.format('%.0f', nowMs() + ARGV[2]) .. ':' .. value
  elseif string.sub(value, 1, 4) == MAGIC then
    value = MAGIC .. '-:' .. value
  end
  say(state(held(ARGV[at])))
  redis.call('HSET', KEYS[1], ARGV[at], value)
end
`),
  bury: cellScript(`
for at = 2, #ARGV do
  local before = state(held(ARGV[at]))
  if before ~= 2 then redis.call('HSET', KEYS[1], ARGV[at], MAGIC .. '0:') end
  say(before)
end
`),
  drop: cellScript(`
for at = 2, #ARGV do
  say(state(held(ARGV[at])))
  redis.call('HDEL', KEYS[1], ARGV[at])
end
`),
  settle: cellScript(`
for at = 3, #ARGV do
  local raw = held(ARGV[at])
  if state(raw) == 2 or raw == MAGIC .. 'claim:' .. ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[at]) end
end
`),
  claim: cellScript(`
for at = 3, #ARGV do
  local before = state(held(ARGV[at]))
  if before == 0 then redis.call('HSET', KEYS[1], ARGV[at], MAGIC .. 'claim:' .. ARGV[2]) end
  say(before)
end
`),
  commit: cellScript(`
for at = 3, #ARGV, 2 do
  local isOurs = held(ARGV[at]) == MAGIC .. 'claim:' .. ARGV[2]
  if isOurs then redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
  say(isOurs and 1 or 0)
end
`),
  page: cellScript(`
local page = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
say(page[1])
for at = 1, #page[2], 2 do
  say(page[2][at])
  say(state(page[2][at + 1]))
  say(page[2][at + 1])
end
`),
};
