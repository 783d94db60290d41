import type { HeatKind } from "../model/access.ts";
import type { DemandLook } from "../model/demand.ts";
import type { Heat } from "../model/heat.ts";
import type { Key } from "../model/key.ts";
import type { PanePart } from "../model/pane.ts";
import { bucketOfSlot, bucketsOfSlots } from "../model/slot.ts";
import type { TargetReport } from "../model/target.ts";
import { NO_TRAIL, type Trail } from "../model/trail.ts";
import { KeyHasher } from "../panes/key-words.ts";
import { Ledger, type StageBooks } from "../runtime/accounting.ts";
import { ByteBudget } from "../runtime/byte-budget.ts";
import type { Logger } from "../runtime/logger.ts";
import { type ClosedHop, ClusterWindows, FUTURE_MS_MAX } from "./cluster-windows.ts";
import { HeatReader } from "./heat-reader.ts";
import type { HopWindow } from "./hop-window.ts";
import { problemOfPart } from "./part-check.ts";
import { hottest } from "./ranking.ts";
import { Survey } from "./survey.ts";
import { unheardHeat } from "./unheard-heat.ts";
import { type DemandQuery, mostWanted } from "./wanted.ts";

export type { ClosedHop } from "./cluster-windows.ts";

const MIB = 1024 * 1024;
const KEY_BYTES_MAX = 64 * MIB;
const PART_BYTES_MAX = 512 * MIB;
const CLUSTERS_MAX = 256;
const AGENTS_NAMED_MAX = 1000;

/** Whether a bucket of a cluster is among those that are asked for. */
export type OwnsBucket = (cluster: string, bucket: number) => boolean;

export interface WindowsOptions {
  readonly windowsMs: readonly number[];
  /** Distance of the windows' ends; panes are one or more of it long. */
  readonly hopMs: number;
  /** How long a hop waits for what is missing. */
  readonly graceMs: number;
  /** Limit of the names of all keys held, with their table. Default 64 MiB. */
  readonly keyBudget?: ByteBudget;
  /** Limit of the parts held, as long as a window covers them. Default 512 MiB. */
  readonly partBudget?: ByteBudget;
  /** Parts of Cluster-mode targets that divide the slots otherwise are refused. Default: any number will do. */
  readonly buckets?: number;
  /** Buckets of whose parts these windows are made; others are counted elsewhere. Default: all. */
  readonly owns?: OwnsBucket;
  /** Parts from before now are being read again: see `rebuilt`. */
  readonly isRebuilding?: boolean;
  readonly ledger: Ledger;
  /** Of the entries that the parts brought. Default: a ledger of its own. */
  readonly entries?: Ledger;
  readonly logger: Logger;
}

/**
 * `unused`: another agent's pane of the same target and interval is counted instead (so far). `refused`: malformed,
 * divided into other buckets, of a bucket that is not asked for, or beyond a limit. `outdated`: read again, though no
 * window covers it any more.
 */
export type Outcome = "kept" | "duplicate" | "late" | "future" | "unused" | "refused" | "outdated";

export interface Admission {
  readonly outcome: Outcome;
  /** Handles of the keys whose sums changed: valid until the next `add` or `advance`. */
  readonly touched: readonly number[];
}

export interface TopHeats {
  readonly asOfMs: number;
  readonly complete: boolean;
  readonly heats: readonly Heat[];
}

interface Member {
  readonly windows: ClusterWindows;
  readonly reader: HeatReader;
}

/**
 * Hop windows over the panes of all clusters, with bounds on every count.
 *
 * Error: for each key and kind, lower <= true <= upper over the accesses that the vantages could see, and where they
 * were sampled, in 99.6% of the cases likely.lower <= true <= likely.upper. Cost: O(1) an entry for each window that it
 * enters or leaves; nothing is added up anew at a hop. Memory: bounded by `keyBudget`, `partBudget`, and for the
 * sums 80 bytes a key, window and vantage; 160 where it was sampled, 240 where it was watched for a share of the time.
 */
