/**
 * Writes src/redis/command-table.ts from the COMMAND of this machine's redis-server and from the commands below, which
 * newer servers and modules have.
 *
 *     node .dev/generate-command-table.ts [FOLDER...]
 *
 * A FOLDER holds specifications of a server's commands, as in `src/commands/*.json` of Redis and Valkey. Commands that
 * neither the server nor the ones below have are taken from there; where these disagree with it, nothing is written.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type Reply, startRedis } from "../test/support/redis.ts";

type Begin =
  | { readonly type: "index"; readonly position: number }
  | { readonly type: "keyword"; readonly keyword: string; readonly from: number }
  | { readonly type: "unknown" };
type Find =
  | { readonly type: "range"; readonly last: number; readonly step: number; readonly limit: number }
  | { readonly type: "keynum"; readonly index: number; readonly first: number; readonly step: number }
  | { readonly type: "unknown" };
interface Specification {
  readonly flags: readonly string[];
  readonly begin: Begin;
  readonly find: Find;
}
interface Command {
  readonly name: string;
  readonly flags: readonly string[];
  readonly specifications: readonly Specification[];
}

/**
 * Where the servers' own specifications are incomplete, or fail on a consumer that is called "streams".
 * Of STORE and STOREDIST the last one holds. BITFIELD and MIGRATE: see command-keys.ts.
 */
const BY_HAND: Readonly<Record<string, string>> = {
  sort: "write r1 wSTORE@2",
  migrate: "write w3 wKEYS@6..-1",
  georadius: "write r1 wSTORE|STOREDIST@6",
  georadiusbymember: "write r1 wSTORE|STOREDIST@5",
  xreadgroup: "write rSTREAMS@1..-1%2",
};

/** They access no keys: WATCH only marks them. */
const NO_ACCESS: ReadonlySet<string> = new Set(["watch"]);

/**
 * Commands of Redis 7.4 to 8.12 and Valkey 8.0 to 9.1 (their `src/commands/*.json`; vector sets as COMMAND tells them)
 * and of the modules JSON, Bloom, TimeSeries and Search (their documentation).
 */
const NEWER: readonly (readonly [usage: string, names: string])[] = [
  ["read r1", "digest hexpiretime hpexpiretime hpttl httl"],
  ["write w1", "delex delifeq hexpire hexpireat hgetdel hgetex hpersist hpexpire hpexpireat hsetex increx"],
  ["write w1", "xackdel xcfgset xdelex xidmprecord xnack"],
  ["write w1#/2", "msetex"],
  ["read r1#", "sdiffcard sunioncard"],
  ["write w1 w2", "blmovem lmovem"],
  ["read r2", "bless|get"],
  ["write w2", "bless|clear bless|set himport|set"],
  ["read r1", "arcount arget argetrange argrep arinfo arlastitems arlen armget arnext arop arscan"],
  ["write w1", "ardel ardelrange arinsert armset arring arseek arset"],
  ["read r1", "vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vsim"],
  ["write w1", "vadd vrem vsetattr"],
  ["read r1", "json.arrindex json.arrlen json.get json.objkeys json.objlen json.resp json.strlen json.type"],
  ["read r1..-2", "json.mget"],
  ["read r2", "json.debug|fields json.debug|memory"],
  [
    "write w1",
    "json.arrappend json.arrinsert json.arrpop json.arrtrim json.clear json.del json.forget json.merge",
  ],
  ["write w1", "json.numincrby json.nummultby json.numpowby json.set json.strappend json.toggle"],
  ["write w1..-1/3", "json.mset ts.madd"],
  ["read r1", "bf.card bf.debug bf.exists bf.info bf.mexists bf.scandump"],
  ["write w1", "bf.add bf.insert bf.load bf.loadchunk bf.madd bf.reserve"],
  ["read r1", "cf.count cf.debug cf.exists cf.info cf.mexists cf.scandump"],
  ["write w1", "cf.add cf.addnx cf.compact cf.del cf.insert cf.insertnx cf.loadchunk cf.reserve"],
  ["read r1", "cms.info cms.query topk.count topk.info topk.list topk.query"],
  ["write w1", "cms.incrby cms.initbydim cms.initbyprob topk.add topk.incrby topk.reserve"],
  ["write w1 r2#", "cms.merge tdigest.merge"],
  [
    "read r1",
    "tdigest.byrank tdigest.byrevrank tdigest.cdf tdigest.info tdigest.max tdigest.min tdigest.quantile",
  ],
  ["read r1", "tdigest.rank tdigest.revrank tdigest.trimmed_mean"],
  ["write w1", "tdigest.add tdigest.create tdigest.reset"],
  ["read r1", "ts.get ts.info ts.range ts.read ts.revrange"],
  ["read r1#", "ts.nrange ts.nrevrange"],
  ["write w1", "ts.add ts.alter ts.create ts.decrby ts.del ts.incrby"],
  ["write w1 w2", "ts.createrule ts.deleterule"],
  ["read r1", "ft.sugget ft.suglen"],
  ["write w1", "ft.sugadd ft.sugdel"],
];

