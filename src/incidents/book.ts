import type { Incident, IncidentStatus, Notified, ResolveReason } from "../model/incident.ts";
import { type Key, keyId } from "../model/key.ts";
import { isWorse } from "../model/severity.ts";
import { clusterOf } from "../model/sight.ts";
import { NO_TRAIL } from "../model/trail.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Ledger } from "../runtime/accounting.ts";
import type { Logger } from "../runtime/logger.ts";
import { type IncidentRule, type Observation, pass, step } from "./lifecycle.ts";
import { withNotified } from "./notification-log.ts";
import { Persistence } from "./persistence.ts";
import { ResolvedHistory } from "./resolved-history.ts";
import type { IncidentStore } from "./store.ts";

const ACTIVE_MAX = 10_000;
const RESOLVED_MAX = 1000;
/** A verdict older than this says nothing of the present. */
const VERDICT_LASTS_MS = 5000;
const STALE_AFTER_MS = 60_000;
const EXPIRED_AFTER_MS = 3_600_000;
/** A wall clock that goes back by more has been set: windows start again then, too. */
const SET_BACK_MS = 5000;
const TURNED_AWAY_TOLD_MS = 60_000;
/** Below this growth a new peak is not worth telling. */
const PEAK_GROWTH = 1.1;

export interface IncidentBookOptions {
  readonly rules: readonly IncidentRule[];
  readonly store: IncidentStore;
  readonly ledger: Ledger;
  readonly logger: Logger;
  readonly nowMs: number;
  /** Whether the rules judge the subject of an incident that is taken over. Default: where one has its rule's name. */
  readonly isJudged?: (incident: Incident) => boolean;
  readonly activeMax?: number;
  readonly resolvedMax?: number;
}

interface Entry {
  incident: Incident;
  rule: IncidentRule;
  verdict: Verdict;
  /** End of the newest window that was judged. */
  asOfMs: number;
  observedAtMs: number;
  /** When a verdict other than `unknown` was last given. */
  evidenceAtMs: number;
}

/**
 * The incidents there are: at most one open one for each rule and key (or target), and the latest resolved ones.
 *
 * It begins with what its store has kept. Changes are written in a microtask of the turn in which they happen, all in
 * one transaction: so an incident is on the disk before any timer or socket can send a page of it, and a storm costs
 * one flush of the disk. `flush` writes at once.
 *
 * Memory: at most `activeMax` open incidents, as many whose resolve is still owed to somebody, and `resolvedMax` others.
 * The ledger receives each incident that would begin, and drops it as `active-full` beyond that.
 */
export class IncidentBook {
  #rules: ReadonlyMap<string, IncidentRule>;
  #isJudged: (incident: Incident) => boolean;
  readonly #ledger: Ledger;
  readonly #activeMax: number;
  /** By rule, cluster and key or target. */
  readonly #entries = new Map<string, Entry>();
  readonly #entriesById = new Map<string, Entry>();
  readonly #history: ResolvedHistory;
  /** When an incident last had no room. */
  #turnedAwayMs = Number.NEGATIVE_INFINITY;
  readonly #persistence: Persistence;

