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

/** `state(raw)`, by the server's clock, which is asked once and only where it matters. */
const STATES = `
local call, shard, reply = redis.call, KEYS[1], {0}
local now
local function nowMs()
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return now
end
local function state(raw)
  if not raw then return 0 end
  if string.sub(raw, 1, 4) ~= '\\0kh:' then return 1 end
  local expiry = string.match(raw, '^([^:]*):', 5)
  if expiry == 'claim' then return 0 end
  expiry = tonumber(expiry)
  if expiry and expiry <= nowMs() then return 2 end
  return 1
end
`;

const cellScript = (body: string) => script(`${FENCE}${STATES}${body}return reply\n`);

export const HASH_CELLS: CellScripts = {
  look: cellScript(`
for at = 3, #ARGV do
  local raw = call('HGET', shard, ARGV[at])
  local found = state(raw)
  if found == 2 and ARGV[2] == '1' then call('HDEL', shard, ARGV[at]) end
  reply[#reply + 1] = found
  reply[#reply + 1] = raw or ''
end
`),
  put: cellScript(`
for at = 3, #ARGV, 2 do
  local value = ARGV[at + 1]
  if ARGV[2] ~= '' then
    value = string.format('\\0kh:%.0f:', nowMs() + ARGV[2]) .. value
  elseif string.sub(value, 1, 4) == '\\0kh:' then
    value = '\\0kh:-:' .. value
  end
  reply[#reply + 1] = state(call('HGET', shard, ARGV[at]))
  call('HSET', shard, ARGV[at], value)
end
`),
  bury: cellScript(`
for at = 2, #ARGV do
  local before = state(call('HGET', shard, ARGV[at]))
  if before ~= 2 then call('HSET', shard, ARGV[at], '\\0kh:0:') end
  reply[#reply + 1] = before
end
`),
  drop: cellScript(`
for at = 2, #ARGV do
  local raw = call('HGET', shard, ARGV[at])
  if raw then call('HDEL', shard, ARGV[at]) end
  reply[#reply + 1] = state(raw)
end
`),
  settle: cellScript(`
for at = 3, #ARGV do
  local raw = call('HGET', shard, ARGV[at])
  if state(raw) == 2 or raw == '\\0kh:claim:' .. ARGV[2] then call('HDEL', shard, ARGV[at]) end
end
`),
  claim: cellScript(`
for at = 3, #ARGV do
  local before = state(call('HGET', shard, ARGV[at]))
  if before == 0 then call('HSET', shard, ARGV[at], '\\0kh:claim:' .. ARGV[2]) end
  reply[#reply + 1] = before
end
`),
  commit: cellScript(`
for at = 3, #ARGV, 2 do
  local isOurs = call('HGET', shard, ARGV[at]) == '\\0kh:claim:' .. ARGV[2]
  if isOurs then call('HSET', shard, ARGV[at], ARGV[at + 1]) end
  reply[#reply + 1] = isOurs and 1 or 0
end
`),
  page: cellScript(`
local page = call('HSCAN', shard, ARGV[2], 'COUNT', ARGV[3])
reply[2] = page[1]
for at = 1, #page[2], 2 do
  reply[#reply + 1] = page[2][at]
  reply[#reply + 1] = state(page[2][at + 1])
  reply[#reply + 1] = page[2][at + 1]
end
`),
};

/** Fills a cell of which no older ones are. ARGV: ttl in ms, field, value. */
export const HASH_PUT_EXPIRING = script(`${FENCE}
local time = redis.call('TIME')
local expiry = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('HSET', KEYS[1], ARGV[3], string.format('\\0kh:%.0f:', expiry) .. ARGV[4])
return {0}
`);
