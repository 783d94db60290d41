import type { AlertmanagerReceiver as AlertmanagerConfig } from "../../config/schema.ts";
import type { Incident, IncidentGroup } from "../../model/incident.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { alertBodies } from "./alertmanager-alerts.ts";
import { AlertmanagerReplica } from "./alertmanager-replica.ts";
import { DeliveryError, type Receipt, type Receiver, type Repetition } from "./receiver.ts";

/** Well before an alert of 5 minutes lapses. */
const REPEAT_EVERY_MS = 30_000;
/** As long as Prometheus tells of an end: for replicas that were away. */
const RESOLVED_REPEATED_FOR_MS = 300_000;

interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly externalUrl?: string | undefined;
}

/**
 * Sends incidents as alerts to every replica of an Alertmanager; one that takes them is enough, the others get them from
 * it or with the next send.
 */
export class AlertmanagerReceiver implements Receiver {
  readonly name: string;
  readonly repetition: Repetition = {
    everyMs: REPEAT_EVERY_MS,
    resolvedForMs: RESOLVED_REPEATED_FOR_MS,
    repeat: async (incidents, signal) => {
      await this.#send(incidents, {}, signal);
    },
  };
  readonly #replicas: readonly AlertmanagerReplica[];
  readonly #clock: Clock;
  readonly #externalUrl: string | undefined;

  constructor({ name, alertmanager, allow }: AlertmanagerConfig, surroundings: Surroundings) {
    const { clock, logger, externalUrl } = surroundings;
    this.name = name;
    this.#clock = clock;
    this.#externalUrl = externalUrl;
    const { urls, authorization } = alertmanager;
    this.#replicas = urls.map(
      (url) => new AlertmanagerReplica({ receiver: name, url, authorization, allow, clock, logger }),
    );
  }

  deliver({ incidents, folded }: IncidentGroup, signal: AbortSignal): Promise<Receipt> {
    return this.#send(incidents, { folded }, signal);
  }

  problems(): readonly string[] {
    return this.#replicas.map(({ problem }) => problem).filter((problem) => problem !== null);
  }

  async close(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.close()));
  }

  async #send(
    incidents: readonly Incident[],
    { folded }: Pick<IncidentGroup, "folded"> | { folded?: undefined },
    signal: AbortSignal,
  ): Promise<Receipt> {
    const nowMs = this.#clock.now();
    const options = { nowMs, externalUrl: this.#externalUrl, ...(folded && { folded }) };
    const bodyAt = shared(alertBodies(incidents, options));
    try {
      // A replica that hangs holds up nobody.
      return await Promise.any(this.#replicas.map((replica) => replica.post(bodyAt, signal)));
    } catch (error) {
      throw worthiest(error instanceof AggregateError ? error.errors : [error]);
    }
  }
}

/** Lets several read along one iteration, each at its own pace; `undefined`: the end. */
function shared<T>(source: Iterable<T>): (index: number) => T | undefined {
  const rest = source[Symbol.iterator]();
  const made: T[] = [];
  return (index) => {
    while (made.length <= index) {
      const next = rest.next();
      if (next.done) return undefined;
      made.push(next.value);
    }
    return made[index];
  };
}

/** Of what the replicas answered, what gives most hope: while one may yet take it, it is tried again. */
function worthiest(errors: readonly unknown[]): unknown {
  const known = errors.filter((error) => error instanceof DeliveryError);
  return known.find(({ retryable }) => retryable) ?? known[0] ?? errors[0];
}