  constructor(options: IncidentBookOptions) {
    this.#rules = rulesByName(options.rules);
    this.#isJudged = options.isJudged ?? (() => true);
    this.#ledger = options.ledger;
    this.#activeMax = options.activeMax ?? ACTIVE_MAX;
    const resolvedMax = options.resolvedMax ?? RESOLVED_MAX;
    this.#history = new ResolvedHistory({ settledMax: resolvedMax, owingMax: this.#activeMax });
    this.#persistence = new Persistence(options.store, options.logger);
    // Whoever heard of an incident is told of its end, however many others ended after it.
    for (const incident of options.store.load(resolvedMax + this.#activeMax)) {
      // What happened meanwhile is not known: nobody is paged before the key is seen hot again.
      const unseen: Incident = incident.status === "resolved" ? incident : { ...incident, reason: "stale" };
      this.adopt(unseen, options.nowMs);
    }
    this.#persistence.prune(options.nowMs);
  }

  /** Open incidents now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Takes in what `rule` says of a key or a target. Returns the incident where its state changed, or enough else to tell of;
   * `null` otherwise, and for a pending one that vanished.
   *
   * Call it for open incidents at each closed hop, and for others when the rule holds: a key without an incident costs
   * a look-up.
   */
  observe(rule: IncidentRule, observation: Observation, nowMs: number): Incident | null {
    const { sight, verdict } = observation;
    const place = placeOf(rule.name, clusterOf(sight), sight.key, sight.target);
    const entry = this.#entries.get(place);
    if (entry === undefined && verdict !== "hot") return null;
    if (entry === undefined) {
      return this.#open(place, rule, step(null, rule, observation, nowMs), sight.asOfMs, nowMs);
    }
    entry.rule = rule;
    followClock(entry, nowMs);
    // A closed hop may come after the running window that it is a part of: the incident does not go back in time.
    if (sight.asOfMs < entry.asOfMs) return null;
    const isNews = hasNews(entry, observation);
    entry.verdict = verdict;
    entry.asOfMs = sight.asOfMs;
    entry.observedAtMs = nowMs;
    if (verdict !== "unknown") entry.evidenceAtMs = nowMs;
    if (!isNews) return this.#replace(place, entry, pass(entry.incident, rule, verdict, nowMs));
    return this.#replace(place, entry, step(entry.incident, rule, observation, nowMs));
  }

  /** Lets time pass: `for`, `keepFiringFor` and the cooldown run out, the unseen turns stale. Returns what changed. */
  tick(nowMs: number): readonly Incident[] {
    const changed: Incident[] = [];
    for (const [place, entry] of this.#entries) {
      followClock(entry, nowMs);
      const latest = nowMs - entry.observedAtMs <= VERDICT_LASTS_MS ? entry.verdict : "unknown";
      const aged = withoutEvidence(entry.incident, nowMs - entry.evidenceAtMs, nowMs);
      const next = aged === null ? null : pass(aged, entry.rule, latest, nowMs);
      const told = this.#replace(place, entry, next);
      if (told !== null) changed.push(told);
    }
    this.#persistence.tick(nowMs);
    return changed;
  }

  /**
   * Goes by other rules from now on. Ends the open incidents that none of them judges any more, and returns those that
   * somebody may have heard of.
   */
  setRules(
    rules: readonly IncidentRule[],
    isJudged: (incident: Incident) => boolean,
    nowMs: number,
  ): readonly Incident[] {
    this.#rules = rulesByName(rules);
    this.#isJudged = isJudged;
    for (const entry of this.#entries.values())
      entry.rule = this.#rules.get(entry.incident.rule) ?? entry.rule;
    return this.#decommission((incident) => !isJudged(incident), nowMs);
  }

  /**
   * Ends the open incidents at a target that is no longer there, as topology or config says. Returns them.
   */
  decommission(cluster: string, target: string, nowMs: number): readonly Incident[] {
    return this.#decommission(
      (incident) => incident.cluster === cluster && incident.target === target,
      nowMs,
    );
  }

  #decommission(isOver: (incident: Incident) => boolean, nowMs: number): readonly Incident[] {
    const ended: Incident[] = [];
    for (const [place, entry] of this.#entries) {
      const { incident } = entry;
      if (!isOver(incident)) continue;
      const isPending = incident.status === "pending";
      const next: Incident | null = isPending ? null : { ...incident, ...over("decommissioned", nowMs) };
      const told = this.#replace(place, entry, next);
      if (told !== null) ended.push(told);
    }
    return ended;
  }

  /**
   * Writes into the incident's log that a receiver was told (or refused); on the disk before it returns. Returns the
   * incident with it; `null` where the incident is no longer known.
   */
  recordNotified(id: string, notified: Notified): Incident | null {
    const entry = this.#entriesById.get(id);
    const incident = entry?.incident ?? this.#history.get(id);
    if (incident === undefined) return null;
    const logged = withNotified(incident, notified);
    if (entry === undefined) this.#history.put(logged);
    else entry.incident = logged;
    this.#persistence.changed(logged);
    this.#persistence.flush();
    return logged;
  }

