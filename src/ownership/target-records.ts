import type { Authority, TargetRecord } from "../model/state-record.ts";
import { type TargetReport, targetId } from "../model/target.ts";
import type { StateView } from "./state-view.ts";

/** A target that says nothing new is written again so often: those who start later see that it is still there. */
const AGAIN_MS = 60_000;

/** Two agents that do not see the same of one target must not have it written at each report. */
const NEWS_EVERY_MS = 2000;

/** One that is gone may still be reported by an agent that does not know it yet. */
const GONE_KEPT_MS = 24 * 3_600_000;

export interface TargetRecordsOptions {
  readonly view: StateView;
  readonly write: (record: TargetRecord) => void;
  /** Deletes a record for good. */
  readonly erase: (record: TargetRecord) => void;
  /** The right to write for a cluster; `null`: this process is not its owner. */
  readonly authorityOf: (cluster: string) => Authority | null;
}

/** Writes which targets of the owned clusters are expected, so that they are missed also by those who start later. */
export class TargetRecords {
  readonly #options: TargetRecordsOptions;
  /** What was written last, by cluster and target: it may not have been read back yet. */
  readonly #written = new Map<string, TargetRecord>();

  constructor(options: TargetRecordsOptions) {
    this.#options = options;
  }

  /** A target was heard of: written where it is news, or a minute has passed. */
  note(report: TargetReport): void {
    const authority = this.#options.authorityOf(report.cluster);
    if (authority === null) return;
    const known = this.#known(report);
    const record = {
      type: "target",
      authority,
      report: withWhatIsKnown(report, known),
      goneAtMs: null,
    } as const;
    if (known === undefined || isNews(known, record)) this.#write(record);
  }

  /** Topology or config dropped it. */
  drop(cluster: string, target: string, nowMs: number): void {
    const authority = this.#options.authorityOf(cluster);
    const known = this.#known({ cluster, target });
    if (authority === null || known === undefined || known.goneAtMs !== null) return;
    this.#write({ ...known, authority, goneAtMs: nowMs });
  }

  /** Forgets targets that have been gone for a day. */
  prune(nowMs: number): void {
    const { view, erase, authorityOf } = this.#options;
    for (const record of [...view.targets()]) {
      const { report, goneAtMs } = record;
      if (goneAtMs === null || nowMs - goneAtMs < GONE_KEPT_MS || authorityOf(report.cluster) === null)
        continue;
      this.#written.delete(targetId(report.cluster, report.target));
      erase(record);
    }
  }

  /** Another process writes for this cluster. */
  release(cluster: string): void {
    for (const [id, { report }] of this.#written) if (report.cluster === cluster) this.#written.delete(id);
  }

  #known({ cluster, target }: Pick<TargetReport, "cluster" | "target">): TargetRecord | undefined {
    return this.#written.get(targetId(cluster, target)) ?? this.#options.view.target(cluster, target);
  }

  #write(record: TargetRecord): void {
    this.#written.set(targetId(record.report.cluster, record.report.target), record);
    this.#options.write(record);
  }
}

/** One that does not answer does not say what it was. */
function withWhatIsKnown(report: TargetReport, known: TargetRecord | undefined): TargetReport {
  if (report.reachable || known === undefined) return report;
  const { role, runId, slots, version } = known.report;
  return { ...report, role, runId, slots, version };
}

function isNews(known: TargetRecord, next: TargetRecord): boolean {
  const sinceMs = next.report.atMs - known.report.atMs;
  if (known.goneAtMs !== null || sinceMs >= AGAIN_MS) return true;
  return sinceMs >= NEWS_EVERY_MS && gist(known) !== gist(next);
}

/** What others depend on: where its keys are, and by which sources it is seen. */
function gist({ report: { role, runId, slots, reachable, sources } }: TargetRecord): string {
  return JSON.stringify([role, runId, slots, reachable, sources.map(({ source, state }) => [source, state])]);
}
