import type { Kind, KindCounts, Vantage } from "./access.ts";
import type { SlotRange } from "./slot.ts";

/** How many of its most frequent commands (or events) an entry names. */
export const COMMANDS_PER_ENTRY = 4;
/** How many of the services that use it most an entry names. */
export const SERVICES_PER_ENTRY = 4;

/**
 * The keys of a part, column by column (a row per entry would cost an object each).
 *
 * Entry `i` has the key `keyBytes[keyOffsets[i], keyOffsets[i + 1])` in database `dbs[i]`. Its true number of accesses
 * in the part lies in `[reads + writes (+ misses), the same + maybes + errors]`, per kind likewise.
 */
export interface PaneEntries {
  readonly length: number;
  readonly dbs: Int32Array;
  readonly keyOffsets: Uint32Array;
  readonly keyBytes: Uint8Array;
  /** Accesses surely seen. A vantage that sees all reads counts its misses in `reads` too. */
  readonly reads: Float64Array;
  readonly writes: Float64Array;
  readonly misses: Float64Array;
  /** Events that may have been accesses of their own: they raise the upper bound only. */
  readonly maybes: Float64Array;
  /** Accesses that may have happened before the entry was tracked: at most the floor of the summary. */
  readonly errors: Float64Array;
  /** Accesses a second at the end of the part: what the page calls the current rate. */
  readonly currentPerSecond: Float64Array;
  /** `COMMANDS_PER_ENTRY` places an entry: index into `commandNames` plus one, 0 for an empty place. */
  readonly commandIds: Uint8Array;
  readonly commandCounts: Float64Array;
  readonly commandNames: readonly string[];
  /** What only clients can tell; `null` in parts of other vantages. */
  readonly clients: ClientColumns | null;
}

/** Columns beside those of `PaneEntries`, of the same length unless said otherwise. */
export interface ClientColumns {
  /** Reads that the clients' own caches answered: demand, not load, and in none of the counts. */
  readonly absorbed: Float64Array;
  /** Bytes of requests and replies, as far as the clients told them. */
  readonly bytes: Float64Array;
  /** `SERVICES_PER_ENTRY` places an entry: index into `serviceNames` plus one, 0 for an empty place. */
  readonly serviceIds: Uint16Array;
  readonly serviceCounts: Float64Array;
  readonly serviceNames: readonly string[];
}

/** What a target did in one pane interval, as observed and as the server says. `null`: not known. */
export interface PaneTotals {
  readonly observed: KindCounts;
  readonly ran: { readonly read: number | null; readonly write: number | null };
}

/**
 * A piece of a pane: per bucket, and early when a key rises steeply. The parts of a pane add up to it.
 *
 * Identity: (agent, epoch, target, vantage, startMs, bucket, part). The same part may arrive again.
 */
export interface PanePart {
  readonly type: "part";
  readonly agent: string;
  /** Counts the starts of the agent and the jumps of its clock. */
  readonly epoch: number;
  readonly cluster: string;
  readonly target: string;
  readonly vantage: Vantage;
  /** Wall clock, ms since 1970, aligned to `lengthMs`. */
  readonly startMs: number;
  readonly lengthMs: number;
  readonly bucket: number;
  readonly buckets: number;
  readonly part: number;
  /**
   * The last part of its pane in this bucket; only it has `parts` and `totals`. A floor above 0 it shares with late parts,
   * and with those of other probabilities, of the clients' vantage alone.
   */
  readonly closing: boolean;
  /** How many parts the pane has in this bucket, this one included; 0 on early parts. */
  readonly parts: number;
  /** Of a key that is not among the entries, at most so many accesses were kept in this part. */
  readonly floor: number;
  /** Accesses surely seen in this part, over all keys. */
  readonly total: KindCounts;
  /** With which each access was kept; counts are raw. Parts of a pane differ in it in the clients' vantage alone. */
  readonly probability: number;
  /** Share of the pane's time that was watched on purpose; 1: all of it. A declared duty cycle, in (0, 1]. */
  readonly watchedShare: number;
  /** Kinds that this vantage sees at this target. */
  readonly sees: readonly Kind[];
  /**
   * Whether nothing of those kinds was missed but by `probability` and `watchedShare`: unbroken, flags held, the role
   * did not change.
   */
  readonly complete: boolean;
  /** Slots of the target; `null` outside Cluster mode. */
  readonly slots: readonly SlotRange[] | null;
  /** The target's totals of the interval, on closing parts: the same in each bucket, never to be added. */
  readonly totals: PaneTotals | null;
  readonly entries: PaneEntries;
}

export function partIdentity(part: PanePart): string {
  const { agent, epoch, target, vantage, startMs, bucket } = part;
  return `${agent}|${epoch}|${target}|${vantage}|${startMs}|${bucket}|${part.part}`;
}

const BYTES_OF_PART = 512;
const BYTES_PER_ENTRY = 6 * 8 + 2 * 4 + COMMANDS_PER_ENTRY * 9;
const CLIENT_BYTES_PER_ENTRY = 2 * 8 + SERVICES_PER_ENTRY * 10;

/** Memory that a part takes, in bytes (an estimate from above, without shared strings). */
export function partBytes(part: PanePart): number {
  const { keyBytes, length, clients } = part.entries;
  const perEntry = BYTES_PER_ENTRY + (clients === null ? 0 : CLIENT_BYTES_PER_ENTRY);
  return BYTES_OF_PART + keyBytes.length + length * perEntry;
}
