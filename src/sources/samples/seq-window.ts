import type { SampleBatch } from "./sample.ts";

/** Numbers further behind the highest than this count as seen. */
const SEQS_REMEMBERED = 64;
const WORD_BITS = 32;

/** Which batches of one instance came, by their numbers: the last 64. */
export class SeqWindow {
  #highest = -1;
  /** Bit i: whether `highest - i` came. The first 32, then the next. */
  #recent = 0;
  #older = 0;
  #lastEndMs = Number.NEGATIVE_INFINITY;

  /** Notes a batch. False: it came before. */
  note({ instance, seq, span }: SampleBatch): boolean {
    if (instance === null || seq === null) return true;
    // Counted after all that came before: not a batch sent again, but one of a process that started anew.
    const isLater = span !== null && span.startMs >= this.#lastEndMs && span.endMs > this.#lastEndMs;
    if (span !== null) this.#lastEndMs = Math.max(this.#lastEndMs, span.endMs);
    if (seq > this.#highest) {
      this.#shift(seq - this.#highest);
      this.#highest = seq;
      this.#recent |= 1;
      return true;
    }
    const back = this.#highest - seq;
    if (back >= SEQS_REMEMBERED || this.#has(back)) {
      if (!isLater) return false;
      this.#highest = seq;
      this.#recent = 1;
      this.#older = 0;
      return true;
    }
    this.#set(back);
    return true;
  }

  #has(back: number): boolean {
    const word = back < WORD_BITS ? this.#recent : this.#older;
    return (word & (1 << (back % WORD_BITS))) !== 0;
  }

  #set(back: number): void {
    if (back < WORD_BITS) this.#recent |= 1 << back;
    else this.#older |= 1 << (back - WORD_BITS);
  }

  #shift(by: number): void {
    if (by >= SEQS_REMEMBERED) {
      this.#recent = 0;
      this.#older = 0;
    } else if (by >= WORD_BITS) {
      this.#older = by === WORD_BITS ? this.#recent : this.#recent << (by - WORD_BITS);
      this.#recent = 0;
    } else {
      this.#older = (this.#older << by) | (this.#recent >>> (WORD_BITS - by));
      this.#recent <<= by;
    }
  }
}
