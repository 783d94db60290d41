import { randomInt } from "node:crypto";
import type { PanePart } from "../../model/pane.ts";
import { Coins } from "../../panes/coins.ts";
import { ByteBudget } from "../../runtime/byte-budget.ts";
import { keptOf, rounded, uniform } from "./binomial.ts";
import { bucketOfKey, type Division } from "./buckets.ts";
import type { Place } from "./placement.ts";
import type { Sample } from "./sample.ts";
import type { SamplePane } from "./sample-pane.ts";
import { noteRound, type SampleRow } from "./sample-row.ts";
import { type Added, SampleSummary } from "./sample-summary.ts";
import { partInSlice, type Slice } from "./slices.ts";
import { TargetPanes } from "./target-panes.ts";

/** Scaled accesses of one key in one batch, of 10 s at most: no process does as many. */
const LOAD_MAX = 2 ** 24;

export interface SamplePanesOptions {
  readonly agent: string;
  readonly lengthMs: number;
  /** Memory that open panes may take, all together. */
  readonly bytesMax: number;
  readonly publishMax: number;
  /** Keys that are counted but never reported. */
  readonly ignored: (key: Uint8Array) => boolean;
  /** How a target's keys are divided now. */
  readonly divisionOf: (place: Place) => Division;
}

/** What the samples of one batch have in common. */
export interface BatchFacts {
  readonly service: string;
  /** Where its accesses are counted, and how long that took. */
  readonly slices: readonly Slice[];
  readonly nowMs: number;
}

/** `budget`: no memory is left. `excess`: its counts, scaled, are larger than any process has, or all of the pane too large. */
export type Loss = "late" | "budget" | "excess";

/** The panes of all targets, in limited memory. */
export class SamplePanes {
  readonly #options: SamplePanesOptions;
  readonly #budget: ByteBudget;
  readonly #coins = new Coins(randomInt(1, 2 ** 31));
  readonly #targets = new Map<string, TargetPanes>();

  constructor(options: SamplePanesOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.bytesMax);
  }

  /** Whether there is anything to be sent, or to be told of as empty. */
  get isOpen(): boolean {
    return this.#targets.size > 0;
  }

  get bytesUsed(): number {
    return this.#budget.used;
  }

  /** Counts a sample; `null`: it is kept, else why it, or some of it, is not. */
  add(place: Place, sample: Sample, batch: BatchFacts): Loss | null {
    const target = this.#target(place, batch.nowMs);
    // Alone it could fill the pane's sums, and then the others' samples would find no place there.
    if ((sample.reads + sample.writes) / sample.probability > LOAD_MAX) return "excess";
    const { slices } = batch;
    const offset = slices.length > 1 ? uniform(this.#coins) : 0;
    let loss: Loss | null = null;
    for (const slice of slices) {
      loss = this.#addPart(target, partInSlice(sample, slice, offset), batch.service, slice) ?? loss;
    }
    return loss;
  }

  /** What leaves now; targets that have been silent for long are forgotten. */
  round(nowMs: number, epoch: number): PanePart[] {
    const parts: PanePart[] = [];
    for (const [id, target] of this.#targets) {
      parts.push(...target.round(nowMs, epoch, this.#options.divisionOf(target.place)));
      if (target.isForgotten(nowMs)) this.#targets.delete(id);
    }
    return parts;
  }

  /** Closes what is open, and begins anew. */
  closeAll(epoch: number): PanePart[] {
    const parts = [...this.#targets.values()].flatMap((target) =>
      target.closeAll(epoch, this.#options.divisionOf(target.place)),
    );
    this.#targets.clear();
    return parts;
  }

  #addPart(target: TargetPanes, sample: Sample, service: string, slice: Slice): Loss | null {
    if (sample.reads + sample.writes + sample.absorbed === 0) return null;
    const pane = target.paneFrom(slice.paneStartMs);
    if (!pane.takesMore) return "late";
    const probability = powerOfTwoUpTo(sample.probability);
    const added = this.#thinned(sample, probability / sample.probability);
    if (!this.#hasRoomFor(added, sample)) return "budget";
    const summary = pane.summaryOf(probability);
    const row = summary.add(added);
    if (!row) return "excess";
    this.#countNames(pane, summary, row, added, sample, service);
    const load = (added.reads + added.writes) / probability;
    row.panePerSecond += (load * 1000) / Math.max(slice.lengthMs, this.#options.lengthMs);
    noteRound(row, load, slice.fromMs, slice.lengthMs);
    pane.touch(row, summary);
    return null;
  }

  #target(place: Place, nowMs: number): TargetPanes {
    let target = this.#targets.get(place.id);
    if (!target) {
      target = new TargetPanes(place, { ...this.#options, budget: this.#budget }, nowMs);
      this.#targets.set(place.id, target);
    }
    target.heardMs = nowMs;
    return target;
  }

  /** As if it had been sampled with the next lower power of two: panes hold no other probabilities. */
  #thinned(sample: Sample, share: number): Added {
    if (share === 1) return sample;
    const coins = this.#coins;
    const misses = keptOf(sample.misses, share, coins);
    return {
      db: sample.db,
      key: sample.key,
      reads: misses + keptOf(sample.reads - sample.misses, share, coins),
      writes: keptOf(sample.writes, share, coins),
      misses,
      absorbed: keptOf(sample.absorbed, share, coins),
      bytes: rounded(sample.bytes * share, coins),
    };
  }

  #countNames(
    pane: SamplePane,
    summary: SampleSummary,
    row: SampleRow,
    { reads, writes }: Added,
    { commands, probability }: Sample,
    service: string,
  ): void {
    const serviceId = reads + writes > 0 ? pane.services.idOf(service) : undefined;
    if (serviceId !== undefined) summary.countService(row, serviceId, reads + writes);
    if (commands === null) return;
    for (const name in commands) {
      const count = keptOf(commands[name]!, summary.probability / probability, this.#coins);
      const id = count > 0 ? pane.commands.idOf(name) : undefined;
      if (id !== undefined) summary.countCommand(row, id, count);
    }
  }

  #hasRoomFor(added: Added, { commands }: Sample): boolean {
    const bytes = SampleSummary.bytesFor(added, commands);
    if (bytes <= this.#budget.left) return true;
    this.#purge();
    return bytes <= this.#budget.left;
  }

  /** Halves every summary of at least the mean size: together they hold at least half of the memory. */
  #purge(): void {
    const all = [...this.#targets.values()].flatMap((target) =>
      Array.from(target.panes()).flatMap((pane) =>
        Array.from(pane.summaries(), (summary) => ({ summary, place: target.place })),
      ),
    );
    const meanBytes = all.reduce((sum, { summary }) => sum + summary.bytes, 0) / all.length;
    for (const { summary, place } of all) {
      if (summary.bytes < meanBytes) continue;
      const division = this.#options.divisionOf(place);
      summary.purge((key) => bucketOfKey(key, division));
    }
  }
}

function powerOfTwoUpTo(probability: number): number {
  let power = 1;
  while (power > probability) power /= 2;
  return power;
}
