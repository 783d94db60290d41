import { type Script, script } from "../commands.ts";
import { HEAD_BYTES_MAX } from "./copy.ts";

const HOUR_MS = 3_600_000;

/** A deletion is remembered so long: later an old write that was still under way could bring its value back. */
export const DELETED_MS = 24 * HOUR_MS;
/** The version of a value with a TTL is remembered so long after it has expired, for the same reason. */
export const EXPIRED_MS = HOUR_MS;

/**
 * Keys of all: a copy, and the marker beside it with the version of what has expired there.
 *
 * `known`: the newest version that was here, how many copies its head tells of, and whether a value or deletion is here.
 * `store`: a value without TTL has life 0. The marker comes first: it fails where the life is longer than servers take.
 */
const PARTS = `
local function known(copy, marker)
  local head = redis.call('GETRANGE', copy, 0, ${HEAD_BYTES_MAX - 1})
  local version, copies = string.match(head, '^keyheat/1 (%d+) %d+ (%d+) ')
  if not version and #head > 0 then
    error('the key ' .. copy .. ' holds something else than a copy of a ReplicatedValue: delete it')
  end
  local expired = redis.call('GET', marker)
  return math.max(tonumber(version or 0), tonumber(expired or 0)), tonumber(copies or 0)
end
local function microseconds()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end
local function mark(marker, version, life)
  redis.call('SET', marker, string.format('%.0f', version), 'PX', string.format('%.0f', life))
end
local function store(version, expiresAt, copies, kind, value, ttl)
  local head = string.format('keyheat/1 %.0f %.0f %d %s\\n', version, expiresAt, copies, kind)
  if ttl == 0 then
    redis.call('SET', KEYS[1], head .. value)
    return
  end
  if kind == 'value' then mark(KEYS[2], version, ttl + ${EXPIRED_MS}) end
  redis.call('SET', KEYS[1], head .. value, 'PX', string.format('%.0f', ttl))
end
`;

/**
 * Begins a version, at the first copy. ARGV: a version that it must be above, TTL in ms or 0, copies, kind, value.
 * Returns: version, expiresAtMs, copies.
 */
export const BEGIN: Script = script(`${PARTS}
local version, copies = known(KEYS[1], KEYS[2])
local now = microseconds()
version = math.max(version + 1, tonumber(ARGV[1]) + 1, now)
copies = math.max(copies, tonumber(ARGV[3]))
local ttl = tonumber(ARGV[2])
local expiresAt = 0
if ttl > 0 then expiresAt = math.floor(now / 1000) + ttl end
store(version, expiresAt, copies, ARGV[4], ARGV[5], ttl)
return {version, expiresAt, copies}
`);

/**
 * Puts a version where none newer is. What has expired meanwhile takes the place of what is older all the same: it leaves
 * nothing. The same version is stored again where it is missing, or where more copies are to be told of.
 * ARGV: version, expiresAtMs, copies, kind, value. Returns: version and copies that were known before, expired (0, 1).
 */
export const PUT: Script = script(`${PARTS}
local version, copies = known(KEYS[1], KEYS[2])
local given, expiresAt, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl = 0
if expiresAt > 0 then ttl = expiresAt - math.floor(microseconds() / 1000) end
local isExpired = ttl < 0 or (expiresAt > 0 and ttl == 0)
if isExpired and given > version then
  mark(KEYS[2], given, ${EXPIRED_MS})
  redis.call('DEL', KEYS[1])
elseif not isExpired and (given > version or (given == version and wanted > copies)) then
  store(given, expiresAt, math.max(copies, wanted), ARGV[4], ARGV[5], ttl)
end
return {version, copies, isExpired and 1 or 0}
`);

/** Returns: the newest version that was here, or 0, and copies that its head tells of, or 0. */
export const KNOWN: Script = script(`${PARTS}
return {known(KEYS[1], KEYS[2])}
`);
