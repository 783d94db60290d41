import { type Heat, ratePerSecond, roundedRate } from "../model/heat.ts";
import { isCut, KEY_BYTES_KEPT, type Key, keep, keyId, showKey } from "../model/key.ts";
import { isRedacted } from "../model/redacted-key.ts";

export interface HistoryOptions {
  readonly stepMs?: number;
  /** Memory for closed points; the oldest go first. */
  readonly bytesMax?: number;
  readonly keysPerPoint?: number;
}

export interface HistoryQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
  /** Only this key, in whatever cluster and database. */
  readonly key?: Uint8Array;
}

interface Entry {
  readonly key: Key;
  readonly ratePerSecond: number;
  readonly peakRatePerSecond: number;
}

interface Point {
  readonly startMs: number;
  readonly entries: readonly Entry[];
  readonly bytes: number;
}

interface Track {
  readonly key: Key;
  rateSum: number;
  peak: number;
}

const POINT_BYTES = 100;
/** An entry's objects and numbers, without its key's bytes (an estimate from above). */
const ENTRY_BYTES = 200;

/**
 * The hottest keys of each minute, in memory.
 *
 * A key's rate is the mean over the samples of its cluster in that minute, where a sample without the key counts 0: so
 * it may be too low for a key that was not always among the hottest, never too high.
 */
export class History {
  readonly stepMs: number;
  readonly #bytesMax: number;
  readonly #keysPerPoint: number;
  readonly #closed: Point[] = [];
  #bytes = 0;
  #openStartMs = Number.NEGATIVE_INFINITY;
  readonly #tracks = new Map<string, Track>();
  readonly #samples = new Map<string, number>();
  readonly #lastSampleMs = new Map<string, number>();

  constructor({ stepMs = 60_000, bytesMax = 16 * 1024 * 1024, keysPerPoint = 100 }: HistoryOptions = {}) {
    this.stepMs = stepMs;
    this.#bytesMax = bytesMax;
    this.#keysPerPoint = keysPerPoint;
  }

  /** Memory of the closed points, in bytes (estimated). */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the hottest keys of a cluster at `atMs`; a time that was there already adds nothing. */
  record(cluster: string, heats: readonly Heat[], atMs: number): void {
    if (atMs <= (this.#lastSampleMs.get(cluster) ?? 0)) return;
    this.#lastSampleMs.set(cluster, atMs);
    // A window that ends on the minute belongs to the minute that it ends.
    const startMs = Math.floor((atMs - 1) / this.stepMs) * this.stepMs;
    if (startMs > this.#openStartMs) {
      this.#close();
      this.#openStartMs = startMs;
    }
    this.#samples.set(cluster, (this.#samples.get(cluster) ?? 0) + 1);
    for (const heat of heats.slice(0, this.#keysPerPoint)) this.#track(heat);
    if (this.#tracks.size > 20 * this.#keysPerPoint) this.#forgetCoolest();
  }

  /** The body of `history`, oldest point first; the last may be of the minute that still runs. */
  json({ fromMs, toMs, limit, key }: HistoryQuery): object {
    const points = [...this.#closed, ...this.#openPoint()].filter(
      ({ startMs }) => startMs + this.stepMs > fromMs && startMs <= toMs,
    );
    const isWanted = key === undefined ? () => true : matcher(key);
    return {
      stepSeconds: this.stepMs / 1000,
      points: points.map(({ startMs, entries }) => ({
        at: new Date(startMs).toISOString(),
        keys: entries
          .filter((entry) => isWanted(entry.key.bytes))
          .slice(0, limit)
          .map(entryJson),
      })),
    };
  }

  #track(heat: Heat): void {
    const { key, windowMs, counts, currentRatePerSecond } = heat;
    const id = `${key.cluster}\n${keyId(key.db, key.bytes)}`;
    let track = this.#tracks.get(id);
    if (!track) {
      // The bytes may be a view into memory that is used again (and `slice` of a Buffer would be one, too).
      track = { key: { ...key, bytes: new Uint8Array(key.bytes) }, rateSum: 0, peak: 0 };
      this.#tracks.set(id, track);
    }
    const rate = ratePerSecond(counts.total.estimate, windowMs);
    track.rateSum += rate;
    track.peak = Math.max(track.peak, rate, currentRatePerSecond);
  }

  #forgetCoolest(): void {
    const byHeat = [...this.#tracks].sort(([, a], [, b]) => b.rateSum - a.rateSum);
    for (const [id] of byHeat.slice(10 * this.#keysPerPoint)) this.#tracks.delete(id);
  }

  #close(): void {
    for (const point of this.#openPoint()) {
      this.#closed.push(point);
      this.#bytes += point.bytes;
    }
    this.#tracks.clear();
    this.#samples.clear();
    while (this.#bytes > this.#bytesMax) this.#bytes -= this.#closed.shift()?.bytes ?? this.#bytes;
  }

  #openPoint(): Point[] {
    if (this.#samples.size === 0) return [];
    const entries = [...this.#tracks.values()]
      .map(({ key, rateSum, peak }) => ({
        key,
        ratePerSecond: rateSum / (this.#samples.get(key.cluster) ?? 1),
        peakRatePerSecond: peak,
      }))
      .sort((a, b) => b.ratePerSecond - a.ratePerSecond)
      .slice(0, this.#keysPerPoint);
    const bytes = entries.reduce((sum, { key }) => sum + ENTRY_BYTES + key.bytes.length, POINT_BYTES);
    return [{ startMs: this.#openStartMs, entries, bytes }];
  }
}

/** Matches a key by its whole bytes, a redacted one and one of more than 1 KiB also by what of it is shown. */
function matcher(key: Uint8Array): (kept: Uint8Array) => boolean {
  const wanted = Buffer.from(keep(key));
  return (kept) =>
    wanted.equals(kept) ||
    (isRedacted(kept) && wanted.equals(Buffer.from(showKey(kept).key))) ||
    (isCut(kept) && wanted.length === KEY_BYTES_KEPT && wanted.equals(kept.subarray(0, KEY_BYTES_KEPT)));
}

function entryJson({ key, ratePerSecond, peakRatePerSecond }: Entry): object {
  const shown = showKey(key.bytes);
  return {
    cluster: key.cluster,
    db: key.db,
    key: shown.key,
    keyEncoding: shown.keyEncoding,
    ratePerSecond: roundedRate(ratePerSecond),
    peakRatePerSecond: roundedRate(peakRatePerSecond),
  };
}
