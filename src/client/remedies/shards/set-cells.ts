import { script } from "../commands.ts";
import type { CellScripts } from "./cells.ts";
import { FENCE, type ShardKind } from "./shards.ts";

/** Beside a shard of a set are marks, a hash: of a member that is being removed `0`, of one that is being moved a token. */
export const SET_SHARDS: ShardKind = { what: "set", beside: ["set-shards", "set-marks"] };

const STATES = `
local function mark(member) return redis.call('HGET', KEYS[3], member) end
local function unmark(member) redis.call('HDEL', KEYS[3], member) end
local function state(member)
  if redis.call('SISMEMBER', KEYS[1], member) == 1 then return 1 end
  if mark(member) == '0' then return 2 end
  return 0
end
local reply = {0}
local function say(what) reply[#reply + 1] = what end
`;

const cellScript = (body: string) => script(`${FENCE}${STATES}${body}return reply\n`);

export const SET_CELLS: CellScripts = {
  look: cellScript(`
for at = 3, #ARGV do
  local found = state(ARGV[at])
  if found == 2 and ARGV[2] == '1' then unmark(ARGV[at]) end
  say(found)
  say('')
end
`),
  put: cellScript(`
for at = 3, #ARGV, 2 do
  local before = state(ARGV[at])
  if before ~= 1 then
    redis.call('SADD', KEYS[1], ARGV[at])
    unmark(ARGV[at])
  end
  say(before)
end
`),
  bury: cellScript(`
for at = 2, #ARGV do
  local before = state(ARGV[at])
  redis.call('HSET', KEYS[3], ARGV[at], '0')
  redis.call('SREM', KEYS[1], ARGV[at])
  say(before)
end
`),
  drop: cellScript(`
for at = 2, #ARGV do
  say(state(ARGV[at]))
  redis.call('SREM', KEYS[1], ARGV[at])
  unmark(ARGV[at])
end
`),
  settle: cellScript(`
for at = 3, #ARGV do
  local found = mark(ARGV[at])
  if found == '0' or found == ARGV[2] then unmark(ARGV[at]) end
end
`),
  claim: cellScript(`
for at = 3, #ARGV do
  local before = state(ARGV[at])
  if before == 0 then redis.call('HSET', KEYS[3], ARGV[at], ARGV[2]) end
  say(before)
end
`),
  commit: cellScript(`
for at = 3, #ARGV, 2 do
  local isOurs = mark(ARGV[at]) == ARGV[2]
  if isOurs then
    redis.call('SADD', KEYS[1], ARGV[at])
    unmark(ARGV[at])
  end
  say(isOurs and 1 or 0)
end
`),
  page: cellScript(`
local page = redis.call('SSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
say(page[1])
for _, member in ipairs(page[2]) do
  say(member)
  say(1)
  say('')
end
`),
};

/** How many members a shard has. */
export const SET_COUNT = script(`${FENCE}return {0, redis.call('SCARD', KEYS[1])}\n`);
