import type { Config } from "./config/schema.ts";
import type { Incident, Notified } from "./model/incident.ts";
import type { Authority, NotifiedRecord } from "./model/state-record.ts";
import { Notifier, type NotifierOptions } from "./notify/notifier.ts";
import type { StateView } from "./ownership/state-view.ts";
import type { Clock } from "./runtime/clock.ts";

/**
 * How long a new owner of a cluster waits before it tells of incidents that were there before it: what the owner before
 * it was just sending is logged by then.
 */
const HANDOVER_MS = 1000;

export interface ClusterTellingOptions
  extends Pick<NotifierOptions, "receivers" | "muting" | "clock" | "logger" | "ledger"> {
  readonly config: Pick<Config, "routes" | "rules">;
  readonly view: StateView;
  /** Name of this process. */
  readonly instance: string;
  /** The right to write for a cluster; `null`: this process is not its owner, or does not know it to be. */
  readonly authorityOf: (cluster: string) => Authority | null;
  readonly write: (record: NotifiedRecord) => void;
}

interface Handover {
  /** Wall clock, ms since 1970. */
  readonly sinceMs: number;
  isOver: boolean;
  readonly cancel: () => void;
}

/** Tells receivers of the incidents of those clusters that this process owns, and writes down who was told what. */
export class ClusterTelling {
  readonly notifier: Notifier;
  readonly #options: ClusterTellingOptions;
  readonly #clock: Clock;
  /** Of the clusters that this process owns. */
  readonly #handovers = new Map<string, Handover>();
  /** Whether nothing was left out for want of it since the last tick. */
  #isConfirmed = false;

  constructor(options: ClusterTellingOptions) {
    const { config, receivers, muting, clock, logger, ledger } = options;
    this.#options = options;
    this.#clock = clock;
    this.notifier = new Notifier({
      routes: config.routes,
      receivers,
      rules: config.rules,
      clock,
      logger,
      ledger,
      ...(muting && { muting }),
      mayTell: (cluster) => this.#mayTell(cluster),
      onNotified: (incidentId, notified) => this.#log(incidentId, notified),
    });
  }

  /** The cluster is this process's. */
  held(cluster: string): void {
    const cancel = this.#clock.after(HANDOVER_MS, () => {
      handover.isOver = true;
      this.#offerAll(cluster);
    });
    const handover: Handover = { sinceMs: this.#clock.now(), isOver: false, cancel };
    this.#handovers.set(cluster, handover);
  }

  /** It is another's. */
  lost(cluster: string): void {
    this.#handovers.get(cluster)?.cancel();
    this.#handovers.delete(cluster);
    this.notifier.withdraw(cluster);
  }

  /** An incident was read back from the state topic. */
  offer(incident: Incident): void {
    const { cluster } = incident;
    const handover = this.#handovers.get(cluster);
    if (handover === undefined) return;
    const isNew = incident.startedAtMs >= handover.sinceMs;
    if (!this.#mayTell(cluster)) {
      // The doubt may be over by the next tick, which would not know of it.
      this.#isConfirmed = false;
      return;
    }
    if (handover.isOver || isNew) this.notifier.offer(incident);
  }

  /** `isConfirmed`: whether the group knows this process. After a doubt, what was not told meanwhile is looked at again. */
  tick(isConfirmed: boolean, nowMs: number): void {
    const isBack = isConfirmed && !this.#isConfirmed;
    this.#isConfirmed = isConfirmed;
    if (!isConfirmed) return;
    if (isBack) for (const [cluster, { isOver }] of this.#handovers) if (isOver) this.#offerAll(cluster);
    this.notifier.tick(nowMs);
  }

  stop(): void {
    for (const { cancel } of this.#handovers.values()) cancel();
  }

  #mayTell(cluster: string): boolean {
    return this.#handovers.has(cluster) && this.#options.authorityOf(cluster) !== null;
  }

  #offerAll(cluster: string): void {
    for (const incident of this.#options.view.incidents()) {
      if (incident.cluster === cluster) this.offer(incident);
    }
  }

  #log(incidentId: string, notified: Notified): void {
    const { view, instance, authorityOf, write } = this.#options;
    const cluster = view.incident(incidentId)?.cluster;
    if (cluster === undefined) return;
    // That somebody was told is true whoever owns the cluster by now.
    const authority = authorityOf(cluster) ?? { cluster, bucket: 0, term: 0, instance };
    const { receiver } = notified;
    const entries = [...view.notified(incidentId, receiver), notified];
    const record = { type: "notified", authority, incidentId, receiver, entries } as const;
    // A second entry may follow before the first is read back, and must not leave it out.
    view.noteNotified(record);
    write(record);
  }
}
