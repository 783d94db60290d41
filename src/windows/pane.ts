import type { PanePart } from "../model/pane.ts";
import type { Interval } from "./interval.ts";
import type { StoredPart } from "./stored-part.ts";
import { isBetterUnit, Unit } from "./unit.ts";

/** Units of one pane beyond it are refused: so many agents never watch one target. */
const UNITS_MAX = 64;

/** What came of one target and vantage for one interval, from however many agents. */
export class Pane {
  readonly interval: Interval;
  readonly trackId: number;
  readonly vantageIndex: number;
  readonly units: Unit[] = [];
  /** A finer pane of another agent covers (some of) the same time, so this one must not be counted. */
  shadowed = false;
  /** The agent that speaks where others are worth as much; `null`: none in particular. */
  speaker: string | null;

  constructor(interval: Interval, trackId: number, vantageIndex: number, speaker: string | null) {
    this.interval = interval;
    this.trackId = trackId;
    this.vantageIndex = vantageIndex;
    this.speaker = speaker;
  }

  unitOf({ agent, epoch }: PanePart): Unit | undefined {
    return this.units.find((unit) => unit.agent === agent && unit.epoch === epoch);
  }

  /** `null`: there is no room for one more. */
  newUnit({ agent, epoch }: PanePart): Unit | null {
    if (this.units.length >= UNITS_MAX) return null;
    const unit = new Unit(agent, epoch);
    this.units.push(unit);
    return unit;
  }

  /** The unit that should be counted, of those of a vantage whose agents see the same accesses. */
  best(): Unit | null {
    if (this.shadowed) return null;
    return this.units.reduce<Unit | null>(
      (best, unit) => (best === null || isBetterUnit(unit, best, this.speaker) ? unit : best),
      null,
    );
  }

  isLongerThan(lengthMs: number): boolean {
    return this.interval.endMs - this.interval.startMs > lengthMs;
  }

  /**
   * Which of two panes of one track must not be counted beside the other, if any.
   *
   * Panes of one agent's life never hold the same access twice, whatever their lengths. Those of two agents do where
   * they overlap: then the finer one counts.
   */
  shadowOf(other: Pane): Pane | null {
    const { startMs, endMs } = this.interval;
    const { interval } = other;
    if (other === this || interval.startMs >= endMs || interval.endMs <= startMs) return null;
    const coarser = other.isLongerThan(endMs - startMs) ? other : this;
    const [first, ...more] = [...this.units, ...other.units];
    const areOfOneAgent = more.every(({ agent, epoch }) => agent === first?.agent && epoch === first.epoch);
    return areOfOneAgent ? null : coarser;
  }

  countedParts(): StoredPart[] {
    return this.units.filter(({ counted }) => counted).flatMap(({ parts }) => parts);
  }

  /** Accesses seen by the counted units, scaled where they were sampled. */
  get countedTotal(): number {
    return this.units.reduce((sum, unit) => (unit.counted ? sum + unit.scaledTotal : sum), 0);
  }
}