export class Windows {
  readonly windowsMs: readonly number[];
  readonly hopMs: number;
  readonly #options: WindowsOptions;
  readonly #members = new Map<string, Member>();
  readonly #keyBudget: ByteBudget;
  readonly #partBudget: ByteBudget;
  readonly #entries: Ledger;
  readonly #hasher = new KeyHasher();
  readonly #named = new Set<string>();
  #isRebuilding: boolean;
  #nowMs = 0;
  #disprovedUppers = 0;

  constructor(options: WindowsOptions) {
    const { windowsMs, hopMs } = options;
    if (windowsMs.length === 0) throw new RangeError("at least one window is needed");
    if (!(Number.isInteger(hopMs) && hopMs > 0)) throw new RangeError(`invalid hop of ${hopMs} ms`);
    this.#options = options;
    this.hopMs = hopMs;
    this.windowsMs = [...new Set(windowsMs)];
    this.#keyBudget = options.keyBudget ?? new ByteBudget(KEY_BYTES_MAX);
    this.#partBudget = options.partBudget ?? new ByteBudget(PART_BYTES_MAX);
    this.#entries = options.entries ?? new Ledger("window-entries");
    this.#isRebuilding = options.isRebuilding ?? false;
  }

  /** Takes a part in. Redelivery, order and grouping of parts change nothing in the sums. */
  add(part: PanePart, nowMs: number): Admission {
    const { ledger } = this.#options;
    this.#nowMs = nowMs;
    ledger.receive();
    const { outcome, touched } = this.#admit(part, nowMs);
    if (outcome === "kept" || outcome === "unused") ledger.keep();
    else ledger.drop(outcome);
    return { outcome, touched };
  }

