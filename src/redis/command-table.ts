/**
 * Commands that name keys, by what they do to which words. Written by .dev/generate-command-table.ts.
 *
 * The first word is the kind of the command as a whole; the others say where keys stand, as key-spec.ts reads them.
 */
export const COMMAND_TABLE: Readonly<Record<string, string>> = {
  "read r1#": "sdiffcard sintercard sunioncard ts.nrange ts.nrevrange zdiff zinter zintercard zunion",
  "read r1":
    "arcount arget argetrange argrep arinfo arlastitems arlen armget arnext arop arscan bf.card bf.debug bf.exists bf.info bf.mexists bf.scandump bitcount bitfield_ro bitpos cf.count cf.debug cf.exists cf.info cf.mexists cf.scandump cms.info cms.query digest dump expiretime ft.sugget ft.suglen geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit getrange hexists hexpiretime hget hgetall hkeys hlen hmget hpexpiretime hpttl hrandfield hscan hstrlen httl hvals json.arrindex json.arrlen json.get json.objkeys json.objlen json.resp json.strlen json.type lindex llen lpos lrange pexpiretime pttl scard sismember smembers smismember sort_ro srandmember sscan strlen substr tdigest.byrank tdigest.byrevrank tdigest.cdf tdigest.info tdigest.max tdigest.min tdigest.quantile tdigest.rank tdigest.revrank tdigest.trimmed_mean topk.count topk.info topk.list topk.query ts.get ts.info ts.range ts.read ts.revrange ttl type vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vsim xlen xpending xrange xrevrange zcard zcount zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore",
  "read r1..-1": "exists mget pfcount sdiff sinter sunion touch",
  "read r1..-2": "json.mget",
  "read r1..1": "lcs",
  "read r2#": "eval_ro evalsha_ro fcall_ro",
  "read r2":
    "bless|get json.debug|fields json.debug|memory memory|usage object|encoding object|freq object|idletime object|refcount xinfo|consumers xinfo|groups xinfo|stream",
  "read rSTREAMS@1..-1%2": "xread",
  "write r1 w2": "copy",
  "write r1 wSTORE@2": "sort",
  "write r1 wSTORE|STOREDIST@5": "georadiusbymember",
  "write r1 wSTORE|STOREDIST@6": "georadius",
  "write rSTREAMS@1..-1%2": "xreadgroup",
  "write w1 r2#": "cms.merge tdigest.merge zdiffstore zinterstore zunionstore",
  "write w1 r2": "geosearchstore zrangestore",
  "write w1 r2..-1": "pfmerge sdiffstore sinterstore sunionstore",
  "write w1 w2":
    "blmove blmovem brpoplpush lmove lmovem rename renamenx rpoplpush smove ts.createrule ts.deleterule",
  "write w1#": "lmpop zmpop",
  "write w1#/2": "msetex",
  "write w1":
    "append ardel ardelrange arinsert armset arring arseek arset bf.add bf.insert bf.load bf.loadchunk bf.madd bf.reserve bitfield cf.add cf.addnx cf.compact cf.del cf.insert cf.insertnx cf.loadchunk cf.reserve cms.incrby cms.initbydim cms.initbyprob decr decrby delex delifeq expire expireat ft.sugadd ft.sugdel geoadd getdel getex getset hdel hexpire hexpireat hgetdel hgetex hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset hsetex hsetnx incr incrby incrbyfloat increx json.arrappend json.arrinsert json.arrpop json.arrtrim json.clear json.del json.forget json.merge json.numincrby json.nummultby json.numpowby json.set json.strappend json.toggle linsert lpop lpush lpushx lrem lset ltrim move persist pexpire pexpireat pfadd psetex restore restore-asking rpop rpush rpushx sadd set setbit setex setnx setrange spop srem tdigest.add tdigest.create tdigest.reset topk.add topk.incrby topk.reserve ts.add ts.alter ts.create ts.decrby ts.del ts.incrby vadd vrem vsetattr xack xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xidmprecord xnack xsetid xtrim zadd zincrby zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore",
  "write w1..-1": "del unlink",
  "write w1..-1/2": "mset msetnx",
  "write w1..-1/3": "json.mset ts.madd",
  "write w1..-2": "blpop brpop bzpopmax bzpopmin",
  "write w2 r3..-1": "bitop",
  "write w2#": "blmpop bzmpop eval evalsha fcall",
  "write w2":
    "bless|clear bless|set himport|set pfdebug xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid",
  "write w3 wKEYS@6..-1": "migrate",
};
