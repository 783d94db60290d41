import type { KindCounts } from "../../model/access.ts";
import type { PanePart } from "../../model/pane.ts";
import { bucketsOfSlots } from "../../model/slot.ts";
import type { Steepness } from "../../panes/steepness.ts";
import type { ByteBudget } from "../../runtime/byte-budget.ts";
import { bucketOfKey, totalIn } from "./buckets.ts";
import { NameTable } from "./name-table.ts";
import { makeClientPart, type PartContent, type PartOrigin } from "./part-maker.ts";
import { closeRound, countedRow, idOfRow, keyBytesOf, type SampleRow } from "./sample-row.ts";
import { SampleSummary } from "./sample-summary.ts";
import { addRow, type KeyRate, rateOf, type Selection, type SelectionOptions, select } from "./selection.ts";

/** Numbers of one pane's parts in a bucket stay below those of merged panes (transport/coarsen.ts). */
const PARTS_MAX = 1000;
const COMMAND_NAMES_MAX = 255;
const SERVICE_NAMES_MAX = 1000;
const NOTHING: KindCounts = { read: 0, write: 0, miss: 0 };

interface TouchedRow {
  readonly row: SampleRow;
  readonly summary: SampleSummary;
}

interface SteepRow extends TouchedRow {
  readonly rate: KeyRate;
}

/**
 * One target's samples of one pane: a summary for each sampling probability, and the numbers of the parts sent.
 *
 * Parts of all probabilities share one numbering in each bucket, and the pane is closed once; what comes later leaves as
 * further parts.
 */
export class SamplePane {
  readonly startMs: number;
  readonly commands: NameTable;
  readonly services: NameTable;
  isClosed = false;
  readonly #budget: ByteBudget;
  readonly #summaries = new Map<number, SampleSummary>();
  readonly #partsSent = new Map<number, number>();
  #touched: TouchedRow[] = [];

  constructor(startMs: number, budget: ByteBudget) {
    this.startMs = startMs;
    this.#budget = budget;
    this.commands = new NameTable(COMMAND_NAMES_MAX, budget);
    this.services = new NameTable(SERVICE_NAMES_MAX, budget);
  }

  get isEmpty(): boolean {
    return this.#summaries.size === 0;
  }