/** What a command does to keys, as command-table.ts writes it; null when it accesses none. */
function usageOf({ name, flags, specifications }: Command): string | null {
  if (NO_ACCESS.has(name)) return null;
  const byHand = BY_HAND[name];
  if (byHand !== undefined) return byHand;
  // PFCOUNT may rewrite what it has cached in a key, and is a read nevertheless: replicas serve it.
  const isReadOnly = flags.includes("readonly");
  const parts = specifications
    .filter((specification) => !specification.flags.includes("not_key"))
    .filter(({ begin, find }) => begin.type !== "unknown" && find.type !== "unknown")
    .map(
      ({ flags, begin, find }) =>
        `${isReadOnly || flags.includes("ro") ? "r" : "w"}${place(name, begin, find)}`,
    );
  if (parts.length === 0) return null;
  const isWrite = flags.includes("write") || (!isReadOnly && parts.some((part) => part.startsWith("w")));
  return [isWrite ? "write" : "read", ...parts].join(" ");
}

function place(name: string, begin: Begin, find: Find): string {
  const start = begin.type === "keyword" ? `${begin.keyword.toUpperCase()}@${begin.from}` : position(begin);
  if (find.type === "keynum" && find.index === 0 && find.first === 1) return `${start}#${step(find.step)}`;
  if (find.type !== "range") throw new RangeError(`${name}: a form that is not known`);
  const last = find.last === 0 ? "" : `..${find.last}`;
  return `${start}${last}${step(find.step)}${find.limit > 1 ? `%${find.limit}` : ""}`;
}

function position(begin: Begin): string {
  return begin.type === "index" ? String(begin.position) : "";
}

function step(every: number): string {
  return every === 1 ? "" : `/${every}`;
}

/** Usages of the server's own commands by name, subcommands as `xgroup|create`. */
async function ofServer(): Promise<Map<string, string>> {
  const server = await startRedis(null);
  try {
    const usages = new Map<string, string>();
    for (const row of rows(await command(server.port, ["COMMAND"]))) addRow(usages, rows(row));
    return usages;
  } finally {
    await server.stop();
  }
}

// A row of COMMAND: name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
const FLAGS = 2;
const SPECIFICATIONS = 8;
const SUBCOMMANDS = 9;

function addRow(usages: Map<string, string>, row: readonly Reply[]): void {
  const name = String(row[0]);
  const flags = rows(row[FLAGS]).map(String);
  const specifications = rows(row[SPECIFICATIONS]).map(specificationOfRow);
  const usage = usageOf({ name, flags, specifications });
  if (usage !== null) usages.set(name, usage);
  for (const subcommand of rows(row[SUBCOMMANDS])) addRow(usages, rows(subcommand));
}

function specificationOfRow(reply: Reply): Specification {
  const fields = pairs(reply);
  const [begin, find] = [pairs(fields.get("begin_search")), pairs(fields.get("find_keys"))];
  return {
    flags: rows(fields.get("flags")).map((flag) => String(flag).toLowerCase()),
    begin: beginOf(String(begin.get("type")), pairs(begin.get("spec"))),
    find: findOf(String(find.get("type")), pairs(find.get("spec"))),
  };
}

type Fields = ReadonlyMap<string, unknown>;

