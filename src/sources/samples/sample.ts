/** What one client process counted of one key since its last batch. Counts are raw: as sampled with `probability`. */
export interface Sample {
  /** Kept form of the key (model/key.ts), one character a byte. */
  readonly key: string;
  readonly db: number;
  /** Address of the server that answered, as the client saw it; `null`: not told. */
  readonly target: string | null;
  /** With which each access was kept, in (0, 1]. */
  readonly probability: number;
  /** Misses included. */
  readonly reads: number;
  readonly writes: number;
  readonly misses: number;
  /** Reads that the client's own cache answered: in none of the other counts. */
  readonly absorbed: number;
  readonly bytes: number;
  /** Counts by name; `null`: not told. */
  readonly commands: Readonly<Record<string, number>> | null;
}

/** One post of one client process. */
export interface SampleBatch {
  readonly service: string;
  /** `null`, as `seq`: no duplicate can be told. */
  readonly instance: string | null;
  readonly seq: number | null;
  /** When it was counted, ms since 1970 by the client's clock; both or none. */
  readonly span: { readonly startMs: number; readonly endMs: number } | null;
  /** Whether the instance ends with this batch. */
  readonly goodbye: boolean;
  readonly samples: readonly Sample[];
}

/** What became of a batch, in samples. */
export interface Taken {
  readonly accepted: number;
  readonly dropped: number;
}
