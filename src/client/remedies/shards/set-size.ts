import { pagesOf } from "./pages.ts";
import { SET_CELLS, SET_COUNT } from "./set-cells.ts";
import { newestCount, type ShardList } from "./shard-list.ts";
import { placed, type ShardedCells } from "./sharded-cells.ts";
import type { Shards } from "./shards.ts";

export async function setSize(shards: Shards, cells: ShardedCells): Promise<number> {
  if (!(await shards.isRecorded())) return 0;
  return await shards.persist(async (list) => {
    const hidden = await hiddenMembers(shards, cells, list);
    const all = Array.from({ length: newestCount(list) }, (_, shard) => shard);
    const counts = await Promise.allSettled(all.map((shard) => shards.call(SET_COUNT, shard, list, [])));
    let total = 0;
    for (const count of counts) {
      if (count.status === "rejected") throw count.reason;
      total += Number(count.value[0]);
    }
    return Math.max(0, total - hidden);
  });
}

/** Members that an older shard still has though a newer one has them too, or has them as removed. */
async function hiddenMembers(shards: Shards, cells: ShardedCells, list: ShardList): Promise<number> {
  let hidden = 0;
  for (let shard = 0; shard < (list.counts.at(-2) ?? 0); shard++) {
    const seen = new Set<string>();
    for await (const page of pagesOf(shards, SET_CELLS, list, shard)) {
      const moved = page
        .map(({ field }) => placed(field, list))
        .filter(({ field, older }) => older.includes(shard) && !seen.has(field.toString("latin1")));
      for (const { field } of moved) seen.add(field.toString("latin1"));
      hidden += (await cells.covered(list, moved, shard)).size;
    }
  }
  return hidden;
}
