import type { Rule } from "./config/schema.ts";
import type { IncidentBook } from "./incidents/book.ts";
import type { Observation } from "./incidents/lifecycle.ts";
import { exactly, NOTHING_KNOWN } from "./model/heat.ts";
import type { Advice, Incident } from "./model/incident.ts";
import type { TargetFare } from "./model/target-fare.ts";
import { judgeBlind } from "./rules/blind.ts";
import type { Judgement } from "./rules/rule.ts";
import type { RuleSet } from "./rules/rule-set.ts";
import { judgeSkew } from "./rules/skew.ts";
import type { TargetTable } from "./windows/target-table.ts";

const EVERY_MS = 1000;
/** Who has not judged for so long has not listened either: what it missed is no blindness of the agents. */
const PAUSE_MS = 5000;

export interface TargetJudgeOptions {
  readonly rules: RuleSet;
  readonly targets: TargetTable;
  readonly incidents: IncidentBook;
  /** Whether incidents of a cluster's targets are this process's to judge. */
  readonly mayJudge: (cluster: string) => boolean;
  /** Each incident whose state changed. */
  readonly onIncident: (incident: Incident) => void;
}

/** Reports of targets -> rules -> incidents, for targets as a whole: each second, by the owner of their cluster. */
export class TargetJudge {
  readonly #options: TargetJudgeOptions;
  #rules: RuleSet;
  #judgedMs = 0;
  /** Since when this process has judged a cluster without a pause. */
  readonly #sinceMs = new Map<string, number>();

  constructor(options: TargetJudgeOptions) {
    this.#options = options;
    this.#rules = options.rules;
  }

  /** Other rules from now on. */
  setRules(rules: RuleSet): void {
    this.#rules = rules;
  }

  /** Cheap where less than a second has passed. */
  judge(nowMs: number): void {
    const pausedMs = nowMs - this.#judgedMs;
    if (pausedMs >= 0 && pausedMs < EVERY_MS) return;
    if (pausedMs < 0 || pausedMs > PAUSE_MS) this.#sinceMs.clear();
    this.#judgedMs = nowMs;
    for (const rule of this.#rules.targetRules) {
      const fares = this.#options.targets.fares(nowMs, rule.type === "skew" ? rule.window : 0);
      for (const [cluster, members] of Map.groupBy(fares, clusterOf))
        this.#judgeCluster(rule, cluster, members, nowMs);
    }
  }

  #judgeCluster(rule: Rule, cluster: string, fares: readonly TargetFare[], nowMs: number): void {
    if (!this.#options.mayJudge(cluster)) {
      this.#sinceMs.delete(cluster);
      return;
    }
    if (this.#rules.targetRule(rule.type, cluster) !== rule) return;
    if (!this.#sinceMs.has(cluster)) this.#sinceMs.set(cluster, nowMs);
    for (const fare of fares) {
      if (rule.type === "blind") this.#blind(rule, fare, nowMs);
      else this.#skew(rule, fare, fares, nowMs);
    }
  }

  #blind(rule: Rule, fare: TargetFare, nowMs: number): void {
    const open = this.#options.incidents.findOfTarget(rule.name, fare.cluster, fare.target);
    const judgedSinceMs = this.#sinceMs.get(fare.cluster) ?? nowMs;
    // What fires says for how long at least, whoever has judged it before.
    const knownSinceMs = open?.firedAtMs ? Math.min(open.startedAtMs, judgedSinceMs) : judgedSinceMs;
    const sinceMs = Math.max(fare.watchedMs, knownSinceMs);
    const judgement = judgeBlind(rule, fare, Math.max(0, nowMs - sinceMs));
    const advice = [{ remedy: "restore-sight", why: whyBlind(fare), url: "docs/advice.md#restore-sight" }];
    this.#observe(rule, { fare, judgement, windowMs: 0, advice }, nowMs);
  }

  #skew(rule: Rule, fare: TargetFare, all: readonly TargetFare[], nowMs: number): void {
    if (fare.role !== "primary") return;
    // A node that has just joined, and has no slots yet, would make all others seem busy.
    const isPeer = ({ role, hasSlots, target }: TargetFare) =>
      role === "primary" && hasSlots && target !== fare.target;
    const peers = all.filter(isPeer);
    const judgement = judgeSkew(rule, fare, peers);
    const advice = [{ remedy: "spread-load", why: WHY_SKEWED, url: "docs/advice.md#spread-load" }];
    // Alone, a node is above nobody.
    const verdict = peers.length === 0 ? "calm" : judgement.verdict;
    this.#observe(rule, { fare, judgement: { ...judgement, verdict }, windowMs: rule.window, advice }, nowMs);
  }

  #observe(rule: Rule, { fare, judgement, windowMs, advice }: TargetFinding, nowMs: number): void {
    const { cluster, target, ran } = fare;
    const { incidents, targets, onIncident } = this.#options;
    const open = incidents.findOfTarget(rule.name, cluster, target);
    // Nearly always there is nothing to tell of a target.
    if (judgement.verdict !== "hot" && open === undefined) return;
    // What is pending from before a pause begins anew: nobody has judged meanwhile.
    const isUnwatched =
      open?.status === "pending" && open.startedAtMs < (this.#sinceMs.get(cluster) ?? nowMs);
    const count = ran === null ? NOTHING_KNOWN : exactly(ran);
    const observation: Observation = {
      ...judgement,
      verdict: isUnwatched ? "calm" : judgement.verdict,
      sight: {
        key: null,
        cluster,
        target,
        slot: null,
        windowMs,
        asOfMs: nowMs,
        complete: ran !== null,
        counts: { read: NOTHING_KNOWN, write: NOTHING_KNOWN, miss: NOTHING_KNOWN, total: count },
        currentRatePerSecond: fare.currentRanPerSecond ?? 0,
        shareOfTarget: null,
        suspect: false,
        commands: {},
        services: {},
      },
      extras: { pattern: "", facts: null, coverage: targets.coverageOf(cluster, target), advice },
    };
    const changed = incidents.observe(rule, observation, nowMs);
    if (changed) onIncident(changed);
  }
}

interface TargetFinding {
  readonly fare: TargetFare;
  readonly judgement: Judgement;
  readonly windowMs: number;
  readonly advice: readonly Advice[];
}

const WHY_SKEWED =
  "It runs far more than its peers. Where one key makes the difference, cool that key; else move slots away from it.";

function whyBlind({ reason, state }: TargetFare): string {
  if (reason !== null) return reason;
  return state === "blind"
    ? "Its agent is not heard of: see whether it runs, and whether it reaches this server and Kafka."
    : "It was not seen for a while.";
}

function clusterOf({ cluster }: TargetFare): string {
  return cluster;
}
