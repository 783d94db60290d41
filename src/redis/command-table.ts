/** Commands that name keys, by how they name them (command-keys.ts reads this). */
export const COMMAND_TABLE: Readonly<Record<string, string>> = {
  "read r1":
    "bitcount bitfield_ro bitpos dump exists expiretime geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit getrange hexists hget hgetall hkeys hlen hmget hrandfield hscan hstrlen hvals lindex llen lpos lrange pexpiretime pttl scard sismember smembers smismember sort_ro srandmember sscan strlen substr ttl type xlen xpending xrange xrevrange zcard zcount zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore",
  "read r1..-1": "mget sdiff sinter sunion touch",
  "read r1..1": "lcs",
  "read r1#": "sintercard zdiff zinter zintercard zunion",
  "read r2": "memory|usage object|encoding object|freq object|idletime object|refcount",
  "read r2#": "eval_ro evalsha_ro fcall_ro",
  "read rSTREAMS@1..-1%2": "xread",
  "write w1":
    "append decr decrby expire expireat getdel getex getset hdel hincrby hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lpop lpush lpushx lrem lset ltrim move persist pexpire pexpireat pfadd psetex restore rpop rpush rpushx sadd set setbit setex setnx setrange spop srem xack xadd xautoclaim xclaim xdel xtrim zadd zincrby zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore",
  "write w1..-1": "del unlink",
  "write w1..-1/2": "mset msetnx",
  "write w2#": "eval evalsha fcall",
};