function beginOf(type: string, fields: Fields): Begin {
  if (type === "index") return { type, position: Number(fields.get("index") ?? fields.get("pos")) };
  if (type !== "keyword") return { type: "unknown" };
  return { type, keyword: String(fields.get("keyword")), from: Number(fields.get("startfrom")) };
}

function findOf(type: string, fields: Fields): Find {
  const step = Number(fields.get("keystep") ?? fields.get("step"));
  if (type === "range")
    return { type, last: Number(fields.get("lastkey")), step, limit: Number(fields.get("limit")) };
  if (type !== "keynum") return { type: "unknown" };
  return { type, index: Number(fields.get("keynumidx")), first: Number(fields.get("firstkey")), step };
}

function rows(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function pairs(reply: Reply | undefined): ReadonlyMap<string, Reply> {
  const words = rows(reply);
  return new Map(
    words.flatMap((word, i) => (i % 2 === 0 ? [[String(word), words[i + 1] ?? null] as const] : [])),
  );
}

interface JsonCommand {
  readonly container?: string;
  readonly command_flags?: readonly string[];
  readonly key_specs?: readonly JsonSpecification[];
}
interface JsonSpecification {
  readonly flags: readonly string[];
  readonly begin_search: Readonly<Record<string, object | null>>;
  readonly find_keys: Readonly<Record<string, object | null>>;
}

function ofFolder(folder: string): Map<string, string> {
  const usages = new Map<string, string>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const commands: Record<string, JsonCommand> = JSON.parse(readFileSync(join(folder, file), "utf8"));
    for (const [word, { container, command_flags = [], key_specs = [] }] of Object.entries(commands)) {
      const name = (container === undefined ? word : `${container}|${word}`).toLowerCase();
      const flags = command_flags.map((flag) => flag.toLowerCase());
      const usage = usageOf({ name, flags, specifications: key_specs.map(specificationOfJson) });
      if (usage !== null) usages.set(name, usage);
    }
  }
  return usages;
}

function specificationOfJson({ flags, begin_search, find_keys }: JsonSpecification): Specification {
  const [[beginType, begin] = ["unknown", null]] = Object.entries(begin_search);
  const [[findType, find] = ["unknown", null]] = Object.entries(find_keys);
  return {
    flags: flags.map((flag) => flag.toLowerCase()),
    begin: beginOf(beginType, new Map(Object.entries(begin ?? {}))),
    find: findOf(findType, new Map(Object.entries(find ?? {}))),
  };
}

function byHand(): Map<string, string> {
  return new Map(NEWER.flatMap(([usage, names]) => names.split(" ").map((name) => [name, usage] as const)));
}

/** Adds what `more` knows; throws where both know a command and disagree. */
function merge(usages: Map<string, string>, more: ReadonlyMap<string, string>): Map<string, string> {
  for (const [name, usage] of more) {
    const known = usages.get(name);
    if (known !== undefined && known !== usage)
      throw new RangeError(`${name}: "${known}" here, "${usage}" there`);
    usages.set(name, usage);
  }
  return usages;
}

function tableSource(usages: ReadonlyMap<string, string>): string {
  const names = new Map<string, string[]>();
  for (const [name, usage] of [...usages].sort()) names.set(usage, [...(names.get(usage) ?? []), name]);
  const lines = [...names].sort().map(([usage, group]) => {
    const line = `  "${usage}": "${group.join(" ")}",`;
    return line.length <= 110 ? line : `  "${usage}":\n    "${group.join(" ")}",`;
  });
  return `${HEAD}${lines.join("\n")}\n};\n`;
}

const HEAD = `/**
 * Commands that name keys, by what they do to which words. Written by .dev/generate-command-table.ts.
 *
 * The first word is the kind of the command as a whole; the others say where keys stand, as key-spec.ts reads them.
 */
export const COMMAND_TABLE: Readonly<Record<string, string>> = {
`;

const usages = process.argv
  .slice(2)
  .map(ofFolder)
  .reduce(merge, merge(await ofServer(), byHand()));
writeFileSync(new URL("../src/redis/command-table.ts", import.meta.url), tableSource(usages));
