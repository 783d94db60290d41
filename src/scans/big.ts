import { type BigKey, bigKey, type FoundKey, foundKey } from "./big/big-key.ts";
import { detailsOf, NO_DETAILS } from "./big/key-details.ts";
import { lengthsOf, type SizedKey } from "./big/lengths.ts";
import { type TypeFigures, TypeTally } from "./big/type-tally.ts";
import { type MeasuredKey, measureKeys } from "./measure-keys.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import type { ScanServer } from "./scan-server.ts";
import { type SweepOptions, type SweptServer, sweep } from "./sweep.ts";
import { TopList } from "./top-list.ts";

export interface BigScanOptions extends SweepOptions {
  /** In bytes: of the measured keys only those that take more are listed. */
  readonly above: number;
  /** How many measured keys are listed, and as many of those that are sized by their length. */
  readonly limit: number;
  /** Members of a collection that MEMORY USAGE looks at; none: the server's default. */
  readonly samples?: number | undefined;
}

export interface BigScan {
  readonly servers: readonly SweptServer[];
  readonly aboveBytes: number;
  /** All keys that were seen, by type; most bytes first. */
  readonly types: readonly TypeFigures[];
  /** Most bytes first; then those whose bytes are not known, longest first, whatever `aboveBytes` says. */
  readonly keys: readonly BigKey[];
}

/** The largest keys, by MEMORY USAGE where that cannot block the server, else by length. */
export async function scanBig(
  context: ScanContext,
  { above, limit, samples, ...options }: BigScanOptions,
): Promise<ScanOutcome<BigScan>> {
  const search = new BigSearch(above, limit);
  const problems = new Set<string>();
  const { servers, missing, limits } = await sweep(context, options, async (server, page) => {
    const measured = await measureKeys(server, page.keys, samples);
    search.addMeasured(server, page.db, measured);
    const lengths = await lengthsOf(
      server,
      measured.filter(({ bytes }) => bytes === null),
    );
    search.addSized(server, page.db, lengths.sized);
    for (const problem of lengths.problems) problems.add(`${server.address}: ${problem}`);
  });
  const found = search.found();
  const failed = new Set(servers.filter(({ problem }) => problem !== null).map(({ target }) => target));
  const present = found.filter(({ server }) => !failed.has(server.address));
  const details = await detailsOf(present, context.signal);
  const keys = found.map((one, index) => bigKey(index + 1, one, details.byKey.get(one) ?? NO_DETAILS));
  const body = { servers, aboveBytes: above, types: search.types.figures(), keys };
  return { body, missing: [...missing, ...details.problems, ...problems], limits };
}

/** What was found so far, on all servers. */
class BigSearch {
  readonly types = new TypeTally();
  readonly #aboveBytes: number;
  readonly #largest: TopList<FoundKey>;
  readonly #longest: TopList<FoundKey>;

  constructor(aboveBytes: number, limit: number) {
    this.#aboveBytes = aboveBytes;
    this.#largest = new TopList(limit, ({ bytes }) => bytes ?? 0);
    this.#longest = new TopList(limit, ({ length }) => length ?? 0);
  }

  addMeasured(server: ScanServer, db: number, keys: readonly MeasuredKey[]): void {
    for (const one of keys) {
      this.types.add(one, { db, target: server.address });
      const { key, type, bytes } = one;
      if (bytes === null || bytes <= this.#aboveBytes || bytes <= this.#largest.threshold) continue;
      this.#largest.offer(foundKey(key, { server, db, type, bytes, length: null }));
    }
  }

  addSized(server: ScanServer, db: number, keys: readonly SizedKey[]): void {
    for (const { key, type, length } of keys) {
      if (length > this.#longest.threshold)
        this.#longest.offer(foundKey(key, { server, db, type, bytes: null, length }));
    }
  }

  found(): readonly FoundKey[] {
    return [...this.#largest.items(), ...this.#longest.items()];
  }
}
