import { script } from "../commands.ts";
import type { CellScripts } from "./cells.ts";
import type { ShardList } from "./shard-list.ts";
import { moveScript } from "./shard-move.ts";
import { FENCE, type ShardKind } from "./shards.ts";
import { RESERVED } from "./stored-names.ts";

/** Beside a shard of a set are marks, a hash: of a member that is being removed `0`, of one that is being moved a token. */
export const SET_SHARDS: ShardKind = {
  what: "set",
  beside: ["set-shards", "set-marks"],
  move: moveScript(`
local before = string.gsub(record, '%*$', '')
local function mark(key)
  redis.call('SREM', key, '\\0kh:' .. before)
  redis.call('SADD', key, '\\0kh:' .. ARGV[3])
end
`),
  isOpen: async (commands, shard, list) =>
    Number(await commands.run("SISMEMBER", shard, setMark(list))) === 1,
};

/** The member of a shard that says that it is open for a list. */
export function setMark({ text }: ShardList): string {
  return `${RESERVED}:${text}`;
}

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

/** How many members a shard has, its mark left out. */
export const SET_COUNT = script(`${FENCE}
local isMarked = redis.call('SISMEMBER', KEYS[1], '\\0kh:' .. ARGV[1])
return {0, redis.call('SCARD', KEYS[1]) - isMarked}
`);
