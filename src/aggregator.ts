import type { Config, RateRule } from "./config/schema.ts";
import type { IncidentBook } from "./incidents/book.ts";
import type { Key } from "./model/key.ts";
import type { PanePart } from "./model/pane.ts";
import { patternOf } from "./model/pattern.ts";
import type { Notifier } from "./notify/notifier.ts";
import { judge, ruleMatches, severityOf } from "./rules/rate.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Message, Transport } from "./transport/transport.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { ClosedHop, Windows } from "./windows/windows.ts";

/** Hops close, timers of incidents run out, and messages leave, at the latest after so long. */
const TICK_MS = 100;

export interface AggregatorParts {
  readonly rules: Config["rules"];
  readonly windows: Windows;
  readonly targets: TargetTable;
  readonly incidents: IncidentBook;
  readonly notifier: Notifier;
  readonly clock: Clock;
}

/**
 * Transport -> windows -> rules -> incidents -> notify.
 *
 * A rise is judged as each part arrives, on the running window: its sums only grow while a pane is open. A fall waits for
 * closed hops, whose windows are complete or known not to be.
 */
export class Aggregator {
  readonly #parts: AggregatorParts;
  #cancelTick: () => void = () => {};
  #isStopped = false;

  constructor(parts: AggregatorParts) {
    this.#parts = parts;
  }

  /** Takes messages from `transport` from now on. */
  start(transport: Transport): void {
    transport.consume((messages) => this.#take(messages));
    this.#schedule();
  }

  /** Ends the timers; messages that are owed are the notifier's. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTick();
  }

  #schedule(): void {
    this.#cancelTick = this.#parts.clock.after(TICK_MS, () => {
      this.#advance();
      if (!this.#isStopped) this.#schedule();
    });
  }

  #take(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.type === "part") this.#takePart(message);
      else if (message.type === "report") {
        this.#parts.targets.add(message);
        this.#parts.windows.expect(message);
      } else this.#parts.targets.addFacts(message);
    }
    this.#advance();
  }

  #takePart(part: PanePart): void {
    const { windows, clock } = this.#parts;
    const { touched } = windows.add(part, clock.now());
    for (const handle of touched) this.#judgeRise(part.cluster, handle);
  }

  #judgeRise(cluster: string, handle: number): void {
    const { windows, rules } = this.#parts;
    for (const rule of rules) {
      const lower = windows.runningLower(cluster, handle, rule.window, rule.kind);
      if (lower < (rule.threshold * rule.window) / 1000) continue;
      const key = windows.keyOf(cluster, handle);
      if (!ruleMatches(rule, key)) continue;
      const heat = windows.running(cluster, handle, rule.window);
      if (judge(rule, heat) === "hot") this.#observe(rule, heat);
    }
  }

  #observe(rule: RateRule, heat: ReturnType<Windows["running"]>): void {
    const { incidents, notifier, targets, clock } = this.#parts;
    const changed = incidents.observe(rule, heat, judge(rule, heat), severityOf(rule, heat), clock.now(), {
      pattern: patternOf(heat.key.bytes),
      facts: targets.factsOf(heat.key),
      coverage: targets.coverageOf(heat.key.cluster, heat.target),
    });
    if (changed) notifier.offer(changed);
  }

  #advance(): void {
    const { windows, incidents, notifier, clock } = this.#parts;
    for (const hop of windows.advance(clock.now())) this.#judgeHop(hop);
    for (const incident of incidents.tick(clock.now())) notifier.offer(incident);
    notifier.tick(clock.now());
  }

  /** Only keys with an incident can fall. */
  #judgeHop({ cluster }: ClosedHop): void {
    const { incidents, windows, rules } = this.#parts;
    for (const incident of incidents.active()) {
      if (incident.key.cluster !== cluster) continue;
      const rule = rules.find(({ name }) => name === incident.rule);
      if (rule) this.#observe(rule, this.#closedHeat(incident.key, rule.window));
    }
  }

  #closedHeat(key: Key, windowMs: number) {
    return this.#parts.windows.closedOf(key, windowMs);
  }
}