  /** Goes on with an incident of an earlier run, or of another process; ends it where no rule judges it any more. */
  adopt(incident: Incident, nowMs: number): void {
    if (incident.status === "resolved") {
      this.#history.put(incident);
      return;
    }
    const rule = this.#rules.get(incident.rule);
    if (rule === undefined || !this.#isJudged(incident)) {
      const ended: Incident = { ...incident, ...over("decommissioned", nowMs) };
      this.#history.put(ended);
      this.#persistence.changed(ended);
      return;
    }
    this.#insert(placeOf(rule.name, incident.cluster, incident.key, incident.target), {
      // It may have been hot meanwhile: calm begins anew.
      incident: { ...incident, calmSinceMs: null },
      rule,
      verdict: "unknown",
      asOfMs: 0,
      observedAtMs: nowMs,
      evidenceAtMs: nowMs,
    });
  }

  /** Forgets the incidents that are another process's now: that one writes and tells what becomes of them. */
  release(isOthers: (incident: Incident) => boolean): void {
    for (const [place, { incident }] of this.#entries)
      if (isOthers(incident)) this.#remove(place, incident.id);
    this.#history.forget(isOthers);
    this.#persistence.forget(isOthers);
  }

  /** Takes note of everything that receivers were told of an incident, by whomever. */
  learnNotified(id: string, notified: readonly Notified[]): void {
    const entry = this.#entriesById.get(id);
    if (entry !== undefined) entry.incident = { ...entry.incident, notified };
    const over = this.#history.get(id);
    if (over !== undefined) this.#history.put({ ...over, notified });
  }

  get(id: string): Incident | undefined {
    return this.#entriesById.get(id)?.incident ?? this.#history.get(id);
  }

  /** The open incident of a key under a rule. */
  find(rule: string, key: Key): Incident | undefined {
    return this.#entries.get(placeOf(rule, key.cluster, key, null))?.incident;
  }

  /** The open incident of a target as a whole under a rule. */
  findOfTarget(rule: string, cluster: string, target: string): Incident | undefined {
    return this.#entries.get(placeOf(rule, cluster, null, target))?.incident;
  }

  /** What keeps it from telling of all that is hot, a line each. */
  problems(nowMs: number): readonly string[] {
    if (nowMs - this.#turnedAwayMs > TURNED_AWAY_TOLD_MS) return [];
    return [`${this.#activeMax} incidents are open: further hot keys have none, and nobody is told of them`];
  }

  /** Open incidents: what has to be judged at each closed hop, touched or not. */
  *active(): Iterable<Incident> {
    for (const { incident } of this.#entries.values()) yield incident;
  }

  get hasActive(): boolean {
    return this.#entries.size > 0;
  }

  /** Resolved incidents of which somebody who heard of them is yet to be told: to be offered after a start. */
  owing(): readonly Incident[] {
    return this.#history.owing();
  }

  /** Newest first. */
  list({ status, limit }: { status?: IncidentStatus | undefined; limit: number }): readonly Incident[] {
    const all = [...this.active(), ...this.#history.all()];
    const wanted = status === undefined ? all : all.filter((incident) => incident.status === status);
    return wanted.sort((one, other) => other.startedAtMs - one.startedAtMs).slice(0, limit);
  }

  /** Writes what has changed. Changes of state never wait for it; see the class. */
  flush(): void {
    this.#persistence.flush();
  }

  close(): void {
    this.#persistence.close();
  }

  #open(place: string, rule: IncidentRule, incident: Incident | null, asOfMs: number, nowMs: number) {
    // One that resolved in this very second has the same id: the next second opens another.
    if (incident === null || this.#history.get(incident.id) !== undefined) return null;
    this.#ledger.receive();
    if (this.#entries.size >= this.#activeMax) {
      this.#ledger.drop("active-full");
      this.#turnedAwayMs = nowMs;
      return null;
    }
    this.#ledger.keep();
    this.#insert(place, {
      incident,
      rule,
      verdict: "hot",
      asOfMs,
      observedAtMs: nowMs,
      evidenceAtMs: nowMs,
    });
    this.#persistence.changed(incident);
    return incident;
  }

  #insert(place: string, entry: Entry): void {
    this.#entries.set(place, entry);
    this.#entriesById.set(entry.incident.id, entry);
  }

  /** Puts `next` in the place of an entry's incident; returns it where that is worth telling. */
  #replace(place: string, entry: Entry, next: Incident | null): Incident | null {
    const before = entry.incident;
    if (next === before) return null;
    if (next === null) {
      this.#remove(place, before.id);
      return null;
    }
    entry.incident = next;
    const isChange = hasChanged(before, next);
    if (next.status === "resolved") {
      this.#remove(place, next.id);
      this.#history.put(next);
    }
    if (isChange) this.#persistence.changed(next);
    else this.#persistence.refreshed(next);
    return isChange || next.peakRatePerSecond > before.peakRatePerSecond * PEAK_GROWTH ? next : null;
  }

  #remove(place: string, id: string): void {
    this.#entries.delete(place);
    this.#entriesById.delete(id);
  }
}

