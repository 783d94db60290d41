import type { ClientsReport } from "../model/clients.ts";

/** Panes remembered: a minute of them, and some to spare for shorter ones. */
const PANES_MAX = 512;
/** Each start of an agent is one. */
const STREAMS_MAX = 2048;
/** One that is so far behind has ended: nothing of it comes again. */
const ENDED_MS = 120_000;
/** An agent that is so far behind the first one is waited for no longer. */
const BEHIND_MS_MAX = 10_000;

interface Observed {
  read: number;
  write: number;
}

interface Stream {
  /** Of the last report. */
  number: number;
  /** End of the newest pane that is closed. */
  closedMs: number;
}

/** What clients have reported of one target, pane by pane: agents see different clients, so their reports are added. */
export class ClientSeries {
  readonly #panes = new Map<number, Observed>();
  /** By agent and epoch. */
  readonly #streams = new Map<string, Stream>();

  /** End of the newest pane that all agents have closed, ms since 1970: up to there the reports can be compared. */
  get closedMs(): number {
    const ends = Array.from(this.#streams.values(), ({ closedMs }) => closedMs);
    const newest = Math.max(0, ...ends);
    return Math.min(newest, ...ends.filter((closedMs) => closedMs >= newest - BEHIND_MS_MAX));
  }

  /**
   * A report comes once by each partition that concerns its target: again, it changes nothing. False: it is of an agent
   * too many, and was not added.
   */
  add({ agent, epoch, number, startMs, lengthMs, closing, read, write }: ClientsReport): boolean {
    const stream = this.#stream(`${agent}|${epoch}`, startMs);
    if (stream === null) return false;
    if (number <= stream.number) return true;
    stream.number = number;
    if (closing) stream.closedMs = Math.max(stream.closedMs, startMs + lengthMs);
    const observed = this.#pane(startMs);
    observed.read += read;
    observed.write += write;
    return true;
  }

  /** Accesses of one kind in the pane that begins at `startMs`, scaled where they were sampled. */
  observedIn(startMs: number, kind: "read" | "write"): number {
    return this.#panes.get(startMs)?.[kind] ?? 0;
  }

  #stream(id: string, startMs: number): Stream | null {
    const known = this.#streams.get(id);
    if (known) return known;
    if (this.#streams.size >= STREAMS_MAX) this.#dropEnded(startMs);
    // Another's place is not taken: its reports, when they come again, would be added again.
    if (this.#streams.size >= STREAMS_MAX) return null;
    const stream = { number: 0, closedMs: 0 };
    this.#streams.set(id, stream);
    return stream;
  }

  #pane(startMs: number): Observed {
    let observed = this.#panes.get(startMs);
    if (!observed) {
      observed = { read: 0, write: 0 };
      this.#panes.set(startMs, observed);
      if (this.#panes.size > PANES_MAX) this.#panes.delete(Math.min(...this.#panes.keys()));
    }
    return observed;
  }

  #dropEnded(nowMs: number): void {
    for (const [id, { closedMs }] of this.#streams) {
      if (closedMs < nowMs - ENDED_MS) this.#streams.delete(id);
    }
  }
}
