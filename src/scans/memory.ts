import { keep, showKey } from "../model/key.ts";
import type { KeyPage } from "./key-walk.ts";
import { type MeasuringServer, measureKeys } from "./measure-keys.ts";
import { levelOf, type PatternFinder, patternFinder } from "./memory/key-groups.ts";
import { type PatternRow, patternRows } from "./memory/pattern-rows.ts";
import { PatternTable } from "./memory/pattern-table.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import { type SweepOptions, type SweptServer, sweep } from "./sweep.ts";

export interface MemoryScanOptions extends SweepOptions {
  /** Globs: a key counts for the first that matches. None: patterns are found. */
  readonly patterns: readonly string[];
  /** How many keys of each pattern are measured, up to twice as many; none: all. */
  readonly sample?: number | undefined;
  /** How many found patterns have a row. */
  readonly limit: number;
}

export interface MemoryScan {
  readonly servers: readonly SweptServer[];
  readonly totalKeys: number;
  readonly totalBytes: number;
  readonly lowerBytes: number;
  readonly upperBytes: number | null;
  readonly sampled: boolean;
  /** Keys of types that are not measured; an estimate where `sampled`. */
  readonly unmeasuredKeys: number;
  /** Keys that went before they were looked at: they count nowhere. */
  readonly goneKeys: number;
  /** Patterns that were too many and too small to be kept: their keys are in the row `other`. */
  readonly foldedPatterns: number;
  /** Most bytes first; the row of the rest is the last. */
  readonly patterns: readonly PatternRow[];
}

/** What fills the memory, by pattern of the keys. */
export async function scanMemory(
  context: ScanContext,
  { patterns, sample, limit, ...options }: MemoryScanOptions,
): Promise<ScanOutcome<MemoryScan>> {
  const account = new MemoryAccount(patterns, sample);
  const { servers, missing, limits } = await sweep(context, options, async (server, page) => {
    await account.take(server, server.address, page);
  });
  const isAsked = patterns.length > 0;
  const rows = patternRows(account.table, isAsked ? patterns.length : limit, isAsked);
  const { keys, totalBytes, lowerBytes, upperBytes, sampled, unmeasured } = rows.total;
  const body = {
    servers,
    totalKeys: keys,
    totalBytes,
    lowerBytes,
    upperBytes,
    sampled,
    unmeasuredKeys: unmeasured,
    goneKeys: account.goneKeys,
    foldedPatterns: account.table.folded,
    patterns: rows.patterns,
  };
  return { body, missing, limits };
}

/** What was found so far, on all servers. */
export class MemoryAccount {
  readonly table: PatternTable;
  readonly #patternOf: PatternFinder;
  readonly #isSampling: boolean;
  #goneKeys = 0;

  constructor(globs: readonly string[], sampleKeys: number | undefined) {
    this.#patternOf = patternFinder(globs);
    this.#isSampling = sampleKeys !== undefined;
    this.table = new PatternTable(sampleKeys ?? Number.POSITIVE_INFINITY, globs);
  }

  get goneKeys(): number {
    return this.#goneKeys;
  }

  /** Measures the keys of a page, or those of them that are in the sample. Throws: `TargetError`. */
  async take(server: MeasuringServer, target: string, { db, keys }: KeyPage): Promise<void> {
    const sorted = keys.map((key) => ({
      key,
      pattern: this.#patternOf(key),
      level: this.#isSampling ? levelOf(key) : 0,
    }));
    const wanted = sorted.filter(({ pattern, level }) => this.table.wants(pattern, level));
    const measured = await measureKeys(
      server,
      wanted.map(({ key }) => key),
    );
    // Pages of several servers are on their way: what follows looks the tallies up anew.
    const bytesOf = new Map(measured.map(({ key, bytes }) => [key, bytes]));
    const asked = new Set(wanted);
    for (const one of sorted) {
      const finding = asked.has(one) ? bytesOf.get(one.key) : "skipped";
      if (finding === undefined) this.#goneKeys++;
      else this.table.add(one.pattern, one.level, finding, () => ({ ...showKey(keep(one.key)), db, target }));
    }
  }
}
