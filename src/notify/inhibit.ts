import type { Rule } from "../config/schema.ts";
import type { FoldedIncident, Incident, MuteReason } from "../model/incident.ts";
import { targetId } from "../model/target.ts";
import type { Mute } from "./mute.ts";
import type { Router } from "./route.ts";

/** Keys that a message lists at most. */
export const FOLDED_MAX = 20;

interface Skew {
  readonly incident: Incident;
  /** Who hears of it. */
  readonly receivers: ReadonlySet<string>;
}

export interface InhibitionOptions {
  readonly rules: readonly Pick<Rule, "name" | "type">[];
  readonly route: Router;
  /** A skew that is silenced folds nothing. */
  readonly silences: Mute;
  /** Called after keys of some target are folded that were not before, or the reverse. */
  readonly onChange: () => void;
}

/**
 * While one target burns (an incident of a `skew` rule fires), the incidents of its keys are folded into that
 * one: whoever hears of the skew is not told of each key. Who does not hear of it is told of the keys.
 *
 * It remembers the firing incidents of skew rules and nothing else, so it is bounded by whoever keeps the incidents.
 */
export class Inhibition implements Mute {
  /** Names of the rules of type `skew`. */
  #rules: ReadonlySet<string>;
  readonly #route: Router;
  readonly #silences: Mute;
  readonly #onChange: () => void;
  /** Firing ones, by target and then by id. */
  readonly #skews = new Map<string, Map<string, Skew>>();

  constructor({ rules, route, silences, onChange }: InhibitionOptions) {
    this.#rules = skewRules(rules);
    this.#route = route;
    this.#silences = silences;
    this.#onChange = onChange;
  }

  /** Goes by other rules from now on: what is no skew any more folds nothing. */
  setRules(rules: InhibitionOptions["rules"]): void {
    this.#rules = skewRules(rules);
    const gone = [...this.#skews.values()]
      .flatMap((skews) => [...skews.values()])
      .filter(({ incident }) => !this.#rules.has(incident.rule));
    for (const { incident } of gone) this.#forget(placeOf(incident), incident.id);
    if (gone.length > 0) this.#onChange();
  }

  /** Takes in how an incident is now, of whatever rule. */
  note(incident: Incident): void {
    if (!this.#isSkew(incident)) return;
    const place = placeOf(incident);
    const before = this.#skews.get(place)?.get(incident.id);
    if (incident.status !== "firing") {
      if (before === undefined) return;
      this.#forget(place, incident.id);
      this.#onChange();
      return;
    }
    const receivers = new Set(this.#route(incident).keys());
    this.#skewsAt(place).set(incident.id, { incident, receivers });
    const isSame =
      before !== undefined &&
      before.incident.reason === incident.reason &&
      isSameSet(before.receivers, receivers);
    if (!isSame) this.#onChange();
  }

  muted(incident: Incident, receiver: string | null): MuteReason | null {
    if (incident.key === null || incident.target === null || this.#skews.size === 0) return null;
    const skews = this.#skews.get(placeOf(incident));
    if (skews === undefined) return null;
    for (const { incident: skew, receivers } of skews.values()) {
      const isHeard = receiver === null ? receivers.size > 0 : receivers.has(receiver);
      if (isHeard && speaks(skew, receiver) && this.#silences.muted(skew, receiver) === null)
        return "inhibited";
    }
    return null;
  }

  /**
   * The incidents of keys on the targets of those of `told` that are skews and fire: of `candidates` the hottest
   * `FOLDED_MAX`, and how many more there are.
   */
  folded(
    told: readonly Incident[],
    candidates: Iterable<Incident>,
  ): { readonly folded: readonly FoldedIncident[]; readonly foldedMore: number } {
    const skewOf = new Map<string, string>();
    for (const skew of told)
      if (this.#isSkew(skew) && skew.status === "firing") skewOf.set(placeOf(skew), skew.id);
    if (skewOf.size === 0) return { folded: [], foldedMore: 0 };
    const all: FoldedIncident[] = [];
    for (const incident of candidates) {
      if (incident.key === null || incident.target === null || !isOpen(incident)) continue;
      const foldedInto = skewOf.get(placeOf(incident));
      if (foldedInto !== undefined) all.push({ ...incident, foldedInto });
    }
    all.sort((one, other) => other.ratePerSecond - one.ratePerSecond || (one.id < other.id ? -1 : 1));
    return { folded: all.slice(0, FOLDED_MAX), foldedMore: Math.max(0, all.length - FOLDED_MAX) };
  }

  #isSkew({ rule, key, target }: Incident): boolean {
    return key === null && target !== null && this.#rules.has(rule);
  }

  #skewsAt(place: string): Map<string, Skew> {
    let skews = this.#skews.get(place);
    if (skews === undefined) {
      skews = new Map();
      this.#skews.set(place, skews);
    }
    return skews;
  }

  #forget(place: string, id: string): void {
    const skews = this.#skews.get(place);
    skews?.delete(id);
    if (skews?.size === 0) this.#skews.delete(place);
  }
}

function skewRules(rules: InhibitionOptions["rules"]): ReadonlySet<string> {
  return new Set(rules.filter(({ type }) => type === "skew").map(({ name }) => name));
}

function placeOf({ cluster, target }: Incident): string {
  return targetId(cluster, target ?? "");
}

/** One that is not seen is told to nobody new (after a restart it may long be over): it folds only for who heard of it. */
function speaks({ reason, notified }: Incident, receiver: string | null): boolean {
  if (reason !== "stale") return true;
  return notified.some(
    (entry) =>
      entry.event === "firing" &&
      entry.outcome === "delivered" &&
      (receiver === null || entry.receiver === receiver),
  );
}

function isOpen({ status }: Incident): boolean {
  return status === "firing" || status === "recovering";
}

function isSameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((item) => other.has(item));
}
