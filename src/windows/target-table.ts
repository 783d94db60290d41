import type { ClientsReport } from "../model/clients.ts";
import type { KindCoverage, TargetCoverage, TargetState } from "../model/coverage.ts";
import type { Key } from "../model/key.ts";
import { type Facts, type KeyFacts, type TargetReport, targetId } from "../model/target.ts";
import type { TargetFare } from "../model/target-fare.ts";
import { ClientSeries } from "./client-series.ts";
import { FactBook } from "./fact-book.ts";
import { ReportSeries } from "./report-series.ts";
import { VANTAGE_OF_SOURCE } from "./vantage.ts";

/** Reports come each second. */
const STALE_MS = 2000;
/** Who says nothing for so long does not watch. */
const BLIND_MS = 3500;
/** A target of which nothing was heard for so long is gone. */
const SILENT_MS_MAX = 3_600_000;
const TARGETS_MAX = 20_000;
const AGENTS_PER_TARGET_MAX = 8;
/** As windows take a pane: one from further ahead would keep all that follow from being compared. */
const AHEAD_MS_MAX = 10_000;
const CLIENT_COUNT_MAX = 2 ** 46;

interface KnownTarget {
  readonly cluster: string;
  readonly target: string;
  /** By agent: two may watch one target, and their counts of it are the same accesses. */
  readonly series: Map<string, ReportSeries>;
  readonly clients: ClientSeries;
  /** When it was last seen watched, or first heard of where it never was; ms since 1970. */
  watchedMs: number;
}

/** What each target last said of itself: its state, and how much of the truth is seen there. */
export class TargetTable {
  readonly #targets = new Map<string, KnownTarget>();
  readonly #facts = new FactBook();
  #turnedAway = 0;

  /** Reports that were not taken in: of targets or agents beyond the limits, or not credible. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  add(report: TargetReport): void {
    const known = this.#targets.get(targetId(report.cluster, report.target)) ?? this.#newTarget(report);
    if (!known) return;
    if (isWatched(report)) known.watchedMs = Math.max(known.watchedMs, report.atMs);
    const series = known.series.get(report.agent);
    if (series) series.add(report);
    else known.series.set(report.agent, new ReportSeries(report));
    if (known.series.size > AGENTS_PER_TARGET_MAX) dropQuietest(known);
  }

  /** Takes note of what clients told of a known target; of one that cannot be true it does not. */
  addClients(report: ClientsReport, nowMs: number): void {
    const known = this.#targets.get(targetId(report.cluster, report.target));
    if (known && !(isCredible(report, nowMs) && known.clients.add(report))) this.#turnedAway++;
  }

  addFacts(facts: KeyFacts): void {
    this.#facts.add(facts);
  }

  factsOf(key: Key): Facts | null {
    return this.#facts.of(key);
  }

  /** The target is gone: topology or config dropped it. */
  forget(cluster: string, target: string): void {
    this.#targets.delete(targetId(cluster, target));
  }

  /** Of every target heard of in the last hour, over the last minute; by cluster and target. Default: of all clusters. */
  coverage(nowMs: number, isWanted: (cluster: string) => boolean = () => true): readonly TargetCoverage[] {
    this.#dropSilent(nowMs);
    const wanted = [...this.#targets.values()].filter(({ cluster }) => isWanted(cluster));
    return wanted.map((known) => coverageOf(known, nowMs)).sort(byName);
  }

  /** Ratios at one target as of its last report; `null`: not known. */
  coverageOf(cluster: string, target: string | null): { read: number | null; write: number | null } {
    const known = target === null ? undefined : this.#targets.get(targetId(cluster, target));
    if (!known) return { read: null, write: null };
    const series = speaking(known);
    const { read, write } = kindsOf(series, series.latest.atMs, known.clients);
    return { read: read.ratio, write: write.ratio };
  }

  /**
   * How many reads a second clients have claimed lately beyond what a target says it ran, over all its keys, in panes of
   * which both have told; `null`: there is none in the last `windowMs`.
   */
  overclaimed(cluster: string, target: string, windowMs: number): number | null {
    const known = this.#targets.get(targetId(cluster, target));
    return known ? speaking(known).overclaimedIn(windowMs, known.clients) : null;
  }

  /** How every target heard of in the last hour fares; `windowMs` is over how long what it ran is added up; 0: it is not. */
  fares(nowMs: number, windowMs: number): readonly TargetFare[] {
    this.#dropSilent(nowMs);
    return Array.from(this.#targets.values(), (known): TargetFare => {
      // Where the wall clock was set back, or an agent's is ahead, it was seen now at the latest.
      known.watchedMs = Math.min(known.watchedMs, nowMs);
      const { cluster, target, watchedMs } = known;
      const series = speaking(known);
      const { role, slots, sources } = series.latest;
      const state = stateOf(series.latest, nowMs);
      return {
        cluster,
        target,
        role,
        hasSlots: slots?.length !== 0,
        state,
        watchedMs,
        reason: nowMs - series.latest.atMs > BLIND_MS ? null : reasonOf(sources),
        ran: windowMs === 0 || state === "blind" ? null : series.ranIn(windowMs, series.latest.atMs),
        currentRanPerSecond: series.currentRanPerSecond,
      };
    });
  }