  /** The panes of the reported target are expected from now on, as far as its sources watch it. */
  expect(report: TargetReport): void {
    if (!this.#concerns(report)) return;
    const nowMs = this.#nowMs > 0 ? this.#nowMs : report.atMs;
    this.#member(report.cluster, nowMs, report.atMs)?.windows.expect(report);
  }

  /** Whether a key in this slot (`null`: outside Cluster mode) is counted here. */
  covers(cluster: string, slot: number | null): boolean {
    const { buckets = 1, owns } = this.#options;
    return owns?.(cluster, slot === null ? 0 : bucketOfSlot(slot, buckets)) ?? true;
  }

  /** What was there to be read again has been: from now on, what comes too late is late. */
  rebuilt(): void {
    this.#isRebuilding = false;
  }

  /** Gives all memory back. Not to be used afterwards. */
  dispose(): void {
    for (const { windows } of this.#members.values()) windows.dispose();
    this.#members.clear();
  }

  /** The target is gone (topology or config dropped it): nothing is expected of it any more. */
  forget(cluster: string, target: string): void {
    this.#members.get(cluster)?.windows.forget(target);
  }

  /** Closes what can be closed, oldest first. */
  advance(nowMs: number): readonly ClosedHop[] {
    this.#nowMs = nowMs;
    const hops: ClosedHop[] = [];
    for (const [name, { windows }] of this.#members) {
      if (this.#setAsideIfAhead(name, windows, nowMs)) continue;
      hops.push(...windows.advance(nowMs));
      if (windows.isIdle) this.#members.delete(name);
    }
    return hops;
  }

  /** Heat up to the newest pane, open panes' early parts included: `lower` only grows while a pane is open. */
  running(cluster: string, handle: number, windowMs: number): Heat {
    const { windows, reader } = this.#held(cluster, handle);
    return reader.heatOf(this.#windowOf(windows.running, windowMs), handle);
  }

  /** Heat up to the last closed hop. */
  closed(cluster: string, handle: number, windowMs: number): Heat {
    const { windows, reader } = this.#held(cluster, handle);
    return reader.heatOf(this.#windowOf(windows.closed, windowMs), handle);
  }

  /** The same for any key, also one that no part names any more: for those that were hot before. */
  closedOf(key: Key, windowMs: number): Heat {
    const member = this.#members.get(key.cluster);
    if (!member) return unheardHeat(key, windowMs, this.#nowMs);
    const handle = this.handleOf(key);
    if (handle !== undefined) return this.closed(key.cluster, handle, windowMs);
    return member.reader.heatOfUnseen(this.#windowOf(member.windows.closed, windowMs), key);
  }

  /**
   * At least the `firingCount` of `running(...)`, from the sums alone: below a threshold, no rule fires. Where nothing
   * was sampled it is that count.
   */
  runningFiringMax(cluster: string, handle: number, windowMs: number, kind: HeatKind): number {
    const { windows } = this.#held(cluster, handle);
    return windows.firingMaxOf(this.#windowOf(windows.running, windowMs), handle, kind);
  }

  /** At least the bytes that clients tell of a key up to the newest pane. */
  runningBytes(cluster: string, handle: number, windowMs: number): number {
    const { windows } = this.#held(cluster, handle);
    return windows.bytesOf(this.#windowOf(windows.running, windowMs), handle);
  }

  /** A look at all keys of a cluster at once; `null`: nothing is heard of it. */
  survey(cluster: string): Survey | null {
    const member = this.#members.get(cluster);
    return member ? new Survey(member.windows, member.reader) : null;
  }

  /** How hot a key was, as far as parts are held. */
  trailOf(key: Key): Trail {
    const survey = this.survey(key.cluster);
    const handle = survey?.handleOf(key);
    return survey && handle !== undefined ? survey.trail(handle) : NO_TRAIL;
  }

  /** The hottest keys of the last closed hop, by the estimate of their total. */
  top(cluster: string, windowMs: number, limit: number): TopHeats {
    const member = this.#members.get(cluster);
    if (!member) return { asOfMs: this.#nowMs, complete: false, heats: [] };
    const { windows, reader } = member;
    const window = this.#windowOf(windows.closed, windowMs);
    return {
      asOfMs: window.toMs,
      complete: windows.completenessOf(window).isWhole,
      heats: hottest(windows, reader, window, limit).map((handle) => reader.heatOf(window, handle)),
    };
  }

  /** The keys of the last closed hop that have a lease or may be given one, and how much their reads are wanted. */
  demands(cluster: string, windowMs: number, query: DemandQuery): DemandLook {
    const member = this.#members.get(cluster);
    if (!member) return { demands: [], complete: false };
    const { windows, reader } = member;
    const window = this.#windowOf(windows.closed, windowMs);
    return {
      demands: mostWanted(windows, reader, window, query),
      complete: windows.completenessOf(window).isWhole,
    };
  }

  /** `undefined`: no part in any window names the key. */
  handleOf(key: Key): number | undefined {
    return this.survey(key.cluster)?.handleOf(key);
  }

  keyOf(cluster: string, handle: number): Key {
    return this.#held(cluster, handle).reader.keyOf(handle);
  }

  /** Clusters that are heard of or expected. */
  clusters(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** Of the parts, and of the entries that they brought. */
  books(): StageBooks[] {
    return [this.#options.ledger.books(), this.#entries.books()];
  }

  /**
   * Upper bounds that heats left out because another vantage surely saw more: a vantage that calls itself complete is
   * not. Counted each time that such a heat is read.
   */
  get disprovedUppers(): number {
    return this.#disprovedUppers;
  }

  readonly #countDisproved = (count: number): void => {
    this.#disprovedUppers += count;
  };

  #admit(part: PanePart, nowMs: number): Admission {
    const problem = problemOfPart(part, this.#options.hopMs) ?? this.#problemOfBuckets(part);
    if (problem !== null) return this.#turnAway(part, "refused", problem);
    if (part.startMs > nowMs + FUTURE_MS_MAX) return this.#turnAway(part, "future", "its clock is ahead");
    const known = this.#members.get(part.cluster);
    if (known) this.#setAsideIfAhead(part.cluster, known.windows, nowMs);
    // Of the pane that is read again first, early parts may have been left behind.
    const member = this.#member(part.cluster, nowMs, part.startMs + part.lengthMs);
    if (!member) return this.#turnAway(part, "refused", "too many clusters");
    const admission = member.windows.add(part, nowMs);
    if (admission.outcome === "late") {
      if (this.#isRebuilding) return { outcome: "outdated", touched: [] };
      return this.#turnAway(part, "late", "no window covers its pane");
    }
    if (admission.outcome === "refused") return this.#turnAway(part, "refused", "a limit is reached");
    return admission;
  }

  #problemOfBuckets({ cluster, bucket, buckets, slots }: PanePart): string | null {
    const { buckets: wanted, owns } = this.#options;
    if (wanted !== undefined && slots !== null && buckets !== wanted)
      return `its number of buckets is ${buckets}, not ${wanted}`;
    return owns === undefined || owns(cluster, bucket) ? null : "its bucket does not belong here";
  }

  /** Whether the reported target delivers anything here; of one that does not answer, whether it did before. */
  #concerns({ cluster, target, reachable, slots }: TargetReport): boolean {
    const { buckets = 1, owns } = this.#options;
    if (owns === undefined) return true;
    if (!reachable && this.#members.get(cluster)?.windows.tracks.ofTarget(target).length) return true;
    return [...bucketsOfSlots(slots, buckets)].some((bucket) => owns(cluster, bucket));
  }

  /** Names the agent once for each outcome: it is the agent's clock or version that needs a look. */
  #turnAway(part: PanePart, outcome: "refused" | "late" | "future", reason: string): Admission {
    const name = `${outcome}|${part.agent}`;
    if (!this.#named.has(name) && this.#named.size < AGENTS_NAMED_MAX) {
      this.#named.add(name);
      const { agent, target, startMs } = part;
      this.#options.logger.warn({ agent, target, startMs, outcome, reason }, "part of a pane not counted");
    }
    return { outcome, touched: [] };
  }

  /** `firstMs`: of what is heard first, where it is made anew. `null`: there are too many clusters. */
  #member(cluster: string, nowMs: number, firstMs: number): Member | null {
    const known = this.#members.get(cluster);
    if (known) return known;
    if (this.#members.size >= CLUSTERS_MAX) return null;
    const { hopMs, graceMs, owns } = this.#options;
    const windows = new ClusterWindows(
      {
        name: cluster,
        windowsMs: this.windowsMs,
        hopMs,
        graceMs,
        keyBudget: this.#keyBudget,
        partBudget: this.#partBudget,
        entries: this.#entries,
        hasher: this.#hasher,
        ownsBucket: owns ? (bucket) => owns(cluster, bucket) : () => true,
      },
      { nowMs, sinceMs: this.#isRebuilding ? Math.min(firstMs, nowMs) : nowMs },
    );
    const member = { windows, reader: new HeatReader(windows, this.#countDisproved) };
    this.#members.set(cluster, member);
    return member;
  }

  /** After the clock was set back, what came before lies in a future that all else would be late for. */
  #setAsideIfAhead(cluster: string, windows: ClusterWindows, nowMs: number): boolean {
    if (!windows.isAheadOf(nowMs)) return false;
    this.#options.logger.warn({ cluster }, "clock was set back, windows start again");
    windows.dispose();
    this.#members.delete(cluster);
    return true;
  }

  #held(cluster: string, handle: number): Member {
    const member = this.#members.get(cluster);
    if (!member?.windows.keys.isHeld(handle)) throw new RangeError(`no key has the handle ${handle}`);
    return member;
  }

  #windowOf(windows: readonly HopWindow[], windowMs: number): HopWindow {
    const window = windows.find((candidate) => candidate.windowMs === windowMs);
    if (!window) throw new RangeError(`no window of ${windowMs} ms`);
    return window;
  }
}
