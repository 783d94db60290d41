import { randomBytes } from "node:crypto";
import { ABSENT, type Cell, type CellScripts, LIVE } from "./cells.ts";
import { groupsBy, sendGroups } from "./groups.ts";
import { pagesOf } from "./pages.ts";
import type { ShardList } from "./shard-list.ts";
import { type Placed, placed, type ShardedCells, states } from "./sharded-cells.ts";
import { ShardClosed, type Shards } from "./shards.ts";

/** Moves all fields to where the newest count puts them, then forgets the older counts. */
export async function rebalance(
  shards: Shards,
  cells: ShardedCells,
  scripts: CellScripts,
  signal: AbortSignal | null,
): Promise<void> {
  signal?.throwIfAborted();
  if (!(await shards.isRecorded())) return;
  for (;;) {
    const list = await shards.list();
    if (list.counts.length === 1) return;
    try {
      const mover = new Mover(shards, cells, scripts, list);
      if (await mover.moveAll(signal)) await shards.forgetOlder(list);
    } catch (error) {
      if (!(error instanceof ShardClosed)) throw error;
      await shards.follow(error);
    }
  }
}

/** By one list alone: a growth ends it with ShardClosed. */
class Mover {
  readonly #shards: Shards;
  readonly #cells: ShardedCells;
  readonly #scripts: CellScripts;
  readonly #list: ShardList;

  constructor(shards: Shards, cells: ShardedCells, scripts: CellScripts, list: ShardList) {
    this.#shards = shards;
    this.#cells = cells;
    this.#scripts = scripts;
    this.#list = list;
  }

  /** Returns whether nothing is left in older places. */
  async moveAll(signal: AbortSignal | null): Promise<boolean> {
    let isAllMoved = true;
    const olderCount = this.#list.counts.at(-2)!;
    for (let shard = 0; shard < olderCount; shard++) {
      for await (const page of pagesOf(this.#shards, this.#scripts, this.#list, shard)) {
        signal?.throwIfAborted();
        const fields = page
          .map(({ field }) => placed(field, this.#list))
          .filter(({ older }) => older.includes(shard));
        if (!(await this.#move(fields))) isAllMoved = false;
      }
    }
    return isAllMoved;
  }

  async #move(fields: readonly Placed[]): Promise<boolean> {
    if (fields.length === 0) return true;
    const token = randomBytes(12).toString("hex");
    const claims = await this.#claim(fields, token);
    const claimed = fields.filter((_, index) => claims[index] === ABSENT);
    // As long as the claim stands, what older places say holds: who writes or deletes goes to the newest one first.
    const found = await this.#lookAtOlder(claimed);
    const toCommit = claimed.filter((field) => found.get(field)?.state === LIVE);
    const lost = await this.#commit(toCommit, found, token);
    // The newest place holds it, or something newer; or the older ones hold nothing but the dead.
    const done = fields.filter((field) => !lost.has(field));
    await this.#cells.dropOlder(done);
    await this.#cells.settle(done, token);
    return lost.size === 0;
  }

  async #claim(fields: readonly Placed[], token: string): Promise<number[]> {
    const before = new Array<number>(fields.length).fill(ABSENT);
    const groups = groupsBy([...fields.keys()], (index) => fields[index]!.newest);
    await sendGroups(groups, async ({ place, members }) => {
      const some = members.map((index) => fields[index]!.field);
      const reply = await this.#shards.call(this.#scripts.claim, place, this.#list, [token, ...some]);
      states(reply).forEach((state, index) => {
        before[members[index]!] = state;
      });
    });
    return before;
  }

  /** The newest of the older cells that is not absent. */
  async #lookAtOlder(fields: readonly Placed[]): Promise<Map<Placed, Cell>> {
    const found = new Map<Placed, Cell>();
    const depth = Math.max(0, ...fields.map(({ older }) => older.length));
    for (let age = 0; age < depth; age++) {
      const missing = fields.filter((field) => !found.has(field) && field.older[age] !== undefined);
      await sendGroups(
        groupsBy(missing, ({ older }) => older[age]!),
        async ({ place, members }) => {
          const some = members.map(({ field }) => field);
          const looked = await this.#cells.look(this.#list, place, some);
          looked.forEach((cell, index) => {
            if (cell.state !== ABSENT) found.set(members[index]!, cell);
          });
        },
      );
    }
    return found;
  }

  /** Returns those whose claim was lost. */
  async #commit(
    fields: readonly Placed[],
    found: ReadonlyMap<Placed, Cell>,
    token: string,
  ): Promise<Set<Placed>> {
    const lost = new Set<Placed>();
    await sendGroups(
      groupsBy(fields, ({ newest }) => newest),
      async ({ place, members }) => {
        const words = members.flatMap((field) => [field.field, found.get(field)!.raw]);
        const reply = await this.#shards.call(this.#scripts.commit, place, this.#list, [token, ...words]);
        reply.forEach((isDone, index) => {
          if (Number(isDone) === 0) lost.add(members[index]!);
        });
      },
    );
    return lost;
  }
}