  /** Whether there are numbers left for what comes late. */
  get takesMore(): boolean {
    for (const sent of this.#partsSent.values()) if (sent >= PARTS_MAX) return false;
    return true;
  }

  summaries(): Iterable<SampleSummary> {
    return this.#summaries.values();
  }

  summaryOf(probability: number): SampleSummary {
    let summary = this.#summaries.get(probability);
    if (!summary) {
      summary = new SampleSummary(probability, this.#budget);
      this.#summaries.set(probability, summary);
    }
    return summary;
  }

  /** A row has grown: the next round looks at it. */
  touch(row: SampleRow, summary: SampleSummary): void {
    if (row.isTouched) return;
    row.isTouched = true;
    this.#touched.push({ row, summary });
  }

  /**
   * Counts of keys that rise steeply, as early parts: their rows go on from 0. At most `publishMax` rows, the fastest;
   * the others wait for a later round, or for the end of the pane.
   */
  earlyParts(
    origin: PartOrigin,
    steepness: Steepness,
    { ignored, publishMax }: SelectionOptions,
  ): PanePart[] {
    const steep = this.#takeTouched(steepness, ignored);
    steep.sort((a, b) => b.rate.inPane - a.rate.inPane);
    for (const { row, summary } of steep.slice(publishMax)) this.touch(row, summary);
    const selections = new Map<SampleSummary, Selection>();
    for (const { row, summary, rate } of steep.slice(0, publishMax)) {
      let selection = selections.get(summary);
      if (!selection) {
        selection = emptySelection(summary.probability);
        selections.set(summary, selection);
      }
      takeRow(row, selection, rate.current, origin);
      summary.clear(row);
    }
    return [...selections.values()].flatMap((selection) => this.#plainParts(origin, selection));
  }

  /**
   * All that is there and, unless the pane was closed before, one closing part for each bucket of the target. What is
   * left of the pane are its numbers.
   */
  closingParts(origin: PartOrigin, options: SelectionOptions): PanePart[] {
    const selections = select([...this.summaries()], origin.division, options);
    // The one with the most rows closes the pane: a closing part is what tells the current rates.
    const last = this.isClosed ? undefined : selections.pop();
    const parts = selections.flatMap((selection) => this.#plainParts(origin, selection));
    if (!this.isClosed) parts.push(...this.#lastParts(origin, last));
    this.isClosed = true;
    this.#touched = [];
    for (const summary of this.summaries()) summary.dispose();
    this.#summaries.clear();
    this.commands.dispose();
    this.services.dispose();
    return parts;
  }

  /** Counts by what steepness remembers: rates of the pane as counts. */
  remember(counts: Map<string, number>, steepness: Steepness, lengthMs: number): void {
    for (const summary of this.summaries()) {
      for (const row of summary.rows()) {
        const count = (row.panePerSecond * lengthMs) / 1000;
        if (!steepness.isRemembered(count)) continue;
        const id = idOfRow(row);
        counts.set(id, (counts.get(id) ?? 0) + count);
      }
    }
  }

  /** The rows of this round that rise steeply; the next round begins. */
  #takeTouched(steepness: Steepness, ignored: SelectionOptions["ignored"]): SteepRow[] {
    const steep: SteepRow[] = [];
    for (const { row, summary } of this.#touched) {
      const rate = rateOf(row, this.summaries());
      row.isTouched = false;
      closeRound(row);
      if (row.isGone || !steepness.couldBeSteep(rate.inPane)) continue;
      if (!steepness.isSteep(idOfRow(row), rate.inPane) || ignored(keyBytesOf(row))) continue;
      steep.push({ row, summary, rate });
    }
    this.#touched = [];
    return steep;
  }

  /** Parts that do not close: in each bucket that it has anything of. */
  #plainParts(origin: PartOrigin, selection: Selection): PanePart[] {
    const { totals, rows, floor } = selection;
    // A floor speaks of every key that could have been counted.
    const floored = floor > 0 ? bucketsOfSlots(origin.division.slots, origin.division.buckets) : [];
    const buckets = new Set([...totals.keys(), ...rows.keys(), ...floored]);
    return Array.from(buckets, (bucket) => this.#part(origin, contentOf(selection, bucket, false)));
  }

  #lastParts(origin: PartOrigin, selection: Selection = emptySelection(1)): PanePart[] {
    const closing = bucketsOfSlots(origin.division.slots, origin.division.buckets);
    // Keys whose slot the target does not have, as in a migration.
    const strays = [...selection.totals.keys()].filter((bucket) => !closing.has(bucket));
    return [...closing, ...strays].map((bucket) =>
      this.#part(origin, contentOf(selection, bucket, closing.has(bucket))),
    );
  }

  #part(origin: PartOrigin, content: Omit<PartContent, "part">): PanePart {
    const part = this.#partsSent.get(content.bucket) ?? 0;
    this.#partsSent.set(content.bucket, part + 1);
    return makeClientPart(origin, { ...content, part }, this);
  }
}

/** Adds what a row has to an early part. */
function takeRow(row: SampleRow, selection: Selection, rate: number, { division }: PartOrigin): void {
  const bucket = bucketOfKey(row.key, division);
  const total = totalIn(selection.totals, bucket);
  total.read += row.reads;
  total.write += row.writes;
  total.miss += row.misses;
  addRow(selection, bucket, countedRow(row, 0, rate));
  row.wasSent = true;
}

function emptySelection(probability: number): Selection {
  return { probability, floor: 0, totals: new Map(), rows: new Map() };
}

function contentOf(selection: Selection, bucket: number, closing: boolean): Omit<PartContent, "part"> {
  const { probability, floor, totals, rows } = selection;
  return {
    bucket,
    closing,
    probability,
    floor,
    total: totals.get(bucket) ?? NOTHING,
    rows: rows.get(bucket) ?? [],
  };
}