  #newTarget({ cluster, target, atMs }: TargetReport): KnownTarget | null {
    if (this.#targets.size >= TARGETS_MAX) {
      this.#turnedAway++;
      return null;
    }
    const series = new Map<string, ReportSeries>();
    const known = { cluster, target, series, clients: new ClientSeries(), watchedMs: atMs };
    this.#targets.set(targetId(cluster, target), known);
    return known;
  }

  #dropSilent(nowMs: number): void {
    for (const [id, known] of this.#targets) {
      if (nowMs - speaking(known).latest.atMs > SILENT_MS_MAX) this.#targets.delete(id);
    }
  }
}

function coverageOf(known: KnownTarget, nowMs: number): TargetCoverage {
  const series = speaking(known);
  const { role, sources } = series.latest;
  return {
    cluster: known.cluster,
    target: known.target,
    role,
    state: stateOf(series.latest, nowMs),
    kinds: kindsOf(series, nowMs, known.clients),
    sources,
  };
}

/** What a replica writes is its primary's, repeated: nobody's accesses. */
const NO_ACCESSES: KindCoverage = { ran: null, observed: 0, ratio: null, vantage: null };

function kindsOf(series: ReportSeries, nowMs: number, clients: ClientSeries): TargetCoverage["kinds"] {
  const isReplica = series.latest.role === "replica";
  return {
    read: series.coverageOf("read", nowMs, clients),
    write: isReplica ? NO_ACCESSES : series.coverageOf("write", nowMs, clients),
  };
}

function stateOf(latest: TargetReport, nowMs: number): TargetState {
  const silentMs = nowMs - latest.atMs;
  // What comes from so far ahead is from before the wall clock was set back.
  if (silentMs > BLIND_MS || silentMs < -AHEAD_MS_MAX) return "blind";
  if (silentMs > STALE_MS) return "stale";
  return isWatched(latest) ? "seen" : "blind";
}

/** Of a target that is watched in part, or not at all. */
function reasonOf(sources: TargetReport["sources"]): string | null {
  return sources.find(({ state, reason }) => state === "down" && reason !== null)?.reason ?? null;
}

/** Clients may still report a target that its agent cannot reach. */
function isWatched({ reachable, sources }: TargetReport): boolean {
  return sources.some(({ source, state }) => state === "up" && (reachable || !VANTAGE_OF_SOURCE.has(source)));
}

/** The agent that watches it, and of those the one heard last. */
function speaking({ series }: KnownTarget): ReportSeries {
  return Array.from(series.values()).reduce((best, other) => (speaksRather(other, best) ? other : best));
}

function speaksRather(a: ReportSeries, b: ReportSeries): boolean {
  const isFresh = Math.abs(a.latest.atMs - b.latest.atMs) <= BLIND_MS;
  const aWatches = isWatched(a.latest);
  if (isFresh && aWatches !== isWatched(b.latest)) return aWatches;
  return a.latest.atMs > b.latest.atMs;
}

function dropQuietest({ series }: KnownTarget): void {
  const [quietest] = [...series].reduce((oldest, entry) =>
    entry[1].latest.atMs < oldest[1].latest.atMs ? entry : oldest,
  );
  series.delete(quietest);
}

function isCredible({ startMs, lengthMs, read, write }: ClientsReport, nowMs: number): boolean {
  const isInTime = startMs >= 0 && lengthMs > 0 && startMs + lengthMs <= nowMs + AHEAD_MS_MAX;
  return isInTime && [read, write].every((count) => count >= 0 && count <= CLIENT_COUNT_MAX);
}

function byName(a: TargetCoverage, b: TargetCoverage): number {
  if (a.cluster !== b.cluster) return a.cluster < b.cluster ? -1 : 1;
  return a.target < b.target ? -1 : 1;
}
