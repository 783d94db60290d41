import { script } from "../commands.ts";

/*
 * A lock is a string, the token of who holds it, with a time to live. Whoever stores a value under a token frees the lock
 * in the same step: of all who compute for one token the first one stores, and nobody does after the lock has passed on.
 *
 * A driver may send a script a second time after a lost connection: finding one's own token is having the lock.
 * PUBLISH may be forbidden to the user: then nobody is woken, and all the rest holds.
 */

/**
 * Keys: value, lock. Arguments: token, ms to live.
 * Gives {value, nil, 0} where there is one, else {nil, token of the holder, ms that the lock has left}.
 */
export const ACQUIRE = script(`
local value = redis.call('GET', KEYS[1])
if value then return {value, false, 0} end
local holder = redis.call('GET', KEYS[2])
if not holder or holder == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  holder = ARGV[1]
end
return {false, holder, redis.call('PTTL', KEYS[2])}`);

/**
 * For a value that is still there. Keys: value, lock. Arguments: token, ms to live, ms that the value had left when it was
 * read: with more it has been refreshed since. Gives 1 where the lock was taken, else 0.
 */
export const TAKE = script(`
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then return 0 end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1`);

/** Keys: lock. Arguments: token, ms to live from now on. Gives 0 where the lock is not the token's any more. */
export const KEEP = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** Keys: lock. Arguments: token, channel. */
export const FREE = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], '')
return 1`);

/**
 * Keys: value, lock. Arguments: token, value, ms to live, channel, and NX where a value that is there by now stays. Gives 1
 * where the value was stored.
 */
export const STORE = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local stored
if ARGV[5] == 'NX' then
  stored = redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3], 'NX')
else
  stored = redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('DEL', KEYS[2])
redis.pcall('PUBLISH', ARGV[4], '')
return stored and 1 or 0`);

/** Whoever holds the lock loses it: what is being computed is older. Keys: value, lock. Arguments: value, ms, channel. */
export const OVERRIDE = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
redis.pcall('PUBLISH', ARGV[3], '')
return 1`);

/** As OVERRIDE. Keys: value, lock. Arguments: channel. Gives how many values there were. */
export const DELETE = script(`
local deleted = redis.call('DEL', KEYS[1])
redis.call('DEL', KEYS[2])
redis.pcall('PUBLISH', ARGV[1], '')
return deleted`);
