/** Of offsets told more often than this, some are left out. */
const SPACING_MS = 100;

/** Where the primary was lately, so that it can be told how long ago it was where a replica is now. */
export class PrimaryOffsets {
  readonly #rememberedMs: number;
  readonly #told: { readonly offset: number; readonly askedMs: number }[] = [];

  /** Memory: an offset for each 100 ms of `rememberedMs`. */
  constructor(rememberedMs: number) {
    this.#rememberedMs = rememberedMs;
  }

  /** The primary, asked at `askedMs`, was at `offset`. */
  add(offset: number, askedMs: number): void {
    const last = this.#told.at(-1);
    if (last !== undefined && askedMs - last.askedMs < SPACING_MS) return;
    this.#told.push({ offset, askedMs });
    while (this.#told[0]!.askedMs < askedMs - this.#rememberedMs) this.#told.shift();
  }

  clear(): void {
    this.#told.length = 0;
  }

  /** The latest time at which the primary is known to have had no more than `offset`; `null`: none is known. */
  lastAt(offset: number): number | null {
    return this.#told.findLast((told) => told.offset <= offset)?.askedMs ?? null;
  }
}
