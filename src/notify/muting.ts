import type { Route, Rule } from "../config/schema.ts";
import type { FoldedIncident, Incident, MuteReason } from "../model/incident.ts";
import type { Clock } from "../runtime/clock.ts";
import { Inhibition } from "./inhibit.ts";
import type { Mute } from "./mute.ts";
import { compileRoutes } from "./route.ts";
import { Silences } from "./silence.ts";

export interface MutingOptions {
  readonly rules: readonly Pick<Rule, "name" | "type">[];
  readonly routes: readonly Route[];
  readonly clock: Clock;
}

/**
 * The stages that mute firings, in their order: inhibit, silence.
 *
 * It knows the open incidents by itself (`note`), also of clusters of which another process tells.
 */
export class Muting implements Mute {
  readonly silences: Silences;
  readonly #inhibition: Inhibition;
  readonly #listeners: (() => void)[] = [];

  constructor({ rules, routes, clock }: MutingOptions) {
    const onChange = () => {
      for (const listener of this.#listeners) listener();
    };
    this.silences = new Silences(clock, onChange);
    this.#inhibition = new Inhibition({
      rules,
      route: compileRoutes(routes),
      silences: this.silences,
      onChange,
    });
  }

  /** Calls `listener` after other incidents are muted than before. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Goes by other rules from now on. */
  setRules(rules: MutingOptions["rules"]): void {
    this.#inhibition.setRules(rules);
  }

  /** Takes in how an incident is now; before the notifier does. */
  note(incident: Incident): void {
    this.#inhibition.note(incident);
  }

  muted(incident: Incident, receiver: string | null): MuteReason | null {
    if (incident.status !== "firing" && incident.status !== "recovering") return null;
    return this.#inhibition.muted(incident, receiver) ?? this.silences.muted(incident);
  }

  /** What a message of the incidents `told` lists of `candidates`. */
  folded(
    told: readonly Incident[],
    candidates: Iterable<Incident>,
  ): { readonly folded: readonly FoldedIncident[]; readonly foldedMore: number } {
    return this.#inhibition.folded(told, candidates);
  }

  stop(): void {
    this.silences.stop();
  }
}
