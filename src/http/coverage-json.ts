import type { KindCoverage, TargetCoverage } from "../model/coverage.ts";
import type { SourceStatus } from "../model/target.ts";

/** The body of `coverage`. */
export function coverageJson(targets: readonly TargetCoverage[], nowMs: number): object {
  return { asOf: new Date(nowMs).toISOString(), targets: targets.map(targetJson) };
}

function targetJson({ cluster, target, role, state, kinds, sources }: TargetCoverage): object {
  return {
    cluster,
    target,
    role,
    state,
    kinds: { read: kindJson(kinds.read), write: kindJson(kinds.write) },
    sources: sources.map(sourceJson),
  };
}

function kindJson({ ran, observed, ratio, vantage }: KindCoverage): object {
  return { ran, observed, ratio: ratio === null ? null : Math.round(ratio * 10_000) / 10_000, vantage };
}

function sourceJson({ source, state, sinceMs, gaps, probability, reason }: SourceStatus): object {
  return { source, state, since: new Date(sinceMs).toISOString(), gaps, probability, reason };
}
