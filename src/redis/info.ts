/** Fields of an INFO reply, by name. Of names that come twice the first counts. */
export type Info = ReadonlyMap<string, string>;

/** Parses INFO: `name:value` lines under `# Section` headings. Never throws. */
export function parseInfo(text: string): Info {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0 || line.startsWith("#")) continue;
    const name = line.slice(0, colon);
    if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trimEnd());
  }
  return fields;
}

/** A field as a number; `null` where it is not there or not one. */
export function infoNumber(info: Info, name: string): number | null {
  const text = info.get(name);
  if (text === undefined || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

const COMMAND_PREFIX = "cmdstat_";

/**
 * Calls by command of INFO commandstats, names in lower case: `get`, `config|get` (before Redis 7 just `config`).
 *
 * A call that was refused (ACL, arity, memory) is not among them, one that ran into an error is.
 */
export function parseCommandCalls(text: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (!line.startsWith(COMMAND_PREFIX)) continue;
    const match = /^cmdstat_(.+?):(?:.*,)?calls=(\d+)(?:,|$)/.exec(line.trimEnd());
    if (!match) continue;
    const name = match[1]!.toLowerCase();
    calls.set(name, (calls.get(name) ?? 0) + Number(match[2]));
  }
  return calls;
}

/** CPU time used since the start, in seconds: of the main thread where the server tells, for that is what saturates. */
export function cpuSecondsOf(info: Info): number | null {
  const main = sumOf(info, "used_cpu_user_main_thread", "used_cpu_sys_main_thread");
  return main ?? sumOf(info, "used_cpu_user", "used_cpu_sys");
}

/** Lookups of keys by reads since the start; each key of an MGET counts, also inside scripts. */
export function keyspaceReadsOf(info: Info): number | null {
  return sumOf(info, "keyspace_hits", "keyspace_misses");
}

/** Databases that hold keys, with how many, in order, from INFO keyspace: `db0:keys=10,expires=0,avg_ttl=0`. */
export function databasesOf(info: Info): ReadonlyMap<number, number> {
  const found: [number, number][] = [];
  for (const [name, text] of info) {
    const db = /^db(\d+)$/.exec(name)?.[1];
    const keys = /(?:^|,)keys=(\d+)/.exec(text)?.[1];
    if (db !== undefined && keys !== undefined) found.push([Number(db), Number(keys)]);
  }
  return new Map(found.sort(([a], [b]) => a - b));
}

function sumOf(info: Info, first: string, second: string): number | null {
  const a = infoNumber(info, first);
  const b = infoNumber(info, second);
  return a === null || b === null ? null : a + b;
}

export interface Product {
  readonly flavor: "redis" | "valkey";
  readonly version: string;
}

/** What the server is. Valkey gives a Redis version as well, for old clients. */
export function productOf(info: Info): Product {
  const valkey = info.get("valkey_version");
  if (valkey !== undefined) return { flavor: "valkey", version: valkey };
  return { flavor: "redis", version: info.get("redis_version") ?? "unknown" };
}

/** Whether `version` is at least `major.minor`. An unknown version is not. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (!match) return false;
  const [theMajor, theMinor] = [Number(match[1]), Number(match[2])];
  return theMajor > major || (theMajor === major && theMinor >= minor);
}
