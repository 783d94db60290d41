import { roundedRate } from "../model/heat.ts";
import { rounded } from "../model/rounded.ts";
import type { Role } from "../model/target.ts";
import { sureOf } from "../panes/columns.ts";
import type { EntryRow } from "../panes/entries.ts";
import { reasonOf } from "../runtime/reason.ts";
import { boundsOf, type CountedKey, commandCounts, countedKey } from "./counted-key.ts";
import type { StopReason } from "./monitor/guard.ts";
import { ServerWatch } from "./monitor/server-watch.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import { TopList } from "./top-list.ts";

export interface MonitorScanOptions {
  readonly seconds: number;
  /** How many keys are listed. */
  readonly limit: number;
}

/** Commands a second that a server ran: right before MONITOR, and while it was on. */
export interface OpsPerSecond {
  readonly before: number;
  readonly during: number;
}

export interface MonitoredKey extends CountedKey {
  readonly ratePerSecond: { readonly read: number; readonly write: number; readonly total: number };
  /** Accesses of the key over all commands of its server, 0 to 1. */
  readonly shareOfCommands: number;
}

interface Sight {
  /** How long MONITOR was on. */
  readonly seconds: number;
  readonly commands: number;
  /** Keys that these commands used: each key of an MGET counts. */
  readonly accesses: number;
  /** Why it ended before its time; `null`: it did not. */
  readonly stoppedBy: StopReason | null;
  readonly opsPerSecond: OpsPerSecond;
}

export interface MonitoredServer extends Sight {
  readonly target: string;
  readonly role: Role;
  readonly problem: string | null;
}

export interface MonitorScan extends Sight {
  readonly servers: readonly MonitoredServer[];
  /** Hottest first. */
  readonly keys: readonly (MonitoredKey & { readonly rank: number })[];
}

interface Run {
  readonly watch: ServerWatch;
  /** Why it could not begin. */
  readonly problem: string | null;
}

/**
 * The keys that commands use most, reads and writes, by a short MONITOR at each server. Each has a guard of its own,
 * which ends it where it does the server harm.
 *
 * Throws: Error where MONITOR could not begin at any server.
 */
export async function scanMonitor(
  context: ScanContext,
  { seconds, limit }: MonitorScanOptions,
): Promise<ScanOutcome<MonitorScan>> {
  const { clock, signal, onProgress } = context;
  const lengthMs = seconds * 1000;
  const runs = await Promise.all(
    context.servers.map(async (server): Promise<Run> => {
      const progress = (doneMs: number) =>
        onProgress({ done: Math.round(doneMs), total: lengthMs, unit: "ms" });
      const watch = new ServerWatch(server, { clock, signal, lengthMs, onProgress: progress });
      const problem = await watch.run().then(() => null, reasonOf);
      // What a stopped scan could not begin is no fault of the server's.
      return { watch, problem: signal.aborted ? null : problem };
    }),
  );
  const [failed] = runs.filter(({ problem }) => problem !== null);
  if (failed !== undefined && runs.every(({ problem }) => problem !== null))
    throw new Error(`${failed.watch.server.address}: ${failed.problem}`);
  const keys = hottestOf(runs, limit).map((key, index) => ({ rank: index + 1, ...key }));
  const servers = runs.map(serverOf);
  return { body: { ...sumOf(servers), servers, keys }, missing: missingOf(runs), limits: [] };
}

interface Candidate {
  readonly watch: ServerWatch;
  readonly row: EntryRow;
  /** Accesses a second. */
  readonly rate: number;
}

function hottestOf(runs: readonly Run[], limit: number): readonly MonitoredKey[] {
  const hottest = new TopList<Candidate>(limit, ({ rate }) => rate);
  for (const { watch } of runs)
    for (const row of watch.tally.rows())
      hottest.offer({ watch, row, rate: estimateOf(row) / secondsOf(watch) });
  return hottest.items().map(keyOf);
}

function keyOf({ watch, row }: Candidate): MonitoredKey {
  const sure = sureOf(row);
  const isAllRead = watch.garbage === 0 && watch.unread === 0;
  const count = boundsOf(sure, isAllRead ? sure + row.error : null);
  const commands = commandCounts(row.commands, watch.tally.commandNames);
  const perSecond = (accesses: number) => roundedRate(accesses / secondsOf(watch));
  return {
    ...countedKey(watch.server.address, row, count, commands),
    ratePerSecond: {
      read: perSecond(row.read),
      write: perSecond(row.write),
      total: perSecond(count.estimate),
    },
    shareOfCommands: rounded(count.estimate / Math.max(1, watch.commands), 4),
  };
}

/** The middle of its bounds. */
function estimateOf(row: EntryRow): number {
  return sureOf(row) + Math.floor(row.error / 2);
}

/** Where nothing was watched there is nothing to divide. */
function secondsOf({ watchedMs }: ServerWatch): number {
  return Math.max(1, watchedMs) / 1000;
}

function serverOf({ watch, problem }: Run): MonitoredServer {
  const { server, watchedMs, commands, tally, stoppedBy, opsPerSecond } = watch;
  const { before, during } = opsPerSecond;
  return {
    target: server.address,
    role: server.poll.role,
    seconds: rounded(watchedMs / 1000, 3),
    commands,
    accesses: tally.accesses,
    stoppedBy,
    opsPerSecond: { before: roundedRate(before), during: roundedRate(during) },
    problem,
  };
}

function sumOf(servers: readonly MonitoredServer[]): Sight {
  const sum = (figure: (server: MonitoredServer) => number) =>
    servers.reduce((total, server) => total + figure(server), 0);
  return {
    seconds: Math.max(...servers.map(({ seconds }) => seconds)),
    commands: sum(({ commands }) => commands),
    accesses: sum(({ accesses }) => accesses),
    stoppedBy: servers.find(({ stoppedBy }) => stoppedBy !== null)?.stoppedBy ?? null,
    opsPerSecond: {
      before: roundedRate(sum(({ opsPerSecond }) => opsPerSecond.before)),
      during: roundedRate(sum(({ opsPerSecond }) => opsPerSecond.during)),
    },
  };
}

function missingOf(runs: readonly Run[]): string[] {
  return runs.flatMap(({ watch, problem }) => {
    const address = watch.server.address;
    if (problem !== null) return [`${address}: ${problem}`];
    const unread = watch.garbage + watch.unread;
    return [
      ...(watch.stoppedBy === null ? [] : [`${address}: ${stopText(watch, watch.stoppedBy)}`]),
      ...(unread === 0 ? [] : [`${address}: ${unread} lines could not be read: counts have no upper bound`]),
    ];
  });
}

function stopText(watch: ServerWatch, reason: StopReason): string {
  const { before, during } = watch.opsPerSecond;
  const texts: Readonly<Record<StopReason, string>> = {
    "ops-drop": `it ran a quarter less commands a second than right before (${figure(before)} before, ${figure(during)} meanwhile)`,
    "output-buffer": "it held back more than 8 MiB for this connection",
    "slow-reader": "this process cannot keep up: lines were read more than 1 s late",
    unwatched: `it could not be watched any more: ${watch.detail || "no answer for 1 s"}`,
    "server-closed": `the connection was lost: ${watch.detail}`,
  };
  return `MONITOR was ended after ${rounded(watch.watchedMs / 1000, 1)} s: ${texts[reason]}`;
}

function figure(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