function rulesByName(rules: readonly IncidentRule[]): ReadonlyMap<string, IncidentRule> {
  return new Map(rules.map((rule) => [rule.name, rule]));
}

function placeOf(rule: string, cluster: string, key: Key | null, target: string | null): string {
  const subject = key === null ? `target\0${target}` : `key\0${keyId(key.db, key.bytes)}`;
  return `${rule}\0${cluster}\0${subject}`;
}

/** After the clock was set back, what was seen before lies in a future for which all that follows would have to wait. */
function followClock(entry: Entry, nowMs: number): void {
  if (entry.observedAtMs - nowMs <= SET_BACK_MS) return;
  entry.asOfMs = 0;
  entry.observedAtMs = nowMs;
  entry.evidenceAtMs = Math.min(entry.evidenceAtMs, nowMs);
  entry.incident = { ...begunBy(entry.incident, nowMs), trail: NO_TRAIL };
}

/** Whether an observation says anything that the incident does not say already. */
function hasNews(entry: Entry, { sight, verdict, severity, measure, extras }: Observation): boolean {
  const { incident } = entry;
  const count = sight.counts[incident.kind];
  return (
    verdict !== entry.verdict ||
    incident.reason === "stale" ||
    isWorse(severity, incident.severity) ||
    count.estimate !== incident.count.estimate ||
    count.lower !== incident.count.lower ||
    measure.value !== incident.measure.value ||
    sight.complete !== incident.complete ||
    sight.currentRatePerSecond !== incident.currentRatePerSecond ||
    (extras.facts !== null && extras.facts !== incident.facts)
  );
}

/** A change of state, which is stored at once and told to everybody. */
function hasChanged(before: Incident, next: Incident): boolean {
  return (
    before.status !== next.status ||
    before.severity !== next.severity ||
    before.reason !== next.reason ||
    before.reopened !== next.reopened ||
    before.facts?.type !== next.facts?.type
  );
}

/** What not having seen the key for so long makes of its incident; `null`: nothing, as nobody heard of it. */
function withoutEvidence(incident: Incident, unseenMs: number, nowMs: number): Incident | null {
  if (unseenMs < STALE_AFTER_MS) return incident;
  if (incident.status === "pending") return null;
  if (unseenMs >= EXPIRED_AFTER_MS) return { ...incident, ...over("expired", nowMs) };
  return incident.reason === "stale" ? incident : { ...incident, reason: "stale" };
}

/** The incident with no time of its life after now: none of them would pass before the wall clock is there again. */
function begunBy(incident: Incident, nowMs: number): Incident {
  const { startedAtMs, firedAtMs, calmSinceMs } = incident;
  return {
    ...incident,
    startedAtMs: Math.min(startedAtMs, nowMs),
    firedAtMs: firedAtMs && Math.min(firedAtMs, nowMs),
    calmSinceMs: calmSinceMs && Math.min(calmSinceMs, nowMs),
  };
}

/** The end of an incident for another reason than that its key cooled. */
function over(reason: ResolveReason, nowMs: number) {
  return { status: "resolved", reason, resolvedAtMs: nowMs } as const;
}
