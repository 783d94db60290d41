import { isCut, keyId } from "../model/key.ts";
import type { PanePart } from "../model/pane.ts";
import type { Facts, KeyFacts } from "../model/target.ts";
import type { Clock } from "../runtime/clock.ts";

const LOOKUPS_MAX = 5;
const PERIOD_MS = 10_000;
/** Cooler keys are not worth a look-up. */
const RATE_MIN_PER_SECOND = 100;

export interface FactFinderOptions {
  readonly cluster: string;
  readonly clock: Clock;
  readonly lookUp: (db: number, key: Uint8Array) => Promise<Facts | null>;
  /**
   * A look-up is about to be sent. Where it finds no key the server has counted, and published, a miss that is the
   * agent's own: the returned function is told.
   */
  readonly onLookUp: (db: number, key: Uint8Array) => (wasMiss: boolean) => void;
  readonly emit: (facts: KeyFacts) => void;
}

interface Candidate {
  readonly id: string;
  readonly db: number;
  readonly key: Uint8Array;
  readonly ratePerSecond: number;
}

/** Looks up type, size, expiry and encoding of the hottest keys: at most 5 look-ups every 10 s. */
export class FactFinder {
  readonly #options: FactFinderOptions;
  readonly #lookedUpMs = new Map<string, number>();

  constructor(options: FactFinderOptions) {
    this.#options = options;
  }

  /** Considers the keys of parts that were just published. Never rejects. */
  async consider(parts: readonly PanePart[]): Promise<void> {
    const nowMs = this.#options.clock.monotonic();
    for (const [id, atMs] of this.#lookedUpMs) if (nowMs - atMs >= PERIOD_MS) this.#lookedUpMs.delete(id);
    const hottest = parts.flatMap(candidatesOf).sort((a, b) => b.ratePerSecond - a.ratePerSecond);
    const chosen: Candidate[] = [];
    for (const candidate of hottest) {
      if (this.#lookedUpMs.size >= LOOKUPS_MAX) break;
      if (this.#lookedUpMs.has(candidate.id)) continue;
      this.#lookedUpMs.set(candidate.id, nowMs);
      chosen.push(candidate);
    }
    await Promise.all(chosen.map((candidate) => this.#lookUp(candidate)));
  }

  async #lookUp({ db, key }: Candidate): Promise<void> {
    const { cluster, clock, lookUp, onLookUp, emit } = this.#options;
    const answered = onLookUp(db, key);
    try {
      const facts = await lookUp(db, key);
      answered(facts === null);
      if (facts) emit({ type: "facts", cluster, db, bytes: key, atMs: clock.now(), facts });
    } catch {
      answered(false);
      // Facts are a courtesy: the connection's own state says what is wrong with it.
    }
  }
}

function candidatesOf({ entries }: PanePart): Candidate[] {
  const candidates: Candidate[] = [];
  for (let i = 0; i < entries.length; i++) {
    const ratePerSecond = entries.currentPerSecond[i]!;
    const key = entries.keyBytes.subarray(entries.keyOffsets[i]!, entries.keyOffsets[i + 1]!);
    if (ratePerSecond < RATE_MIN_PER_SECOND || isCut(key)) continue;
    candidates.push({ id: keyId(entries.dbs[i]!, key), db: entries.dbs[i]!, key, ratePerSecond });
  }
  return candidates;
}
