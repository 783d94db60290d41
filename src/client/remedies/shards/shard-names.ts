import { isUtf8 } from "node:buffer";
import type { Bytes } from "../commands.ts";
import { type PartPlace, partNames } from "../part-names.ts";

/** Lists whose names are kept: the one in use, and those around a growth. */
const EPOCHS_MAX = 4;

/**
 * The names of the keys of all shards. Those that hold the data are other ones by each list of counts: `KEY:WHAT:EPOCH:{TAG}`.
 * What is beside a shard is called the same by all.
 */
export class ShardNames {
  readonly #key: Bytes;
  readonly #what: string;
  readonly #place: PartPlace;
  readonly #data = new Map<number, readonly Bytes[]>();
  readonly #beside: readonly { readonly what: string; names: readonly Bytes[] }[];

  constructor(key: Bytes, what: string, beside: readonly string[], place: PartPlace) {
    this.#key = key;
    this.#what = what;
    this.#place = place;
    this.#beside = beside.map((other) => ({ what: other, names: [] }));
  }

  /** What a shard holds by the list of that epoch. `count`: of the shards that are likely to be asked for. */
  data(epoch: number, shard: number, count: number): Bytes {
    const known = this.#data.get(epoch)?.[shard];
    if (known !== undefined) return known;
    if (this.#data.size === EPOCHS_MAX) this.#data.clear();
    const names = this.#named(`${this.#what}:${epoch}`, Math.max(count, shard + 1));
    this.#data.set(epoch, names);
    return names[shard]!;
  }

  /** What is beside it, in the order given. */
  beside(shard: number, count: number): Bytes[] {
    return this.#beside.map((column) => {
      if (column.names.length <= shard) column.names = this.#named(column.what, Math.max(count, shard + 1));
      return column.names[shard]!;
    });
  }

  #named(what: string, count: number): Bytes[] {
    // As text, where they are, they cost drivers less.
    return partNames(this.#key, what, count, this.#place).map((name) =>
      isUtf8(name) ? name.toString() : name,
    );
  }
}
