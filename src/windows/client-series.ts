import type { PanePart } from "../model/pane.ts";
import { scaleOf } from "./stored-part.ts";

/** Panes remembered: a minute of them, and some to spare for shorter ones. */
const PANES_MAX = 512;

interface Observed {
  read: number;
  write: number;
}

/** What clients have reported of one target, pane by pane: agents see different clients, so their parts are added. */
export class ClientSeries {
  readonly #panes = new Map<number, Observed>();
  #closedMs = 0;

  /** End of the newest pane that an agent has closed, ms since 1970: up to there the reports can be compared. */
  get closedMs(): number {
    return this.#closedMs;
  }

  add(part: PanePart): void {
    const { startMs, lengthMs, total, closing } = part;
    if (closing) this.#closedMs = Math.max(this.#closedMs, startMs + lengthMs);
    let observed = this.#panes.get(startMs);
    if (!observed) {
      observed = { read: 0, write: 0 };
      this.#panes.set(startMs, observed);
      if (this.#panes.size > PANES_MAX) this.#dropOldest();
    }
    const scale = scaleOf(part);
    observed.read += Math.max(total.read, total.miss) * scale;
    observed.write += total.write * scale;
  }

  /** Accesses of one kind in the pane that begins at `startMs`, scaled where they were sampled. */
  observedIn(startMs: number, kind: "read" | "write"): number {
    return this.#panes.get(startMs)?.[kind] ?? 0;
  }

  #dropOldest(): void {
    this.#panes.delete(Math.min(...this.#panes.keys()));
  }
}
