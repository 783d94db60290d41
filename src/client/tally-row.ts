import type { Place } from "./observer.ts";

/** Names of one key's commands beyond it are not told apart; the agent takes up to 32. */
const COMMANDS_MAX = 8;

/** What was counted of one key at one place since it was last sent. Counts are raw, misses are among the reads. */
export class TallyRow {
  readonly place: Place;
  /** Text, or where `isBinary` the bytes as latin1. */
  readonly key: string;
  readonly isBinary: boolean;
  reads = 0;
  writes = 0;
  misses = 0;
  absorbed = 0;
  bytes = 0;
  /** The accesses at the last look for steep keys. */
  marked = 0;
  #command = "";
  #commandCount = 0;
  /** All but the first. */
  #others: Map<string, number> | null = null;

  constructor(place: Place, key: string, isBinary: boolean) {
    this.place = place;
    this.key = key;
    this.isBinary = isBinary;
  }

  /** All that was counted, the absorbed too. */
  get weight(): number {
    return this.reads + this.writes + this.absorbed;
  }

  /** What reached the server. */
  get load(): number {
    return this.reads + this.writes;
  }

  countCommand(name: string, count: number): void {
    if (this.#command === name) this.#commandCount += count;
    else if (this.#commandCount === 0) {
      this.#command = name;
      this.#commandCount = count;
    } else this.#countOther(name, count);
  }

  /** Names with their counts; none of `record`. */
  *commands(): Iterable<readonly [name: string, count: number]> {
    if (this.#commandCount > 0) yield [this.#command, this.#commandCount];
    if (this.#others !== null) yield* this.#others;
  }

  #countOther(name: string, count: number): void {
    this.#others ??= new Map();
    const known = this.#others.get(name);
    if (known !== undefined) this.#others.set(name, known + count);
    else if (this.#others.size < COMMANDS_MAX - 1) this.#others.set(name, count);
  }
}

/**
 * All rows are garbage after each second. Were none left, V8 would forget what rows look like, and with it all code that
 * it had optimised for them.
 */
export const EVERLASTING_ROW = new TallyRow({ target: null, db: 0 }, "", false);
