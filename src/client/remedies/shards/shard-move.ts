import { type Script, script } from "../commands.ts";

/**
 * The script that opens a shard for a list, and closes it for earlier ones: what it holds gets the name that it has by that
 * list, and under the name that it had there is text from then on, the list that followed. So plain commands by an earlier
 * list fail, with WRONGTYPE.
 *
 * `mark` is Lua: `mark(key)` makes a key say that it is open for the list `ARGV[3]`; `record` is that of before.
 *
 * KEYS: the record; the name by the list; then those by earlier lists, first the one that the shard has now. ARGV: what the
 * record must be (empty: nothing), what it is then, the list. Reply: the record; what closed the shard for this very list,
 * if that has been already: then, as where the record is another one, nothing was done.
 */
export function moveScript(mark: string): Script {
  return script(`
local record = redis.call('GET', KEYS[1]) or ''
if record ~= ARGV[1] then return {record, ''} end
local function isClosed(key) return redis.call('TYPE', key).ok == 'string' end
${mark}
local to, from = KEYS[2], KEYS[3]
if isClosed(to) then return {record, redis.call('GET', to)} end
if from and not isClosed(from) then
  mark(from)
  redis.call('RENAME', from, to)
end
for at = 3, #KEYS do redis.call('SET', KEYS[at], ARGV[3]) end
mark(to)
redis.call('SET', KEYS[1], ARGV[2])
return {ARGV[2], ''}
`);
}
