import type { Route, Rule } from "../config/schema.ts";
import type { Incident, MuteReason, Notified } from "../model/incident.ts";
import type { Ledger } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import {
  type Due,
  dueNotice,
  type Heard,
  hear,
  heardSince,
  type NoticeCause,
  RESOLVE_LASTS_MS,
} from "./cooldown.ts";
import { Delivery } from "./delivery.ts";
import { Grouper } from "./group.ts";
import type { Muting } from "./muting.ts";
import { eventOf, type Notice, spendsBudget } from "./notice.ts";
import type { Receiver } from "./receivers/receiver.ts";
import { Repeaters } from "./repeater.ts";
import { compileRoutes, DEFAULT_PACE, type Router } from "./route.ts";
import {
  isOldNews,
  isSame,
  isUnseen,
  mutedName,
  type Standing,
  standingOf,
  type Tracked,
} from "./standing.ts";
import { Threads } from "./threads.ts";
import { Wake } from "./wake.ts";

/** Incidents under the notifier's eyes: open ones, and resolved ones of which somebody is yet to be told. */
const TRACKED_MAX = 25_000;
/** When a receiver's queue was full, and for what could not be written. */
const TRY_AGAIN_MS = 1000;
/** What is muted depends on more than is told of: a key may move to another target, a clock may be set. */
const MUTED_LOOK_MS = 10_000;
const TURNED_AWAY_TOLD_MS = 60_000;
const UNKNOWN_RULE_COOLDOWN_MS = 300_000;

export interface NotifierOptions {
  readonly routes: readonly Route[];
  readonly receivers: readonly Receiver[];
  readonly rules: readonly Pick<Rule, "name" | "cooldown">[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Ledger;
  /** Whether receivers may be told of a cluster's incidents now; looked at before each attempt. Default: always. */
  readonly mayTell?: (cluster: string) => boolean;
  /** Keeps firings from being told; it is to know of an incident before it is offered. Default: nothing is muted. */
  readonly muting?: Muting;
  /**
   * How an incident is just now: it is offered when its state changes, and its figures change all the time. Default: as it
   * was offered last.
   */
  readonly current?: (incidentId: string) => Incident | undefined;
  /** Called once for each incident and receiver after the receiver took or refused it: writes the log. */
  readonly onNotified: (incidentId: string, notified: Notified) => void;
}

export interface NotificationCount {
  readonly receiver: string;
  readonly outcome: "delivered" | "failed" | "retried";
  readonly count: number;
}

/**
 * Tells receivers of incidents: route -> cooldown -> mute (inhibit, silence) -> group -> delivery.
 *
 * What is owed to whom follows from the incident and its log alone, and is worked out anew at each change: a message
 * that failed, waits, or was lost with the process is simply still owed. The ledger counts notices (one incident, one
 * receiver, one thing to tell): kept are those that a receiver took.
 */
export class Notifier {
  readonly #route: Router;
  #cooldowns: ReadonlyMap<string, number>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ledger: Ledger;
  readonly #current: NonNullable<NotifierOptions["current"]>;
  readonly #onNotified: NotifierOptions["onNotified"];
  readonly #muting: Muting | null;
  readonly #deliveries: ReadonlyMap<string, Delivery>;
  readonly #grouper: Grouper;
  readonly #receivers: readonly Receiver[];
  readonly #threads: Threads;
  readonly #repeaters: Repeaters;
  readonly #tracked = new Map<string, Tracked>();
  readonly #wake: Wake;
  /** When an incident last had no room, on the monotonic clock. */
  #turnedAwayMs = Number.NEGATIVE_INFINITY;
  #isClosing = false;

