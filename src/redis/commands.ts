/**
 * Commands that change keys, as the servers flag them (`write` in COMMAND), by the names of INFO commandstats.
 *
 * Sources: the `WRITE` flags of `src/commands/*.json` in Redis 7.0.15 to 8.0-m01 and Valkey 7.2.7 to 8.0.1; the later
 * ones are those that wrote on Redis 8.6, its unstable branch or Valkey 9.1 (its COMMAND, test/fixtures/keyspace-scenarios.json),
 * and the `write` commands of the modules that Redis 8 carries, by their documentation. Servers before Redis 7 count
 * subcommands under their container (`xgroup`).
 */
const BY_GROUP = {
  string:
    "append decr decrby delex delifeq getdel getex getset incr incrby incrbyfloat increx mset msetex msetnx psetex set setex setnx setrange",
  bitmap: "bitfield bitop setbit",
  generic:
    "copy del expire expireat migrate move persist pexpire pexpireat rename renamenx restore restore-asking sort unlink",
  hash: "hdel hexpire hexpireat hgetdel hgetex hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset hsetex hsetnx",
  list: "blmove blmovem blmpop blpop brpop brpoplpush linsert lmove lmovem lmpop lpop lpush lpushx lrem lset ltrim rpop rpoplpush rpush rpushx",
  set: "sadd sdiffstore sinterstore smove spop srem sunionstore",
  sortedSet:
    "bzmpop bzpopmax bzpopmin zadd zdiffstore zincrby zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank zremrangebyscore zunionstore",
  geo: "geoadd georadius georadiusbymember geosearchstore",
  hyperloglog: "pfadd pfdebug pfmerge",
  stream:
    "xack xackdel xadd xautoclaim xclaim xdel xdelex xgroup xgroup|create xgroup|createconsumer xgroup|delconsumer xgroup|destroy xgroup|setid xcfgset xidmprecord xnack xreadgroup xsetid xtrim",
  array: "ardel ardelrange arinsert armset arring arseek arset",
  vectorSet: "vadd vrem vsetattr",
  database: "cluster|flushslot flushall flushdb sflush swapdb",
  function: "function|delete function|flush function|load function|restore",
  json: "json.arrappend json.arrinsert json.arrpop json.arrtrim json.clear json.del json.forget json.merge json.mset json.numincrby json.nummultby json.numpowby json.set json.strappend json.toggle",
  probabilistic:
    "bf.add bf.insert bf.loadchunk bf.madd bf.reserve cf.add cf.addnx cf.compact cf.del cf.insert cf.insertnx cf.loadchunk cf.reserve cms.incrby cms.initbydim cms.initbyprob cms.merge tdigest.add tdigest.create tdigest.merge tdigest.reset topk.add topk.incrby topk.reserve",
  timeSeries: "ts.add ts.alter ts.create ts.createrule ts.decrby ts.del ts.deleterule ts.incrby ts.madd",
} as const;

export const WRITE_COMMANDS: ReadonlySet<string> = new Set(
  Object.values(BY_GROUP).flatMap((names) => names.split(" ")),
);

/** How many calls of `calls` (command name -> calls) were of write commands. */
export function countWriteCalls(calls: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [command, count] of calls) if (WRITE_COMMANDS.has(command)) sum += count;
  return sum;
}
