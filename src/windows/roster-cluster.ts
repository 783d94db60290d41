import { SLOT_COUNT } from "../model/slot.ts";
import type { TopologyReport } from "../model/topology.ts";

const AGENTS_MAX = 1000;
const AGENTS_PER_TARGET_MAX = 8;
const TARGETS_PER_VIEW_MAX = 20_000;
/** An agent tells its view every 2 s. */
const FRESH_MS = 10_000;
/** A target that has just come, or has just got another name, may not be in every view yet. */
const UNLISTED_MS = 3000;
/** Of what was neither heard of nor listed for so long nothing is expected any more. */
const SILENT_MS_MAX = 3_600_000;

interface View {
  readonly agent: string;
  readonly targets: ReadonlySet<string>;
  /** `null` outside Cluster mode. */
  readonly slotsCovered: number | null;
  readonly atMs: number;
}

interface Target {
  /** Agents that have reported it, the one heard last at the end. */
  readonly reporters: Set<string>;
  heardMs: number;
  /** Since when no view with a say lists it; `null`: one does, or none has a say. */
  unlistedSinceMs: number | null;
  isGone: boolean;
}

/** The roster of one cluster. */
export class RosterCluster {
  readonly #views = new Map<string, View>();
  readonly #targets = new Map<string, Target>();

  get isEmpty(): boolean {
    return this.#views.size === 0 && this.#targets.size === 0;
  }

  knows(target: string): boolean {
    return this.#targets.has(target);
  }

  isMember(target: string): boolean {
    const known = this.#targets.get(target);
    if (known?.isGone) this.#reconsider(known, target);
    return !known?.isGone;
  }

  /** Whether the target is new. */
  note(target: string, nowMs: number): boolean {
    const known = this.#targets.get(target);
    if (known) known.heardMs = nowMs;
    else
      this.#targets.set(target, {
        reporters: new Set(),
        heardMs: nowMs,
        unlistedSinceMs: null,
        isGone: false,
      });
    return known === undefined;
  }

  noteReporter(target: string, agent: string, nowMs: number): void {
    const known = this.#targets.get(target);
    if (!known) return;
    known.heardMs = nowMs;
    known.reporters.delete(agent);
    known.reporters.add(agent);
    const [oldest] = known.reporters;
    if (known.reporters.size > AGENTS_PER_TARGET_MAX && oldest !== undefined) known.reporters.delete(oldest);
  }

  noteView({ agent, targets, slotsCovered, atMs }: TopologyReport, nowMs: number): void {
    const before = this.#views.get(agent);
    if (!isSlotCount(slotsCovered)) return;
    // Messages may come again, and late ones are older than what is known.
    if (targets.length > TARGETS_PER_VIEW_MAX || (before && before.atMs > atMs && before.atMs <= nowMs))
      return;
    if (!before && this.#views.size >= AGENTS_MAX && !this.#dropStale(nowMs)) return;
    // An agent whose clock is ahead is no fresher than the others.
    const view = { agent, targets: this.#setOf(targets), slotsCovered, atMs: Math.min(atMs, nowMs) };
    this.#views.set(agent, view);
  }

  /** Those that are gone since the last call. */
  gone(nowMs: number): string[] {
    const fresh = this.#freshViews(nowMs);
    const gone: string[] = [];
    for (const [name, target] of this.#targets) {
      if (this.#isNewlyGone(name, target, fresh, nowMs)) gone.push(name);
    }
    return gone;
  }

  /** Forgets targets and agents of which nothing was heard for an hour. Returns how many targets those were. */
  forgetSilent(nowMs: number): number {
    const before = this.#targets.size;
    for (const [name, { heardMs }] of this.#targets) {
      if (nowMs - heardMs > SILENT_MS_MAX) this.#targets.delete(name);
    }
    for (const [agent, { atMs }] of this.#views) {
      if (nowMs - atMs > SILENT_MS_MAX) this.#views.delete(agent);
    }
    return before - this.#targets.size;
  }

  #isNewlyGone(name: string, target: Target, fresh: readonly View[], nowMs: number): boolean {
    const speakers = speakersOf(target, fresh);
    const isListed =
      speakers.some(({ targets }) => targets.has(name)) || this.#isListedByReporters(name, target, nowMs);
    if (isListed || speakers.length === 0) {
      target.unlistedSinceMs = null;
      if (isListed) target.isGone = false;
      return false;
    }
    target.unlistedSinceMs ??= nowMs;
    if (target.isGone || nowMs - target.unlistedSinceMs < UNLISTED_MS) return false;
    target.isGone = true;
    return true;
  }

  /** A server beside a Redis Cluster of the same name: that cluster does not know it, whoever watches it does. */
  #isListedByReporters(name: string, { reporters }: Target, nowMs: number): boolean {
    return [...this.#views.values()].some(
      ({ agent, targets, slotsCovered, atMs }) =>
        slotsCovered === null &&
        reporters.has(agent) &&
        targets.has(name) &&
        Math.abs(nowMs - atMs) < FRESH_MS,
    );
  }

  /** It may have come back since `gone` was last asked: its report and the view that lists it come together. */
  #reconsider(target: Target, name: string): void {
    const newestMs = Math.max(...Array.from(this.#views.values(), ({ atMs }) => atMs));
    const speakers = speakersOf(target, this.#freshViews(newestMs));
    if (!speakers.some(({ targets }) => targets.has(name))) return;
    target.isGone = false;
    target.unlistedSinceMs = null;
  }

  /** In Cluster mode those alone that cover the most slots. */
  #freshViews(nowMs: number): View[] {
    const fresh = [...this.#views.values()].filter(({ atMs }) => Math.abs(nowMs - atMs) < FRESH_MS);
    const most = Math.max(-1, ...fresh.map(({ slotsCovered }) => slotsCovered ?? -1));
    return most < 0 ? fresh : fresh.filter(({ slotsCovered }) => slotsCovered === most);
  }

  #dropStale(nowMs: number): boolean {
    for (const [agent, { atMs }] of this.#views) {
      if (nowMs - atMs >= FRESH_MS) return this.#views.delete(agent);
    }
    return false;
  }

  /** The agents of a Redis Cluster all list the same: one set serves them. */
  #setOf(targets: readonly string[]): ReadonlySet<string> {
    const known = new Set(Array.from(this.#views.values(), (view) => view.targets));
    for (const set of known) {
      if (set.size === targets.length && targets.every((name) => set.has(name))) return set;
    }
    return new Set(targets);
  }
}

/** Who claims to cover more slots than there are would be the only one to have a say. */
function isSlotCount(count: number | null): boolean {
  return count === null || (Number.isInteger(count) && count >= 0 && count <= SLOT_COUNT);
}

/** Whose views count for a target. `fresh`: as `#freshViews` gives them. */
function speakersOf({ reporters }: Target, fresh: readonly View[]): readonly View[] {
  const isCluster = fresh.some(({ slotsCovered }) => slotsCovered !== null);
  if (isCluster || reporters.size === 0) return fresh;
  return fresh.filter(({ agent }) => reporters.has(agent));
}
