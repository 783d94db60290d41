import type { Vantage } from "../model/access.ts";
import type { SlotRange } from "../model/slot.ts";
import type { TargetReport } from "../model/target.ts";
import { Track } from "./track.ts";
import { VANTAGE_OF_SOURCE, VANTAGES } from "./vantage.ts";

/** Targets and vantages of one cluster beyond it are refused. */
const TRACKS_MAX = 20_000;

export interface TrackBookOptions {
  readonly hopMs: number;
  readonly reachMs: number;
}

/** The tracks of one cluster: who is expected to deliver, and who does. */
export class TrackBook {
  readonly #options: TrackBookOptions;
  readonly #tracks = new Map<string, Track>();
  readonly #byId: (Track | undefined)[] = [];
  readonly #freeIds: number[] = [];
  readonly #byTarget = new Map<string, Track[]>();

  constructor(options: TrackBookOptions) {
    this.#options = options;
  }

  all(): Iterable<Track> {
    return this.#tracks.values();
  }

  get size(): number {
    return this.#tracks.size;
  }

  byId(id: number): Track | undefined {
    return this.#byId[id];
  }

  ofTarget(target: string): readonly Track[] {
    return this.#byTarget.get(target) ?? [];
  }

  /** The track, made if need be; `null`: there are too many. */
  enter(target: string, vantage: Vantage, slots: readonly SlotRange[] | null): Track | null {
    const known = this.#tracks.get(idOf(target, vantage));
    if (known) return known;
    if (this.#tracks.size >= TRACKS_MAX) return null;
    const id = this.#freeIds.pop() ?? this.#byId.length;
    const vantageIndex = VANTAGES.indexOf(vantage);
    const track = new Track({ id, target, vantage, vantageIndex, slots, ...this.#options });
    this.#tracks.set(idOf(target, vantage), track);
    this.#byId[id] = track;
    this.#byTarget.set(target, [...this.ofTarget(target), track]);
    return track;
  }

  /** Expects panes of every vantage that the report's sources watch, from the report on. */
  expect(report: TargetReport): void {
    for (const [source, vantage] of VANTAGE_OF_SOURCE) {
      const status = report.sources.find((candidate) => candidate.source === source);
      if (status && status.state !== "off") this.#expectTrack(report, vantage, status.state === "up");
      else this.#unexpect(report, vantage);
    }
  }

  /** The target's panes are no longer expected; those that have come stay in their windows. */
  forget(target: string): void {
    for (const track of this.ofTarget(target)) track.expected = null;
  }

  /** Ends expectations of targets that fell silent, and drops tracks that nothing holds any more. */
  prune(nowMs: number, beforeMs: number): void {
    for (const track of this.#tracks.values()) {
      track.prune(nowMs, beforeMs);
      if (track.expected === null && track.panes.size === 0 && track.lastEndMs <= beforeMs)
        this.#remove(track);
    }
  }

  #expectTrack(report: TargetReport, vantage: Vantage, isUp: boolean): void {
    const track = this.enter(report.target, vantage, report.slots);
    if (!track) return;
    const { agent, atMs } = report;
    const { expected } = track;
    track.expected = {
      agent,
      sinceMs: Math.min(atMs, expected?.sinceMs ?? atMs),
      watchedSinceMs: expected?.watchedSinceMs ?? (isUp ? atMs : null),
      heardMs: Math.max(atMs, expected?.heardMs ?? atMs),
    };
    track.role = report.role;
    // Parts know best which slots their counts are from; a report stands in until one comes.
    if (track.panes.size === 0) track.slots.set(report.slots, atMs);
  }

  /** Only the agent that made it be expected can take that back: another one may merely not watch it. */
  #unexpect(report: TargetReport, vantage: Vantage): void {
    const track = this.#tracks.get(idOf(report.target, vantage));
    if (track?.expected?.agent === report.agent) track.expected = null;
  }

  #remove(track: Track): void {
    this.#tracks.delete(idOf(track.target, track.vantage));
    this.#byId[track.id] = undefined;
    this.#freeIds.push(track.id);
    const others = this.ofTarget(track.target).filter((other) => other !== track);
    if (others.length > 0) this.#byTarget.set(track.target, others);
    else this.#byTarget.delete(track.target);
  }
}

function idOf(target: string, vantage: Vantage): string {
  return `${vantage}|${target}`;
}
