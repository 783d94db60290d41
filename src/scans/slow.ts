import { keyHead, type ShownKey, showKey } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";
import type { Answer } from "../redis/session.ts";
import { reasonOf } from "../runtime/reason.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import type { ScanServer } from "./scan-server.ts";
import { type SlowSum, SlowTally } from "./slow/slow-tally.ts";
import { type LoggedKey, loggedKeyId, type SlowEntry, slowEntriesOf } from "./slow/slowlog-entry.ts";

export interface SlowScanOptions {
  /** Keys with fewer slow commands are left out. */
  readonly minCount: number;
  /** How many keys are listed. */
  readonly limit: number;
}

/** A key's slow commands. A command of several keys counts whole for each of them. The log tells no database. */
export interface SlowKey extends ShownKey, SlowSum {
  readonly rank: number;
  readonly db: null;
  /** Where the latest one ran. */
  readonly target: string;
  readonly pattern: string;
  readonly commands: Readonly<Record<string, number>>;
}

export interface SlowServer {
  readonly target: string;
  /** Entries that were read, without this scan's own. */
  readonly entries: number;
  /** The oldest one. */
  readonly sinceAt: string | null;
  /** The log has as many entries as it may: earlier ones have fallen out; `null`: how many it may have cannot be read. */
  readonly isFull: boolean | null;
  /** What takes longer is logged; negative: nothing is; `null`: the setting cannot be read. */
  readonly thresholdMs: number | null;
  readonly problem: string | null;
}

export interface SlowScan {
  readonly servers: readonly SlowServer[];
  readonly entries: number;
  /** Most time first. */
  readonly keys: readonly SlowKey[];
  /** Commands without keys (KEYS, FLUSHALL), most time first. */
  readonly withoutKey: readonly (SlowSum & { readonly command: string })[];
}

/** An answer with more could itself be slow. */
const ENTRIES_MAX = 1000;

/** The slow log, key by key. Source: Redis command reference, SLOWLOG GET. */
export async function scanSlow(
  context: ScanContext,
  { minCount, limit }: SlowScanOptions,
): Promise<ScanOutcome<SlowScan>> {
  const byKey = new Map<string, { readonly key: LoggedKey; readonly tally: SlowTally }>();
  const withoutKey = new Map<string, SlowTally>();
  const servers: SlowServer[] = [];
  const limits: string[] = [];
  for (const [index, server] of context.servers.entries()) {
    if (context.signal.aborted) break;
    const { report, entries, left } = await readLog(server);
    servers.push(report);
    if (left > 0)
      limits.push(`${server.address}: the latest ${ENTRIES_MAX} of ${ENTRIES_MAX + left} entries were read`);
    for (const entry of entries) add(entry, server.address, byKey, withoutKey);
    context.onProgress({ done: index + 1, total: context.servers.length, unit: "servers" });
  }
  const missing = servers.flatMap(({ target, problem }) =>
    problem === null ? [] : [`${target}: ${problem}`],
  );
  if (missing.length > 0 && missing.length === context.servers.length) throw new Error(missing.join("; "));
  return {
    body: {
      servers,
      entries: servers.reduce((sum, { entries }) => sum + entries, 0),
      keys: ranked(byKey.values(), minCount).slice(0, limit),
      withoutKey: commandsOf(withoutKey).slice(0, limit),
    },
    missing,
    limits,
  };
}

interface Log {
  readonly report: SlowServer;
  readonly entries: readonly SlowEntry[];
  /** How many more entries the log has. */
  readonly left: number;
}

async function readLog(server: ScanServer): Promise<Log> {
  const target = server.address;
  try {
    const [reply] = await server.need("slowlog|get", [["SLOWLOG", "GET", ENTRIES_MAX]]);
    const entries = slowEntriesOf(reply, server.live.session.ownEnd);
    const read = Array.isArray(reply) ? reply.length : 0;
    const length = await lengthOf(server, read);
    const oldestMs = Math.min(...entries.map(({ atMs }) => atMs));
    const sinceAt = entries.length === 0 ? null : new Date(oldestMs).toISOString();
    const { thresholdMs, entriesMax } = await settingsOf(server);
    const isFull = entriesMax === null ? null : length >= entriesMax;
    const report = { target, entries: entries.length, sinceAt, isFull, thresholdMs, problem: null };
    return { report, entries, left: length - read };
  } catch (err) {
    const unknown = { entries: 0, sinceAt: null, isFull: null, thresholdMs: null };
    return { report: { target, ...unknown, problem: reasonOf(err) }, entries: [], left: 0 };
  }
}

/** The log may have more than was read; a user who may not ask does without. */
async function lengthOf(server: ScanServer, read: number): Promise<number> {
  if (read < ENTRIES_MAX) return read;
  const [answer] = await server.ask([["SLOWLOG", "LEN"]]);
  return answer && "value" in answer ? Math.max(read, Number(answer.value)) : read;
}

interface Settings {
  readonly thresholdMs: number | null;
  /** `null`: not told, or without an end. */
  readonly entriesMax: number | null;
}

async function settingsOf(server: ScanServer): Promise<Settings> {
  const [threshold, entriesMax] = await server.ask([
    ["CONFIG", "GET", "slowlog-log-slower-than"],
    ["CONFIG", "GET", "slowlog-max-len"],
  ]);
  const microseconds = numberOf(threshold);
  return {
    thresholdMs: microseconds === null ? null : microseconds / 1000,
    entriesMax: numberOf(entriesMax) || null,
  };
}

/** Of an answer to CONFIG GET of one setting. */
function numberOf(answer: Answer | undefined): number | null {
  if (!answer || "error" in answer || !Array.isArray(answer.value)) return null;
  const value = Number(String((answer.value as unknown[])[1]));
  return Number.isFinite(value) ? value : null;
}

function add(
  entry: SlowEntry,
  target: string,
  byKey: Map<string, { readonly key: LoggedKey; readonly tally: SlowTally }>,
  withoutKey: Map<string, SlowTally>,
): void {
  for (const key of entry.keys) {
    const id = loggedKeyId(key);
    const known = byKey.get(id) ?? { key, tally: new SlowTally() };
    byKey.set(id, known);
    known.tally.add(entry, target);
  }
  if (entry.keys.length > 0) return;
  const tally = withoutKey.get(entry.command) ?? new SlowTally();
  withoutKey.set(entry.command, tally);
  tally.add(entry, target);
}

function ranked(
  found: Iterable<{ readonly key: LoggedKey; readonly tally: SlowTally }>,
  minCount: number,
): SlowKey[] {
  return Array.from(found)
    .filter(({ tally }) => tally.count >= minCount)
    .sort((a, b) => b.tally.totalMs - a.tally.totalMs)
    .map(({ key, tally }, index) => rowOf(key, tally, index + 1));
}

function rowOf(key: LoggedKey, tally: SlowTally, rank: number): SlowKey {
  const cut = key.head.length < key.length;
  const head = cut ? keyHead(key.head) : key.head;
  return {
    rank,
    ...showKey(head),
    cut,
    db: null,
    target: tally.target,
    pattern: patternOf(head),
    ...tally.sum(),
    commands: tally.commands(),
  };
}

function commandsOf(withoutKey: ReadonlyMap<string, SlowTally>): SlowScan["withoutKey"] {
  return Array.from(withoutKey, ([command, tally]) => ({ command, ...tally.sum() })).sort(
    (a, b) => b.totalMs - a.totalMs,
  );
}
