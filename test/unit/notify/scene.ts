import type { Route } from "../../../src/config/schema.ts";
import { IncidentBook } from "../../../src/incidents/book.ts";
import type { IncidentRule } from "../../../src/incidents/lifecycle.ts";
import { type IncidentStore, memoryStore } from "../../../src/incidents/store.ts";
import type { Incident, Notified, Severity } from "../../../src/model/incident.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { Muting } from "../../../src/notify/muting.ts";
import { Notifier } from "../../../src/notify/notifier.ts";
import { Ledger } from "../../../src/runtime/accounting.ts";
import type { Clock } from "../../../src/runtime/clock.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { heatOf, observation, RULE } from "../incidents/samples.ts";
import { FakeReceiver } from "./fake-receiver.ts";

export interface Told {
  readonly receiver: string;
  readonly atSeconds: number;
  readonly event: "firing" | "resolved";
  readonly keys: readonly string[];
}

interface SceneOptions {
  readonly receivers?: readonly string[];
  /** What sort of fake they are. */
  readonly Receiver?: new (
    name: string,
    clock: Clock,
  ) => FakeReceiver;
  readonly mayTell?: (cluster: string) => boolean;
  readonly routes?: readonly Route[];
  readonly rule?: IncidentRule;
  readonly store?: IncidentStore;
  readonly clock?: SimulatedClock;
}

/** A rule on targets, of the type that folds the incidents of their keys. */
export const SKEW: IncidentRule = { ...RULE, name: "skewed" };

export function routeTo(receivers: readonly string[], changes: Partial<Route> = {}): Route {
  return { match: {}, receivers: [...receivers], groupWait: 0, groupInterval: 30_000, burst: 5, ...changes };
}

/** Incidents and notification on a simulated clock, as an aggregator joins them. */
export class Scene {
  readonly clock: SimulatedClock;
  readonly startMs: number;
  readonly ledger = new Ledger("notify");
  readonly incidentsLedger = new Ledger("incidents");
  readonly book: IncidentBook;
  readonly muting: Muting;
  readonly notifier: Notifier;
  readonly receivers: ReadonlyMap<string, FakeReceiver>;
  readonly log: (Notified & { readonly id: string })[] = [];
  /** Called instead of writing the log, where set. */
  onNotified: ((id: string, notified: Notified) => void) | null = null;
  readonly #rule: IncidentRule;

  constructor({
    receivers = ["hook"],
    Receiver = FakeReceiver,
    mayTell = () => true,
    routes,
    rule = RULE,
    store = memoryStore(),
    clock,
  }: SceneOptions = {}) {
    this.clock = clock ?? new SimulatedClock();
    this.startMs = this.clock.now();
    this.#rule = rule;
    this.receivers = new Map(receivers.map((name) => [name, new Receiver(name, this.clock)]));
    const logger = silentLogger;
    this.book = new IncidentBook({
      rules: [rule, SKEW],
      store,
      ledger: this.incidentsLedger,
      logger,
      nowMs: this.startMs,
    });
    const routesOrAll = routes ?? [routeTo(receivers)];
    this.muting = new Muting({
      rules: [
        { name: rule.name, type: "rate" },
        { name: SKEW.name, type: "skew" },
      ],
      routes: routesOrAll,
      clock: this.clock,
    });
    this.notifier = new Notifier({
      routes: routesOrAll,
      receivers: [...this.receivers.values()],
      rules: [rule, SKEW],
      clock: this.clock,
      logger,
      ledger: this.ledger,
      mayTell,
      muting: this.muting,
      current: (id) => this.book.get(id),
      onNotified: (id, notified) => {
        this.log.push({ id, ...notified });
        if (this.onNotified) this.onNotified(id, notified);
        else this.book.recordNotified(id, notified);
      },
    });
    for (const incident of this.book.active()) this.muting.note(incident);
    for (const incident of [...this.book.active(), ...this.book.owing()]) this.notifier.offer(incident);
  }

  /** The only receiver, or the one of that name. */
  receiver(name = "hook"): FakeReceiver {
    const receiver = this.receivers.get(name);
    if (receiver === undefined) throw new Error(`no receiver ${name}`);
    return receiver;
  }

  observe(
    verdict: Verdict,
    key = "user:1",
    severity: Severity = "warning",
    writes = 20_000,
  ): Incident | null {
    const nowMs = this.clock.now();
    const heat = heatOf({ key, atMs: nowMs, writes });
    const changed = this.book.observe(this.#rule, observation(verdict, severity, heat), nowMs);
    if (changed) this.offer(changed);
    return changed;
  }

  /** Judges a target as a whole, by the rule `SKEW`. */
  observeSkew(verdict: Verdict, severity: Severity = "warning"): Incident | null {
    const nowMs = this.clock.now();
    const {
      clearing: _clearing,
      absorbed: _absorbed,
      bytes: _bytes,
      vantages: _vantages,
      ...figures
    } = heatOf({ atMs: nowMs });
    const sight = { ...figures, key: null, cluster: "shop", target: "127.0.0.1:6379", slot: null };
    const changed = this.book.observe(SKEW, { ...observation(verdict, severity), sight }, nowMs);
    if (changed) this.offer(changed);
    return changed;
  }

  offer(incident: Incident): void {
    this.muting.note(incident);
    this.notifier.offer(incident);
  }

  /** One hop: judges keys, then lets a second pass. */
  async hop(verdicts: Readonly<Record<string, Verdict>>, severity: Severity = "warning"): Promise<void> {
    for (const [key, verdict] of Object.entries(verdicts)) this.observe(verdict, key, severity);
    for (const incident of this.book.tick(this.clock.now())) this.offer(incident);
    this.notifier.tick(this.clock.now());
    await this.clock.pass(1000);
  }

  async hops(seconds: number, verdicts: Readonly<Record<string, Verdict>>, severity: Severity = "warning") {
    for (let second = 0; second < seconds; second++) await this.hop(verdicts, severity);
  }

  /** What receivers took, in order of time. */
  told(): Told[] {
    return [...this.receivers.values()]
      .flatMap(({ name, taken }) =>
        taken.map(({ atMs, group }) => ({
          receiver: name,
          atSeconds: Math.floor((atMs - this.startMs) / 1000),
          event: group.event,
          keys: group.incidents.map(({ key }) => Buffer.from(key?.bytes ?? "").toString()),
        })),
      )
      .sort((one, other) => one.atSeconds - other.atSeconds);
  }

  toldAt(event: "firing" | "resolved", receiver = "hook"): number[] {
    return this.told()
      .filter((told) => told.event === event && told.receiver === receiver)
      .map(({ atSeconds }) => atSeconds);
  }
}