  constructor(options: NotifierOptions) {
    const { clock, logger } = options;
    this.#route = compileRoutes(options.routes);
    this.#cooldowns = cooldownsOf(options.rules);
    this.#clock = clock;
    this.#logger = logger;
    this.#ledger = options.ledger;
    this.#current = options.current ?? (() => undefined);
    this.#onNotified = options.onNotified;
    this.#receivers = options.receivers;
    this.#muting = options.muting ?? null;
    this.#wake = new Wake(clock, (nowMs) => this.tick(nowMs));
    // Many skews may fire at once: all incidents are looked at again once, as soon as this turn has ended.
    this.#muting?.onChange(() => this.#wake.at(clock.now()));
    this.#grouper = new Grouper(
      clock,
      (notices) => this.#leave(notices),
      (notice) => this.#recheck(notice),
    );
    const mayTell = options.mayTell ?? (() => true);
    const events = {
      compose: (notices: readonly Notice[]) => this.#compose(notices),
      threadOf: (notices: readonly Notice[]) => this.#threads.of(notices),
      folded: (incidents: readonly Incident[]) => this.#muting?.folded(incidents, this.#incidents()) ?? {},
      delivered: (notices: readonly Notice[]) => this.#finish(notices, "delivered"),
      failed: (notices: readonly Notice[]) => this.#finish(notices, "failed"),
      postponed: (notices: readonly Notice[]) => this.#postpone(notices),
      mayTell,
    };
    this.#deliveries = new Map(
      options.receivers.map((receiver) => [receiver.name, new Delivery(receiver, { clock, logger, events })]),
    );
    this.#threads = new Threads(options.receivers, (receiver, id) => this.#isOpenTo(receiver, id));
    this.#repeaters = new Repeaters(options.receivers, {
      clock,
      logger,
      mayTell,
      current: this.#current,
    });
  }

  /** Goes by the cooldowns of other rules from now on. */
  setRules(rules: NotifierOptions["rules"]): void {
    this.#cooldowns = cooldownsOf(rules);
    for (const tracked of this.#tracked.values()) this.#review(tracked);
  }

  /** Takes in how an incident is now. Returns at once: nothing is sent before this turn of the event loop ends. */
  offer(incident: Incident): void {
    if (incident.status === "pending" || this.#isClosing) return;
    let tracked = this.#tracked.get(incident.id);
    if (tracked === undefined) {
      if (this.#tracked.size >= TRACKED_MAX) {
        this.#ledger.receive();
        this.#ledger.drop("tracked-full");
        this.#turnedAwayMs = this.#clock.monotonic();
        return;
      }
      tracked = this.#track(incident);
    } else if (tracked.incident.severity !== incident.severity) {
      tracked.paces = this.#route(incident);
    }
    tracked.incident = incident;
    for (const [receiver, standing] of tracked.standings) {
      standing.heard = heardSince(standing.heard, incident.notified, receiver);
    }
    this.#threads.adopt(incident);
    this.#repeaters.offer(incident);
    this.#review(tracked);
  }

  /** Another process tells of this cluster's incidents from now on. What is being sent is sent, and logged. */
  withdraw(cluster: string): void {
    for (const [id, { incident, standings }] of this.#tracked) {
      if (incident.cluster !== cluster) continue;
      for (const standing of standings.values()) {
        if (standing.notice?.state !== "sending") this.#cancel(standing, "withdrawn");
      }
      this.#forget(id);
    }
    this.#repeaters.withdraw(cluster);
  }

  /** Sends what has fallen due. Cheap when nothing has; the notifier also wakes by itself. */
  tick(nowMs: number): void {
    if (!this.#wake.takeDue(nowMs)) return;
    for (const tracked of this.#tracked.values()) this.#review(tracked);
    this.#grouper.sweep();
  }

  /** Tries once what waits to be sent, for at most `deadlineMs`; what is not told then is still owed at the next start. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#wake.close();
    this.#grouper.flushAll();
    this.#repeaters.close();
    await Promise.all([...this.#deliveries.values()].map((delivery) => delivery.close(deadlineMs)));
    for (const { standings } of this.#tracked.values()) {
      for (const standing of standings.values()) this.#cancel(standing, "shutdown");
    }
    this.#tracked.clear();
  }

  /** Messages since the start, by receiver and outcome; `retried` counts attempts that failed. */
  notifications(): readonly NotificationCount[] {
    return [...this.#deliveries].flatMap(([receiver, { counts }]) =>
      (["delivered", "failed", "retried"] as const).map((outcome) => ({
        receiver,
        outcome,
        count: counts[outcome],
      })),
    );
  }

  /** What is wrong with receivers just now, and what else keeps people from being told, a line each. */
  problems(): readonly string[] {
    const isFull = this.#clock.monotonic() - this.#turnedAwayMs <= TURNED_AWAY_TOLD_MS;
    const turnedAway = `${TRACKED_MAX} incidents are to be told of: nobody is told of further ones before some of these are over`;
    const ofReceivers = this.#receivers.flatMap((receiver) =>
      [...this.#failures(receiver.name), ...(receiver.problems?.() ?? [])].map(
        (problem) => `receiver ${receiver.name}: ${problem}`,
      ),
    );
    return [...(isFull ? [turnedAway] : []), ...ofReceivers];
  }

  /** Whether every receiver takes what it is told, though perhaps not in all the ways that it has. */
  isHeard(): boolean {
    return this.#receivers.every(({ name }) => this.#failures(name).length === 0);
  }

  #failures(receiver: string): readonly string[] {
    const health = this.#deliveries.get(receiver)?.health;
    const undelivered = health === undefined || health.state === "ok" ? null : health.reason;
    return [undelivered, this.#repeaters.problemOf(receiver)].filter((problem) => problem !== null);
  }

  #track(incident: Incident): Tracked {
    const paces = this.#route(incident);
    const standings = new Map<string, Standing>();
    const names = new Set([...paces.keys(), ...incident.notified.map(({ receiver }) => receiver)]);
    for (const name of names) this.#stand(standings, incident, name);
    const tracked = { incident, paces, standings };
    this.#tracked.set(incident.id, tracked);
    return tracked;
  }

  #stand(standings: Map<string, Standing>, incident: Incident, receiver: string): void {
    if (standings.has(receiver) || !this.#deliveries.has(receiver)) return;
    standings.set(receiver, standingOf(incident, receiver));
  }

  #review(tracked: Tracked): void {
    const { incident, paces, standings } = tracked;
    for (const receiver of paces.keys()) this.#stand(standings, incident, receiver);
    let isOwing = false;
    for (const [receiver, standing] of standings) {
      if (this.#reviewStanding(tracked, receiver, standing)) isOwing = true;
    }
    if (incident.status === "resolved" && !isOwing) this.#forget(incident.id);
  }

  #forget(id: string): void {
    this.#tracked.delete(id);
    this.#threads.forget(id);
  }

  /** Brings what is on its way to a receiver in line with what it is owed; says whether anything is owed. */
  #reviewStanding(tracked: Tracked, receiver: string, standing: Standing): boolean {
    const { incident, paces } = tracked;
    // What is being sent cannot be taken back: it is looked at again when the attempt is over.
    if (standing.notice?.state === "sending") return true;
    const nowMs = this.#clock.now();
    if (standing.notice !== null && this.#muteNotice(incident, standing, standing.notice)) return false;
    const due = this.#due(incident, standing.heard, paces.has(receiver), nowMs);
    if (standing.notice !== null) {
      if (due !== null && isSame(standing.notice, due, incident)) return true;
      // What was due before the key went out of sight is still news to this receiver.
      if (isUnseen(incident) && spendsBudget(standing.notice)) return true;
      this.#cancel(standing, incident.status === "resolved" ? "resolved" : "superseded");
    }
    if (due === null) return false;
    if (due.atMs > nowMs) this.#wake.at(due.atMs);
    else if (!this.#muteDue(incident, receiver, standing, due) && !isOldNews(incident, standing))
      this.#begin(tracked, receiver, standing, due);
    return true;
  }

  /** Takes back a notice that is muted by now; says whether it did. */
  #muteNotice(incident: Incident, standing: Standing, notice: Notice): boolean {
    const reason = this.#muteReason(incident, notice.receiver, notice.cause);
    if (reason === null) return false;
    standing.muted = mutedName(notice.cause, notice.severity);
    this.#cancel(standing, reason);
    return true;
  }

  /** Whether what is due is muted; counts that once. */
  #muteDue(incident: Incident, receiver: string, standing: Standing, { cause }: Due): boolean {
    const reason = this.#muteReason(incident, receiver, cause);
    if (reason === null) return false;
    this.#wake.at(this.#clock.now() + MUTED_LOOK_MS);
    const name = mutedName(cause, incident.severity);
    if (standing.muted !== name) {
      this.#ledger.receive();
      this.#ledger.drop(reason);
    }
    standing.muted = name;
    return true;
  }

  #muteReason(incident: Incident, receiver: string, cause: NoticeCause): MuteReason | null {
    if (eventOf(cause) !== "firing") return null;
    return this.#muting?.muted(this.#asItIs(incident), receiver) ?? null;
  }

  /** A notice is about to leave its group. */
  #recheck(notice: Notice): void {
    const tracked = this.#tracked.get(notice.incidentId);
    const standing = tracked?.standings.get(notice.receiver);
    if (tracked && standing?.notice === notice) this.#muteNotice(tracked.incident, standing, notice);
  }

  *#incidents(): Iterable<Incident> {
    for (const { incident } of this.#tracked.values()) yield this.#asItIs(incident);
  }

  /** With its figures of just now. */
  #asItIs(offered: Incident): Incident {
    return this.#current(offered.id) ?? offered;
  }

  #due(incident: Incident, heard: Heard, isRouted: boolean, nowMs: number): Due | null {
    const due = dueNotice(
      incident,
      heard,
      this.#cooldowns.get(incident.rule) ?? UNKNOWN_RULE_COOLDOWN_MS,
      isRouted,
    );
    const isTooLate = due?.cause === "resolve" && nowMs - (incident.resolvedAtMs ?? nowMs) > RESOLVE_LASTS_MS;
    return isTooLate ? null : due;
  }

  #begin(tracked: Tracked, receiver: string, standing: Standing, { cause }: Due): void {
    if (this.#isClosing) return;
    const { incident, paces } = tracked;
    const { firing, refused } = standing.heard;
    standing.muted = null;
    standing.notice = {
      incidentId: incident.id,
      receiver,
      cluster: incident.cluster,
      cause,
      severity: incident.severity,
      afterMs: Math.max(firing?.atMs ?? 0, refused?.atMs ?? 0),
      state: "waiting",
    };
    this.#ledger.receive();
    this.#grouper.add(standing.notice, paces.get(receiver) ?? DEFAULT_PACE);
  }

  #cancel(standing: Standing, reason: string): void {
    const { notice } = standing;
    if (notice === null) return;
    notice.state = "over";
    standing.notice = null;
    this.#grouper.remove(notice);
    this.#ledger.drop(reason);
  }

  /** A group leaves the grouper: as one message, or as one for each thread. */
  #leave(notices: readonly Notice[]): void {
    const receiver = notices[0]?.receiver ?? "";
    const startedAtMs = (id: string) => this.#tracked.get(id)?.incident.startedAtMs ?? 0;
    const messages = this.#threads.split(notices, startedAtMs);
    const delivery = this.#deliveries.get(receiver);
    const refused = messages.filter((message) => !delivery?.accept(message)).flat();
    if (refused.length === 0) return;
    // Still owed: it is taken up again when there may be room.
    for (const notice of refused) {
      const standing = this.#tracked.get(notice.incidentId)?.standings.get(notice.receiver);
      if (standing) this.#cancel(standing, "queue-full");
    }
    this.#wake.at(this.#clock.now() + TRY_AGAIN_MS);
  }

  #compose(notices: readonly Notice[]): readonly Incident[] {
    return notices.flatMap(({ incidentId, cause }) => {
      const offered = this.#tracked.get(incidentId)?.incident;
      if (offered === undefined) return [];
      const incident = this.#asItIs(offered);
      // Whoever is told that it fires need not know that it has been calm for the last seconds.
      return eventOf(cause) === "firing" ? { ...incident, status: "firing" as const } : incident;
    });
  }

  /** Whether a receiver has heard of an incident, and neither heard nor is just being told that it is over. */
  #isOpenTo(receiver: string, id: string): boolean {
    const standing = this.#tracked.get(id)?.standings.get(receiver);
    if (standing === undefined || standing.heard.firing === null || standing.heard.isOver) return false;
    // Of two that end at once the message that leaves later speaks for both.
    const { notice } = standing;
    return !(notice?.state === "sending" && notice.cause === "resolve");
  }

  #finish(notices: readonly Notice[], outcome: Notified["outcome"]): void {
    const atMs = this.#clock.now();
    for (const notice of notices) {
      const { incidentId, receiver, cause, severity, thread } = notice;
      notice.state = "over";
      if (outcome === "delivered") this.#ledger.keep();
      else this.#ledger.drop("refused");
      const notified: Notified = {
        receiver,
        atMs,
        outcome,
        event: eventOf(cause),
        severity,
        ...(thread === undefined ? {} : { thread }),
      };
      const tracked = this.#tracked.get(incidentId);
      const standing = tracked?.standings.get(receiver);
      const isTracked = standing?.notice === notice;
      if (isTracked) {
        standing.notice = null;
        standing.heard = hear(standing.heard, notified);
        if (tracked) this.#repeaters.told(tracked.incident, notified);
      }
      this.#log(incidentId, notified);
      if (isTracked && tracked) this.#review(tracked);
    }
  }

  #log(incidentId: string, notified: Notified): void {
    try {
      this.#onNotified(incidentId, notified);
    } catch (err) {
      this.#logger.error({ incident: incidentId, err }, "notification could not be logged");
    }
  }

  #postpone(notices: readonly Notice[]): void {
    for (const notice of notices) {
      const tracked = this.#tracked.get(notice.incidentId);
      if (tracked?.standings.get(notice.receiver)?.notice === notice) this.#review(tracked);
      else this.#abandon(notice);
    }
  }

  /** It was withdrawn while it was being sent, and did not arrive. */
  #abandon(notice: Notice): void {
    if (notice.state === "over") return;
    notice.state = "over";
    this.#ledger.drop("withdrawn");
  }
}

function cooldownsOf(rules: NotifierOptions["rules"]): ReadonlyMap<string, number> {
  return new Map(rules.map(({ name, cooldown }) => [name, cooldown]));
}
