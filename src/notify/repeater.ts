import type { Incident, Notified, Severity } from "../model/incident.ts";
import { isWorse } from "../model/severity.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Receiver, Repetition } from "./receivers/receiver.ts";

/** A round that hangs is given up. */
const ROUND_TIMEOUT_MS = 10_000;
/** Ends that are told again, at most: of more, the earliest are left to what the service was told of them first. */
const ENDED_MAX = 10_000;

/** An incident that the service was told of, with the severities under which it knows it and since when. */
interface Known {
  readonly incident: Incident;
  readonly levels: ReadonlyMap<Severity, number>;
}

interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether receivers may be told of a cluster's incidents now. */
  readonly mayTell: (cluster: string) => boolean;
  /** How an incident is just now; `undefined`: as it was offered last. */
  readonly current: (incidentId: string) => Incident | undefined;
}

interface RepeaterOptions extends Surroundings {
  readonly receiver: string;
  readonly repetition: Repetition;
}

/** A repeater for each receiver that is to be told again. */
export class Repeaters {
  readonly #repeaters: ReadonlyMap<string, Repeater>;

  constructor(receivers: readonly Receiver[], surroundings: Surroundings) {
    this.#repeaters = new Map(
      receivers.flatMap(({ name: receiver, repetition }) =>
        repetition ? [[receiver, new Repeater({ receiver, repetition, ...surroundings })]] : [],
      ),
    );
  }

  /** Takes in how an incident is now. */
  offer(incident: Incident): void {
    for (const repeater of this.#repeaters.values()) repeater.offer(incident);
  }

  /** A receiver answered to a message of the incident. */
  told(incident: Incident, notified: Notified): void {
    const repeater = this.#repeaters.get(notified.receiver);
    repeater?.offer({ ...incident, notified: [...incident.notified, notified] });
  }

  /** Another process tells of this cluster's incidents from now on. */
  withdraw(cluster: string): void {
    for (const repeater of this.#repeaters.values()) repeater.withdraw(cluster);
  }

  /** Why a receiver could not be told again; `null`: it could, or need not be. */
  problemOf(receiver: string): string | null {
    return this.#repeaters.get(receiver)?.problem ?? null;
  }

  close(): void {
    for (const repeater of this.#repeaters.values()) repeater.close();
  }
}

/**
 * Tells a service again and again how the incidents are that it was told of: all that are open, seen or not, and for a
 * while those that are over.
 *
 * That is state, not news: no cooldown, budget or silence holds it back, and it is no notification. It follows from the
 * incidents and their logs alone, so it goes on after a restart, at once.
 */
class Repeater {
  readonly #options: RepeaterOptions;
  readonly #clock: Clock;
  readonly #open = new Map<string, Known>();
  readonly #ended = new Map<string, Known>();
  /** On the monotonic clock. */
  #dueAtMs = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};
  #round: AbortController | null = null;
  #problem: string | null = null;
  #isClosed = false;

  constructor(options: RepeaterOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  /** Why the last round failed; `null`: it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Takes in how an incident is now; what its receiver has not heard of is not for us. */
  offer(incident: Incident): void {
    if (this.#isClosed) return;
    const { id } = incident;
    const before = this.#open.get(id) ?? this.#ended.get(id);
    const told = incident.notified.filter((entry) => this.#isTold(entry));
    const levels = levelsOf(before?.levels ?? new Map(), told);
    if (levels.size === 0) return;
    this.#open.delete(id);
    this.#ended.delete(id);
    const known = { incident, levels };
    const nowMs = this.#clock.now();
    if (this.#isPast(incident, nowMs)) return;
    if (incident.status === "resolved") this.#putEnded(known);
    else this.#open.set(id, known);
    // One that is known has its round.
    if (before !== undefined) return;
    const toldAtMs = Math.max(...levels.values(), ...told.map(({ atMs }) => atMs));
    const { everyMs } = this.#options.repetition;
    this.#wakeIn(Math.min(everyMs, Math.max(0, toldAtMs + everyMs - nowMs)));
  }

  withdraw(cluster: string): void {
    for (const known of [this.#open, this.#ended]) {
      for (const [id, { incident }] of known) if (incident.cluster === cluster) known.delete(id);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelWake();
    this.#round?.abort();
  }

  #isTold({ receiver, event, outcome }: Notified): boolean {
    return receiver === this.#options.receiver && event === "firing" && outcome === "delivered";
  }

  #isPast({ status, resolvedAtMs }: Incident, nowMs: number): boolean {
    return status === "resolved" && nowMs - (resolvedAtMs ?? 0) >= this.#options.repetition.resolvedForMs;
  }

  #putEnded(known: Known): void {
    this.#ended.set(known.incident.id, known);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }

  #wakeIn(delayMs: number): void {
    const atMs = this.#clock.monotonic() + delayMs;
    if (this.#round !== null || atMs >= this.#dueAtMs || this.#isClosed) return;
    this.#dueAtMs = atMs;
    this.#cancelWake();
    this.#cancelWake = this.#clock.after(delayMs, () => void this.#go());
  }

  async #go(): Promise<void> {
    const startMs = this.#clock.monotonic();
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    const incidents = this.#states(this.#clock.now());
    const round = new AbortController();
    this.#round = round;
    const cancelTimeout = this.#clock.after(ROUND_TIMEOUT_MS, () => round.abort());
    try {
      if (incidents.length > 0) {
        await this.#repeat(incidents, round.signal);
        this.#succeed();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      cancelTimeout();
      this.#round = null;
    }
    if (this.#open.size === 0 && this.#ended.size === 0) return;
    const takenMs = this.#clock.monotonic() - startMs;
    this.#wakeIn(Math.max(0, this.#options.repetition.everyMs - takenMs));
  }

  /** A service that ignores the signal is not waited for either. */
  async #repeat(incidents: readonly Incident[], signal: AbortSignal): Promise<void> {
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.#options.repetition.repeat(incidents, signal), aborted]);
  }

  #states(nowMs: number): readonly Incident[] {
    for (const [id, { incident }] of this.#ended) if (this.#isPast(incident, nowMs)) this.#ended.delete(id);
    const { mayTell, current } = this.#options;
    return [...this.#open.values(), ...this.#ended.values()]
      .filter(({ incident }) => mayTell(incident.cluster))
      .flatMap(({ incident, levels }) => toldStates({ incident: current(incident.id) ?? incident, levels }))
      .filter((incident) => !this.#isPast(incident, nowMs));
  }

  #succeed(): void {
    if (this.#problem === null) return;
    this.#problem = null;
    const { logger, receiver } = this.#options;
    logger.info({ receiver }, "receiver takes repeated incidents again");
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    const isNews = this.#problem === null;
    this.#problem = `open incidents could not be told again: ${error instanceof Error ? error.message : error}`;
    const { logger, receiver } = this.#options;
    if (isNews) logger.warn({ receiver, err: error }, "receiver does not take repeated incidents");
  }
}

/** Severities that the service was told of, each with when that was first. */
function levelsOf(
  before: ReadonlyMap<Severity, number>,
  told: readonly Notified[],
): ReadonlyMap<Severity, number> {
  const levels = new Map(before);
  for (const { severity, atMs } of told) if (!levels.has(severity)) levels.set(severity, atMs);
  return levels;
}

/**
 * An incident under each severity that the service was told of: as it is now under the latest one, and under those
 * before as over since then.
 *
 * Where severity is a part of an alert's identity, the alert of a lower one would stand beside the new one otherwise. One
 * that the service was not told of (a silence may hold it back) is none of its business.
 */
function toldStates({ incident, levels }: Known): readonly Incident[] {
  const [first = incident.severity, ...others] = levels.keys();
  const present = others.reduce((worst, severity) => (isWorse(severity, worst) ? severity : worst), first);
  const risenAtMs = levels.get(present) ?? null;
  return [...levels.keys()].map((severity) =>
    severity === present
      ? { ...incident, severity }
      : { ...incident, severity, status: "resolved", resolvedAtMs: risenAtMs },
  );
}
