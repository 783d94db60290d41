import { ratePerSecond, roundedRate } from "../model/heat.ts";
import type { Role } from "../model/target.ts";
import { reasonOf } from "../runtime/reason.ts";
import { type CountedKey, countedKey } from "./counted-key.ts";
import type { EventCount } from "./events/event-counts.ts";
import { EventWatch } from "./events/event-watch.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import { TopList } from "./top-list.ts";

export interface EventScanOptions {
  readonly seconds: number;
  /** How many keys are listed. */
  readonly limit: number;
  /** Globs of the keys that are watched; none: all. */
  readonly patterns: readonly string[];
}

export interface EventKey extends CountedKey {
  readonly ratePerSecond: { readonly write: number; readonly miss: number; readonly total: number };
}

export interface Observed {
  /** Keyspace events that came. */
  readonly events: number;
  /** Writes and misses among them that are sure. */
  readonly accesses: number;
}

export interface EventServer {
  readonly target: string;
  readonly role: Role;
  /** How long it was watched. */
  readonly seconds: number;
  readonly observed: Observed;
  /** Interruptions in which events may have gone unseen, by reason. */
  readonly gaps: Readonly<Record<string, number>>;
  readonly problem: string | null;
}

export interface EventScan {
  readonly seconds: number;
  readonly observed: Observed;
  readonly servers: readonly EventServer[];
  /** Hottest first. */
  readonly keys: readonly (EventKey & { readonly rank: number })[];
}

interface Run {
  readonly watch: EventWatch;
  readonly problem: string | null;
}

/**
 * The keys that are written most, and read without being there, by the servers' keyspace notifications. Nothing is
 * changed at a server.
 *
 * Throws: Error, before anything is waited for, where no server publishes them; where none can be subscribed to.
 */
export async function scanEvents(
  context: ScanContext,
  { seconds, limit, patterns }: EventScanOptions,
): Promise<ScanOutcome<EventScan>> {
  const { clock, signal, onProgress } = context;
  const lengthMs = seconds * 1000;
  const progress = (doneMs: number) => onProgress({ done: Math.round(doneMs), total: lengthMs, unit: "ms" });
  const watches = context.servers.map(
    (server) => new EventWatch(server, { clock, signal, lengthMs, patterns, onProgress: progress }),
  );
  const prepared = await tried(watches, (watch) => watch.prepare());
  const ready = prepared.filter(({ problem }) => problem === null).map(({ watch }) => watch);
  const ran = await tried(ready, (watch) => watch.run());
  const runs = [...ran, ...prepared.filter(({ problem }) => problem !== null)];
  if (!signal.aborted) refuseIfAllFailed(runs);
  const keys = hottestOf(ran, limit).map((key, index) => ({ rank: index + 1, ...key }));
  const servers = runs.map(serverOf);
  const sum = (figure: (server: EventServer) => number) =>
    servers.reduce((total, server) => total + figure(server), 0);
  const observed = {
    events: sum((server) => server.observed.events),
    accesses: sum((server) => server.observed.accesses),
  };
  return {
    body: { seconds: Math.max(...servers.map((server) => server.seconds)), observed, servers, keys },
    missing: runs.flatMap(missingOf),
    limits: ran.flatMap(({ watch }) => watch.unseen.map((line) => `${watch.server.address}: ${line}`)),
  };
}

function tried(watches: readonly EventWatch[], act: (watch: EventWatch) => Promise<void>): Promise<Run[]> {
  return Promise.all(
    watches.map(async (watch) => ({ watch, problem: await act(watch).then(() => null, reasonOf) })),
  );
}

/** Throws: Error with the reason of each. */
function refuseIfAllFailed(runs: readonly Run[]): void {
  const lines = runs.flatMap(({ watch, problem }) =>
    problem === null ? [] : [`${watch.server.address}: ${problem}`],
  );
  if (lines.length === runs.length) throw new Error(lines.join("; "));
}

interface Candidate {
  readonly watch: EventWatch;
  readonly counted: EventCount;
  /** Accesses a second. */
  readonly rate: number;
}

function hottestOf(runs: readonly Run[], limit: number): readonly EventKey[] {
  const hottest = new TopList<Candidate>(limit, ({ rate }) => rate);
  for (const { watch } of runs)
    for (const counted of watch.counts.keys())
      hottest.offer({ watch, counted, rate: ratePerSecond(counted.count.estimate, lengthOf(watch)) });
  return hottest.items().map(keyOf);
}

function keyOf({ watch, counted, rate }: Candidate): EventKey {
  const { count, commands, write, miss } = counted;
  const perSecond = (accesses: number) => roundedRate(ratePerSecond(accesses, lengthOf(watch)));
  return {
    ...countedKey(watch.server.address, counted, count, commands),
    ratePerSecond: { write: perSecond(write), miss: perSecond(miss), total: roundedRate(rate) },
  };
}

/** Where nothing was watched there is nothing to divide. */
function lengthOf({ watchedMs }: EventWatch): number {
  return Math.max(1, watchedMs);
}

function serverOf({ watch, problem }: Run): EventServer {
  const { write, miss } = watch.counts.observed;
  return {
    target: watch.server.address,
    role: watch.server.poll.role,
    seconds: Math.round(watch.watchedMs) / 1000,
    observed: { events: watch.events, accesses: write + miss },
    gaps: watch.gaps(),
    problem,
  };
}

/** What went unseen, a line each. */
function missingOf({ watch, problem }: Run): string[] {
  const { server, counts } = watch;
  if (problem !== null) return [`${server.address}: ${problem}`];
  const lines: string[] = [];
  const { incompletePanes, panes } = counts;
  const gaps = Object.entries(watch.gaps()).map(([reason, times]) => `${reason} ${times}x`);
  const why = gaps.length > 0 ? ` (${gaps.join(", ")})` : "";
  if (watch.isDeaf) lines.push(DEAF);
  else if (incompletePanes > 0)
    lines.push(
      `in ${incompletePanes} of ${panes} seconds events may have gone unseen${why}: no upper bounds`,
    );
  if (watch.lostFlags !== null) lines.push(`its setting was changed meanwhile: ${watch.lostFlags}`);
  if (counts.isSampled)
    lines.push(
      "this process could not keep up: not every event was counted, estimates are scaled, no upper bounds",
    );
  return lines.map((line) => `${server.address}: ${line}`);
}

const DEAF =
  "it ran writes and no event came; set notify-keyspace-events to AKEm at the provider (its parameter group or console), for CONFIG cannot be read here";
