import type { CellScripts } from "./cells.ts";
import type { ShardList } from "./shard-list.ts";
import type { Shards } from "./shards.ts";
import { givenName } from "./stored-names.ts";

/** About so many fields a page. */
const PAGE_FIELDS = 100;

/** A field by the name that it is stored under, here and wherever shards are dealt with. */
export interface PageCell {
  readonly field: Buffer;
  readonly state: number;
  readonly raw: Buffer;
}

export interface Page {
  /** Where the next one begins; `0`: this was the last. */
  readonly next: string;
  readonly cells: readonly PageCell[];
}

/** Where the first page of a shard begins, and what follows the last. */
export const ENDS = "0";

/** Throws: ShardClosed. */
export async function pageOf(
  shards: Shards,
  scripts: CellScripts,
  list: ShardList,
  shard: number,
  cursor: string,
): Promise<Page> {
  const [next, ...words] = await shards.call(scripts.page, shard, list, [cursor, PAGE_FIELDS]);
  const cells: PageCell[] = [];
  for (let at = 0; at < words.length; at += 3) {
    const field = words[at] as Buffer;
    // What is there besides says something of the shard.
    if (givenName(field) === null) continue;
    cells.push({
      field,
      state: Number(words[at + 1]),
      raw: words[at + 2] as Buffer,
    });
  }
  return { next: String(next), cells };
}

/** All pages of a shard. A cell may come twice (SSCAN and HSCAN are like that). Throws: ShardClosed. */
export async function* pagesOf(
  shards: Shards,
  scripts: CellScripts,
  list: ShardList,
  shard: number,
): AsyncGenerator<readonly PageCell[]> {
  let cursor = ENDS;
  do {
    const { next, cells } = await pageOf(shards, scripts, list, shard, cursor);
    yield cells;
    cursor = next;
  } while (cursor !== ENDS);
}
