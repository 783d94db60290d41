/** The books of one stage: at any moment `received = kept + dropped + pending`. */
export interface StageBooks {
  readonly stage: string;
  readonly received: number;
  readonly kept: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** Counts what a stage received, kept and dropped, by reason. */
export class Ledger {
  readonly stage: string;
  #received = 0;
  #kept = 0;
  readonly #dropped = new Map<string, number>();

  constructor(stage: string) {
    this.stage = stage;
  }

  receive(count = 1): void {
    this.#received += count;
  }

  keep(count = 1): void {
    this.#kept += count;
  }

  drop(reason: string, count = 1): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
  }

  books(): StageBooks {
    return {
      stage: this.stage,
      received: this.#received,
      kept: this.#kept,
      dropped: Object.fromEntries(this.#dropped),
    };
  }
}

/** What is neither kept nor dropped yet: 0 in every stage at rest. */
export function unaccounted(books: StageBooks): number {
  const dropped = Object.values(books.dropped).reduce((sum, count) => sum + count, 0);
  return books.received - books.kept - dropped;
}
