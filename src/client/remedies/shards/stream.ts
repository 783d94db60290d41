import { type CellScripts, LIVE } from "./cells.ts";
import { shardOf } from "./field-hash.ts";
import { ENDS, type Page, type PageCell, pageOf } from "./pages.ts";
import { newestCount, type ShardList } from "./shard-list.ts";
import { placed, type ShardedCells } from "./sharded-cells.ts";
import { ShardClosed, type Shards } from "./shards.ts";

/** Everything in the shards: read with `for await`, or awaited. */
export class Stream<Item> implements AsyncIterable<Item>, PromiseLike<Item[]> {
  readonly #shards: Shards;
  readonly #cells: ShardedCells;
  readonly #scripts: CellScripts;
  readonly #take: (cell: PageCell) => Item;

  constructor(shards: Shards, cells: ShardedCells, scripts: CellScripts, take: (cell: PageCell) => Item) {
    this.#shards = shards;
    this.#cells = cells;
    this.#scripts = scripts;
    this.#take = take;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    if (!(await this.#shards.isRecorded())) return;
    const reading = new Reading(this.#shards, this.#cells, this.#scripts, await this.#shards.list());
    for await (const cell of reading.cells()) yield this.#take(cell);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited.
  then<Done = Item[], Failed = never>(
    onDone?: ((items: Item[]) => Done | PromiseLike<Done>) | null,
    onFailed?: ((error: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    return this.#all().then(onDone, onFailed);
  }

  async #all(): Promise<Item[]> {
    const items: Item[] = [];
    for await (const item of this) items.push(item);
    return items;
  }
}

/**
 * One reading, shard by shard in their order. What moves goes to a shard with a higher number, where it comes up again: so
 * nothing is missed, and what was given from an older place is remembered.
 */
class Reading {
  readonly #shards: Shards;
  readonly #cells: ShardedCells;
  readonly #scripts: CellScripts;
  #list: ShardList;
  /** The shards below `done` were read before the count grew beyond `count`: what that puts there has been given. */
  readonly #growths: { readonly count: number; readonly done: number }[] = [];
  /** Given, and may come up again in another shard. */
  readonly #mayMove = new Set<string>();
  /** Given from the shard that is being read. */
  #ofShard = new Set<string>();

  constructor(shards: Shards, cells: ShardedCells, scripts: CellScripts, list: ShardList) {
    this.#shards = shards;
    this.#cells = cells;
    this.#scripts = scripts;
    this.#list = list;
  }

  async *cells(): AsyncGenerator<PageCell> {
    for (let shard = 0; shard < newestCount(this.#list); shard++) {
      this.#ofShard = new Set();
      let cursor = ENDS;
      do {
        const { next, cells } = await this.#page(shard, cursor);
        yield* cells;
        cursor = next;
      } while (cursor !== ENDS);
    }
  }

  async #page(shard: number, cursor: string): Promise<Page> {
    for (;;) {
      try {
        const { next, cells } = await pageOf(this.#shards, this.#scripts, this.#list, shard, cursor);
        return { next, cells: await this.#toGive(shard, cells) };
      } catch (error) {
        if (!(error instanceof ShardClosed)) throw error;
        await this.#shards.follow(error);
        await this.#change(shard);
      }
    }
  }

  async #change(shard: number): Promise<void> {
    const list = await this.#shards.list();
    if (newestCount(list) > newestCount(this.#list)) {
      this.#growths.push({ count: newestCount(this.#list), done: shard });
      for (const name of this.#ofShard) this.#mayMove.add(name);
    }
    this.#list = list;
  }

  async #toGive(shard: number, cells: readonly PageCell[]): Promise<PageCell[]> {
    const fresh = cells.filter(({ state, field }) => state === LIVE && !this.#wasGiven(field));
    const places = fresh.map(({ field }) => placed(field, this.#list));
    const notMoved = places.filter(({ older }) => older.includes(shard));
    const covered = await this.#cells.covered(this.#list, notMoved, shard);
    const given = fresh.filter((_, index) => {
      const place = places[index]!;
      return place.newest === shard || (place.older.includes(shard) && !covered.has(place));
    });
    // All of it at once, when nothing can be refused any more.
    for (const name of notMoved.filter((place) => !covered.has(place)).map(({ field }) => nameOf(field)))
      this.#mayMove.add(name);
    for (const { field } of given) this.#ofShard.add(nameOf(field));
    return given;
  }

  #wasGiven(field: Buffer): boolean {
    const name = nameOf(field);
    if (this.#ofShard.has(name) || this.#mayMove.has(name)) return true;
    return this.#growths.some(({ count, done }) => shardOf(field, count) < done);
  }
}

/** Every byte a character: different bytes are different names. */
function nameOf(field: Buffer): string {
  return field.toString("latin1");
}
