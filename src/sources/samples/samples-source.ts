import type { PanePart } from "../../model/pane.ts";
import type { ServiceState, ServicesReport } from "../../model/services.ts";
import type { SourceStatus } from "../../model/target.ts";
import { Ledger, type StageBooks } from "../../runtime/accounting.ts";
import type { Division } from "./buckets.ts";
import { Hearing } from "./hearing.ts";
import { Instances } from "./instances.ts";
import { type KnownTarget, type Place, Placement, placeAt } from "./placement.ts";
import type { SampleBatch, Taken } from "./sample.ts";
import { SamplePanes } from "./sample-panes.ts";
import { type Slice, slicesOf, wholeSlice } from "./slices.ts";
import { LATE_MS_MAX, oldestPaneMs } from "./target-panes.ts";

/** A client's clock may be ahead by so much; beyond it the time of arrival counts. */
const AHEAD_MS_MAX = 1000;
/** What is known of the targets is looked at again so often. */
const PLACED_MS = 200;
/** A wall clock that goes back by more has been set. */
const SET_BACK_MS = 500;

export interface SamplesSourceOptions {
  readonly agent: string;
  /** Of samples whose cluster cannot be told. */
  readonly cluster: string;
  readonly settings: { readonly enabled: boolean; readonly bytes: number };
  readonly panes: { readonly length: number; readonly publish: number };
  readonly buckets: number;
  /** Keys that are counted but never reported. */
  readonly ignored: (key: Uint8Array) => boolean;
  /** The servers that this agent knows, as of now. */
  readonly targets: () => readonly KnownTarget[];
  /** Of the start, ms since 1970. */
  readonly nowMs: number;
}

/** What clients report of their own accesses: the vantage `clients`, whose agents add up. */
export class SamplesSource {
  readonly name = "samples";
  readonly #options: SamplesSourceOptions;
  readonly #ledger = new Ledger("samples");
  readonly #instances = new Instances();
  readonly #placement: Placement;
  readonly #panes: SamplePanes;
  readonly #hearing: Hearing;
  /** Parts of the epoch before, after the clock was set. */
  #owed: PanePart[] = [];
  #epoch: number;
  #lastMs: number;
  #placedMs = Number.NEGATIVE_INFINITY;

  constructor(options: SamplesSourceOptions) {
    this.#options = options;
    const { agent, cluster, settings, panes, ignored, nowMs } = options;
    this.#placement = new Placement(cluster);
    this.#hearing = new Hearing(settings.enabled, nowMs);
    this.#epoch = nowMs;
    this.#lastMs = nowMs;
    this.#panes = new SamplePanes({
      agent,
      lengthMs: panes.length,
      bytesMax: settings.bytes,
      publishMax: panes.publish,
      ignored,
      divisionOf: (place) => this.#divisionOf(place),
    });
  }

  /** Whether `round` has anything to do. */
  get isOpen(): boolean {
    return this.#panes.isOpen || this.#owed.length > 0;
  }

  /** Memory that the open panes take, in bytes: at most `settings.bytes`. */
  get bytesUsed(): number {
    return this.#panes.bytesUsed;
  }

  /** Counts a batch; one that came before, or is too late, is dropped and counted as such. */
  take(batch: SampleBatch, nowMs: number): Taken {
    this.#noteTime(nowMs);
    const { samples } = batch;
    this.#ledger.receive(samples.length);
    const slices = this.#slicesOf(batch, nowMs);
    const refusal = this.#instances.admit(batch, nowMs) ?? (slices === null ? "late" : null);
    if (refusal !== null || slices === null) {
      this.#ledger.drop(refusal ?? "late", samples.length);
      return { accepted: 0, dropped: samples.length };
    }
    const accepted = this.#add(batch, slices, nowMs);
    this.#ledger.keep(accepted);
    return { accepted, dropped: samples.length - accepted };
  }

  /** Parts that leave now. To be called each 200 ms while `isOpen`. */
  round(nowMs: number): PanePart[] {
    this.#noteTime(nowMs);
    this.#place(nowMs);
    const owed = this.#owed;
    this.#owed = [];
    return [...owed, ...this.#panes.round(nowMs, this.#epoch)];
  }

  /** Which services report, by the cluster that their samples were of: once a pane. */
  services(nowMs: number): ServicesReport[] {
    const byCluster = new Map<string, ServiceState[]>();
    for (const { clusters, ...state } of this.#instances.states(nowMs)) {
      for (const cluster of clusters.size > 0 ? clusters : [this.#options.cluster]) {
        const states = byCluster.get(cluster);
        if (states) states.push(state);
        else byCluster.set(cluster, [state]);
      }
    }
    const { agent } = this.#options;
    return Array.from(byCluster, ([cluster, services]) => ({
      type: "services" as const,
      agent,
      cluster,
      atMs: nowMs,
      services,
    }));
  }

  status(target: { readonly cluster: string; readonly address: string }, nowMs: number): SourceStatus {
    return this.#hearing.status(placeAt(target.cluster, target.address).id, nowMs);
  }

  /** In samples: received = kept + dropped. */
  books(): StageBooks[] {
    return [this.#ledger.books()];
  }

  /** Closes what is open. */
  stop(): PanePart[] {
    return [...this.#owed.splice(0), ...this.#panes.closeAll(this.#epoch)];
  }

  #add({ service, samples }: SampleBatch, slices: readonly Slice[], nowMs: number): number {
    this.#place(nowMs);
    const facts = { service, slices, nowMs };
    let accepted = 0;
    let heardAt: Place | null = null;
    for (const sample of samples) {
      const place = this.#placement.placeOf(sample);
      if (place !== heardAt) {
        this.#instances.noteCluster(service, place.cluster);
        heardAt = place;
      }
      this.#hearing.note(place.id, sample.probability, nowMs);
      const loss = this.#panes.add(place, sample, facts);
      if (loss === null) accepted++;
      else this.#ledger.drop(loss);
    }
    return accepted;
  }

  /** Where a batch's accesses are counted; `null`: it is too late for any window. */
  #slicesOf({ span }: SampleBatch, nowMs: number): readonly Slice[] | null {
    const paneMs = this.#options.panes.length;
    if (span === null || span.endMs > nowMs + AHEAD_MS_MAX) {
      const spanMs = span === null ? 0 : span.endMs - span.startMs;
      return [wholeSlice(nowMs - paneMs / 2, spanMs, paneMs)];
    }
    if (span.endMs < nowMs - LATE_MS_MAX) return null;
    const slices = slicesOf(span, paneMs);
    // Of panes from before that, nobody knows the numbers of their parts any more.
    const isKept = slices.every(({ paneStartMs }) => paneStartMs >= oldestPaneMs(nowMs, paneMs));
    return isKept ? slices : null;
  }

  #place(nowMs: number): void {
    if (Math.abs(nowMs - this.#placedMs) < PLACED_MS) return;
    this.#placedMs = nowMs;
    this.#placement.update(this.#options.targets());
  }

  #divisionOf(place: Place): Division {
    return { slots: this.#placement.slotsOf(place), buckets: this.#options.buckets };
  }

  /** After the clock was set back, panes of the same time come again: in a new epoch, they are others. */
  #noteTime(nowMs: number): void {
    if (nowMs < this.#lastMs - SET_BACK_MS) {
      this.#owed.push(...this.#panes.closeAll(this.#epoch));
      this.#epoch = Math.max(this.#epoch + 1, nowMs);
    }
    this.#lastMs = nowMs;
  }
}
