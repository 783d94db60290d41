import { databasesOf, parseInfo } from "../redis/info.ts";
import { RecentKeys } from "./recent-keys.ts";
import type { ScanServer } from "./scan-server.ts";

export interface KeyWalkOptions {
  /** Glob that the server applies to the keys; none: all of them. */
  readonly match?: string | undefined;
  /** Only this database; none: all that hold keys. */
  readonly db?: number | undefined;
  readonly signal: AbortSignal;
}

/** Keys that were not there before in the walk, of one database. */
export interface KeyPage {
  readonly db: number;
  readonly keys: readonly Buffer[];
  /** Keys that the server went over for this page; those that do not match are among them, those that came twice not. */
  readonly passed: number;
}

/** What a walk needs of a server. */
export type KeyHolder = Pick<ScanServer, "need" | "select">;

/** Keys that the server goes over in one call: about 30 us of its time (100 took 130 us). */
const SCAN_COUNT = 20;
/** As many commands of the budget as such a call takes of the server's time: TYPE and the like take 0.5 to 3 us. */
const SCAN_COST = 10;
const START = "0";

/** How many keys each database of a server has: of `db` alone where it is given. Throws: `TargetError`. */
export async function databaseSizes(server: KeyHolder, db?: number): Promise<ReadonlyMap<number, number>> {
  const [text] = await server.need("info", [["INFO", "keyspace"]]);
  const sizes = databasesOf(parseInfo(String(text)));
  return db === undefined ? sizes : new Map([[db, sizes.get(db) ?? 0]]);
}

/**
 * Goes over the keys of a server by SCAN, page by page, until the end or until `signal` aborts.
 *
 * Keys that are there all the time come exactly once; those that come or go in the meantime may or may not come.
 * The selected database stays the page's until the next page is asked for. Throws: `TargetError`.
 */
export async function* walkKeys(server: KeyHolder, options: KeyWalkOptions): AsyncGenerator<KeyPage, void> {
  const sizes = await databaseSizes(server, options.db);
  for (const [db, size] of sizes) {
    if (options.signal.aborted) return;
    await server.select(db);
    yield* walkDatabase(server, { db, size }, options);
  }
}

async function* walkDatabase(
  server: KeyHolder,
  { db, size }: { readonly db: number; readonly size: number },
  { match, signal }: KeyWalkOptions,
): AsyncGenerator<KeyPage, void> {
  let left = size;
  const recent = new RecentKeys();
  const filter = match === undefined ? [] : ["MATCH", match];
  let cursor = START;
  do {
    const [reply] = await server.need("scan", [["SCAN", cursor, ...filter, "COUNT", SCAN_COUNT]], SCAN_COST);
    const [next, found] = pageOf(reply);
    const keys = found.filter((key) => recent.isNew(key));
    cursor = next;
    // Of keys that do not match SCAN tells nothing: it goes over about so many a call, and over all of them to its end.
    const gone = cursor === START ? left : Math.min(SCAN_COUNT, left);
    const passed = match === undefined ? keys.length : Math.max(keys.length, gone);
    left = Math.max(0, left - passed);
    yield { db, keys, passed };
  } while (cursor !== START && !signal.aborted);
}

function pageOf(reply: unknown): [cursor: string, keys: readonly Buffer[]] {
  const [cursor, keys] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (!Buffer.isBuffer(cursor) || !Array.isArray(keys))
    throw new Error("the server's answer to SCAN is none");
  return [cursor.toString("latin1"), (keys as unknown[]).filter((key) => Buffer.isBuffer(key))];
}
