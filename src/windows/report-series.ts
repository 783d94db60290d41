import type { KindCoverage } from "../model/coverage.ts";
import type { Ran, TargetReport } from "../model/target.ts";
import type { ClientSeries } from "./client-series.ts";
import { VANTAGE_OF_SOURCE } from "./vantage.ts";

const SPAN_MS = 60_000;
/** Reports remembered: one a second, and some to spare for shorter panes. */
const REPORTS_MAX = 512;

type CoveredKind = "read" | "write";

interface Sample {
  readonly atMs: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly observed: Readonly<Ran>;
  readonly ran: Ran;
}

/** What one agent has reported of one target in the last minute. */
export class ReportSeries {
  #latest: TargetReport;
  #samples: Sample[] = [];

  constructor(first: TargetReport) {
    this.#latest = first;
    this.#push(first);
  }

  get latest(): TargetReport {
    return this.#latest;
  }

  /** A report that came before, or is older than one that did, changes nothing. */
  add(report: TargetReport): void {
    if (report.atMs <= this.#latest.atMs && report.epoch <= this.#latest.epoch) return;
    // In a new epoch the clock may have been set back: what came before lies in its future.
    if (report.atMs < this.#latest.atMs) this.#samples = [];
    this.#latest = report;
    this.#push(report);
  }

  /** Coverage over the minute before `nowMs`, by the vantage that saw more: they see the same accesses. */
  coverageOf(kind: CoveredKind, nowMs: number, clients: ClientSeries): KindCoverage {
    const recent = this.#samples.filter(({ atMs }) => atMs > nowMs - SPAN_MS);
    const server = coverage(recent, kind, ({ observed }) => observed[kind] ?? 0);
    // Clients report a moment later than the server: what is not closed there yet cannot be compared.
    const { closedMs } = clients;
    const closed = recent.filter(({ endMs }) => endMs <= closedMs);
    const client = coverage(closed, kind, ({ startMs }) => clients.observedIn(startMs, kind));
    const isByClients = client.observed > 0 && (client.ratio ?? 0) >= (server.ratio ?? 0);
    return isByClients ? { ...client, vantage: "clients" } : { ...server, vantage: this.#vantage() };
  }

  /** Reads a second that clients claim beyond what the server ran, in panes of the last `windowMs` that both have told of. */
  overclaimedIn(windowMs: number, clients: ClientSeries): number | null {
    const { closedMs } = clients;
    let claimed = 0;
    let ran = 0;
    let knownMs = 0;
    for (const sample of this.#samples) {
      if (sample.ran.read === null || sample.startMs < closedMs - windowMs || sample.endMs > closedMs)
        continue;
      claimed += clients.observedIn(sample.startMs, "read");
      ran += sample.ran.read;
      knownMs += sample.endMs - sample.startMs;
    }
    return knownMs === 0 ? null : (1000 * Math.max(0, claimed - ran)) / knownMs;
  }

  /**
   * Reads and writes that the server says it ran, in about the `windowMs` before `nowMs`; `null` where that is not known
   * of at least half of the window.
   */
  ranIn(windowMs: number, nowMs: number): number | null {
    const fromMs = nowMs - windowMs;
    const recent = this.#samples.filter(({ atMs }) => atMs > fromMs);
    let ran = 0;
    let knownMs = 0;
    for (const sample of recent) {
      const count = totalOf(sample.ran);
      if (count === null) continue;
      ran += count;
      knownMs += sample.endMs - sample.startMs;
    }
    return knownMs * 2 < windowMs ? null : (ran * windowMs) / knownMs;
  }

  /** Reads and writes per second that the server ran in its last pane; `null`: not known. */
  get currentRanPerSecond(): number | null {
    const { ran, pane } = this.#latest;
    const count = totalOf(ran);
    return count === null || pane.lengthMs === 0 ? null : (count * 1000) / pane.lengthMs;
  }

  #push({ atMs, pane, observed, ran }: TargetReport): void {
    // A miss is a read: a source that sees no other reads has observed at least those.
    const reads = Math.max(observed.read, observed.miss);
    const { startMs, lengthMs } = pane;
    const endMs = startMs + lengthMs;
    this.#samples.push({ atMs, startMs, endMs, observed: { read: reads, write: observed.write }, ran });
    const outdated = this.#samples.length > REPORTS_MAX || this.#samples[0]!.atMs <= atMs - 2 * SPAN_MS;
    if (outdated) this.#samples = this.#samples.slice(-REPORTS_MAX).filter((s) => s.atMs > atMs - SPAN_MS);
  }

  #vantage() {
    const watching = this.#latest.sources.find(
      ({ source, state }) => state !== "off" && VANTAGE_OF_SOURCE.has(source),
    );
    return watching ? VANTAGE_OF_SOURCE.get(watching.source)! : null;
  }
}

function totalOf({ read, write }: Ran): number | null {
  return read === null || write === null ? null : read + write;
}

/** Like is divided by like: only reports that know what ran count, where there are any. */
function coverage(samples: readonly Sample[], kind: CoveredKind, observedIn: (sample: Sample) => number) {
  const known = samples.filter(({ ran }) => ran[kind] !== null);
  const counted = known.length > 0 ? known : samples;
  const observed = Math.round(counted.reduce((sum, sample) => sum + observedIn(sample), 0));
  const ran = known.length > 0 ? known.reduce((sum, sample) => sum + (sample.ran[kind] ?? 0), 0) : null;
  const ratio = ran === null || ran === 0 ? null : Math.min(1, observed / ran);
  return { ran, observed, ratio };
}
