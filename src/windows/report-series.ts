import type { KindCoverage } from "../model/coverage.ts";
import type { Ran, TargetReport } from "../model/target.ts";
import { VANTAGE_OF_SOURCE } from "./vantage.ts";

const SPAN_MS = 60_000;
/** Reports remembered: one a second, and some to spare for shorter panes. */
const REPORTS_MAX = 512;

interface Sample {
  readonly atMs: number;
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

  /** Coverage over the minute before `nowMs`. Like is divided by like: only reports that know what ran count. */
  coverageOf(kind: "read" | "write", nowMs: number): KindCoverage {
    const recent = this.#samples.filter(({ atMs }) => atMs > nowMs - SPAN_MS);
    const known = recent.filter(({ ran }) => ran[kind] !== null);
    const counted = known.length > 0 ? known : recent;
    const observed = counted.reduce((sum, sample) => sum + (sample.observed[kind] ?? 0), 0);
    const ran = known.length > 0 ? known.reduce((sum, sample) => sum + (sample.ran[kind] ?? 0), 0) : null;
    const ratio = ran === null || ran === 0 ? null : Math.min(1, observed / ran);
    return { ran, observed, ratio, vantage: this.#vantage() };
  }

  #push({ atMs, observed, ran }: TargetReport): void {
    // A miss is a read: a source that sees no other reads has observed at least those.
    const reads = Math.max(observed.read, observed.miss);
    this.#samples.push({ atMs, observed: { read: reads, write: observed.write }, ran });
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
