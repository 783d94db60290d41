import type { PanePart } from "../../model/pane.ts";
import { Steepness } from "../../panes/steepness.ts";
import type { ByteBudget } from "../../runtime/byte-budget.ts";
import type { Division } from "./buckets.ts";
import type { PartOrigin } from "./part-maker.ts";
import type { Place } from "./placement.ts";
import { SamplePane } from "./sample-pane.ts";
import type { SelectionOptions } from "./selection.ts";

/** How long after its end a pane waits for batches. */
const CLOSE_AFTER_MS = 400;
/** Later batches are dropped; a target without any for so long is forgotten. */
export const LATE_MS_MAX = 60_000;

/** Panes that started before it take nothing any more. */
export function oldestPaneMs(nowMs: number, lengthMs: number): number {
  return nowMs - LATE_MS_MAX - 2 * lengthMs;
}

export interface TargetPanesOptions extends SelectionOptions {
  readonly agent: string;
  readonly lengthMs: number;
  readonly budget: ByteBudget;
}

/** The panes of one target, in the time that the batches tell. */
export class TargetPanes {
  readonly place: Place;
  /** When the last sample came. */
  heardMs: number;
  readonly #options: TargetPanesOptions;
  readonly #steepness: Steepness;
  /** By start: open ones, and closed ones for the numbers of their parts. */
  readonly #panes = new Map<number, SamplePane>();
  /** Panes that end here or before are closed, or never were open. */
  #closedToMs: number;

  constructor(place: Place, options: TargetPanesOptions, nowMs: number) {
    this.place = place;
    this.heardMs = nowMs;
    this.#options = options;
    this.#steepness = new Steepness(options.lengthMs);
    this.#closedToMs = this.#dueMs(nowMs);
  }

  /** Whether no samples have come for so long that nothing is open. */
  isForgotten(nowMs: number): boolean {
    return nowMs - this.heardMs > LATE_MS_MAX + this.#options.lengthMs;
  }

  panes(): Iterable<SamplePane> {
    return this.#panes.values();
  }

  /** `startMs`: a multiple of the panes' length. */
  paneFrom(startMs: number): SamplePane {
    let pane = this.#panes.get(startMs);
    if (!pane) {
      pane = new SamplePane(startMs, this.#options.budget);
      pane.isClosed = startMs < this.#closedToMs;
      this.#panes.set(startMs, pane);
    }
    return pane;
  }

  /** What leaves now: panes that are due, late samples of closed ones, steep keys of open ones. */
  round(nowMs: number, epoch: number, division: Division): PanePart[] {
    const parts: PanePart[] = [];
    for (const pane of this.#panes.values()) {
      if (pane.isClosed && !pane.isEmpty) parts.push(...this.#close(pane, epoch, division));
    }
    parts.push(...this.#closeTo(this.#dueMs(nowMs), epoch, division));
    for (const pane of this.#panes.values()) {
      if (!pane.isClosed) {
        const origin = this.#origin(pane, epoch, division);
        parts.push(...pane.earlyParts(origin, this.#steepness, this.#options));
      } else if (pane.startMs < oldestPaneMs(nowMs, this.#options.lengthMs)) this.#panes.delete(pane.startMs);
    }
    return parts;
  }

  /** Closes all that is open, whatever the time. */
  closeAll(epoch: number, division: Division): PanePart[] {
    const parts: PanePart[] = [];
    for (const pane of this.#panes.values())
      if (!pane.isEmpty) parts.push(...this.#close(pane, epoch, division));
    return parts;
  }

  /** Panes without samples too: while the target is heard of, an empty pane is its heartbeat. */
  #closeTo(dueMs: number, epoch: number, division: Division): PanePart[] {
    const { lengthMs } = this.#options;
    const parts: PanePart[] = [];
    // After a pause of the process its last minute is enough.
    const reachMs = Math.ceil(LATE_MS_MAX / lengthMs) * lengthMs;
    for (let startMs = Math.max(this.#closedToMs, dueMs - reachMs); startMs < dueMs; startMs += lengthMs) {
      const pane = this.#panes.get(startMs) ?? new SamplePane(startMs, this.#options.budget);
      this.#panes.set(startMs, pane);
      const counts = new Map<string, number>();
      pane.remember(counts, this.#steepness, lengthMs);
      this.#steepness.closePane(counts);
      parts.push(...this.#close(pane, epoch, division));
    }
    this.#closedToMs = Math.max(this.#closedToMs, dueMs);
    return parts;
  }

  #close(pane: SamplePane, epoch: number, division: Division): PanePart[] {
    return pane.closingParts(this.#origin(pane, epoch, division), this.#options);
  }

  #origin({ startMs }: SamplePane, epoch: number, division: Division): PartOrigin {
    const { agent, lengthMs } = this.#options;
    const { cluster, target } = this.place;
    return { agent, epoch, cluster, target, startMs, lengthMs, division };
  }

  /** End of the last pane that should be closed. */
  #dueMs(nowMs: number): number {
    const { lengthMs } = this.#options;
    return Math.floor((nowMs - CLOSE_AFTER_MS) / lengthMs) * lengthMs;
  }
}
