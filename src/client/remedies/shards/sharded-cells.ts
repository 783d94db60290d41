import type { Bytes } from "../commands.ts";
import { ABSENT, type Cell, type CellScripts, LIVE } from "./cells.ts";
import { placesOf } from "./field-hash.ts";
import { groupsBy, sendGroups } from "./groups.ts";
import type { ShardList } from "./shard-list.ts";
import { ShardClosed, type Shards } from "./shards.ts";

/** A field, and where it may lie by the list of counts that a call worked by. */
export interface Placed<Field extends Bytes = Bytes> {
  readonly field: Field;
  readonly newest: number;
  /** From the newer to the oldest. */
  readonly older: readonly number[];
}

export function placed<Field extends Bytes>(field: Field, { counts }: ShardList): Placed<Field> {
  const [newest, ...older] = placesOf(field, counts);
  return { field, newest, older };
}

/**
 * Fields over shards, whose count may grow at any time; on each field every call takes effect at one moment.
 *
 * A field may have cells in several places, one by each count in use. The newest that is not absent holds, and three rules
 * keep it so. Only the newest place is ever filled: calls by earlier lists are refused by then. A cell is made absent only
 * when all older ones are: a delete makes the newest cell dead, then the older ones absent from the oldest on, then the
 * newest one. What moves a value to the newest place claims that first, and loses the claim to whoever writes there.
 *
 * So a call that fails or dies halfway leaves at most older cells behind, which nobody sees again.
 */
export class ShardedCells {
  readonly #shards: Shards;
  readonly #scripts: CellScripts;

  constructor(shards: Shards, scripts: CellScripts) {
    this.#shards = shards;
    this.#scripts = scripts;
  }

  /** What holds for the field, `null`: nothing. Writes nothing for a key that has never been written. */
  async find(field: Bytes): Promise<Buffer | null> {
    if (!(await this.#shards.isRecorded())) return null;
    return await this.#shards.persist(async (list) => {
      const { newest, older } = placed(field, list);
      const places = [newest, ...older];
      for (const [age, place] of places.entries()) {
        // What is dead in the newest place stands before older cells: there are none behind the last place.
        const mayPurge = age === places.length - 1;
        const [cell] = await this.look(list, place, [field], mayPurge);
        if (cell!.state !== ABSENT) return cell!.state === LIVE ? cell!.raw : null;
      }
      if (older.length === 0) return null;
      // It may have moved to the newest place between the looks.
      const [again] = await this.look(list, newest, [field]);
      return again!.state === LIVE ? again!.raw : null;
    });
  }

  async look(list: ShardList, shard: number, fields: readonly Bytes[], mayPurge = false): Promise<Cell[]> {
    const reply = await this.#shards.call(this.#scripts.look, shard, list, [mayPurge ? 1 : 0, ...fields]);
    return fields.map((_, index) => ({
      state: Number(reply[index * 2]),
      raw: reply[index * 2 + 1] as Buffer,
    }));
  }

  /**
   * Fills the fields. Returns what held for each before (LIVE or not); while other calls delete the same fields, `LIVE`
   * may be missed.
   */
  async put(entries: readonly { field: Bytes; value: Bytes }[], ttlMs: number | null): Promise<number[]> {
    const fields = entries.map(({ field }) => field);
    const outcomes = await this.#atNewest(fields, async (list, shard, indices) => {
      const words = indices.flatMap((index) => [entries[index]!.field, entries[index]!.value]);
      return states(await this.#shards.call(this.#scripts.put, shard, list, [ttlMs ?? "", ...words]));
    });
    // Where something was already, who put it there saw to older cells.
    const fresh = outcomes.filter(({ state }) => state === ABSENT);
    const before = await this.dropOlder(fresh.map(({ at }) => at));
    fresh.forEach((outcome, index) => {
      outcome.state = before[index]!;
    });
    return outcomes.map(({ state }) => state);
  }

  /**
   * Empties the fields. Returns what held for each before (LIVE or not); while other calls put or delete the same fields,
   * `LIVE` may be missed.
   */
  async remove(fields: readonly Bytes[]): Promise<number[]> {
    if (!(await this.#shards.isRecorded())) return fields.map(() => ABSENT);
    const outcomes = await this.#atNewest(fields, async (list, shard, indices, isOnly) => {
      const { drop, bury } = this.#scripts;
      const some = indices.map((index) => fields[index]!);
      return states(await this.#shards.call(isOnly ? drop : bury, shard, list, some));
    });
    const buried = outcomes.filter(({ at }) => at.older.length > 0);
    const before = await this.dropOlder(buried.map(({ at }) => at));
    buried.forEach((outcome, index) => {
      if (outcome.state === ABSENT) outcome.state = before[index]!;
    });
    await this.settle(buried.map(({ at }) => at));
    return outcomes.map(({ state }) => state);
  }

  /** Those of the fields that have something, be it dead, in a newer place than `shard`. */
  async covered(list: ShardList, fields: readonly Placed[], shard: number): Promise<Set<Placed>> {
    const covered = new Set<Placed>();
    const looks = fields.flatMap((field) => {
      const places = [field.newest, ...field.older];
      return places.slice(0, places.indexOf(shard)).map((place) => ({ field, place }));
    });
    await sendGroups(
      groupsBy(looks, ({ place }) => place),
      async ({ place, members }) => {
        const cells = await this.look(
          list,
          place,
          members.map(({ field }) => field.field),
        );
        cells.forEach(({ state }, index) => {
          if (state !== ABSENT) covered.add(members[index]!.field);
        });
      },
    );
    return covered;
  }

  /** Makes the older cells of fields absent, from the oldest on. Returns the state of the newest of them before. */
  async dropOlder(fields: readonly Placed[]): Promise<number[]> {
    const before = new Array<number>(fields.length).fill(ABSENT);
    const depth = Math.max(0, ...fields.map(({ older }) => older.length));
    for (let age = depth - 1; age >= 0; age--) {
      const indices = [...fields.keys()].filter((index) => fields[index]!.older[age] !== undefined);
      const groups = groupsBy(indices, (index) => fields[index]!.older[age]!);
      await sendGroups(groups, async ({ place, members }) => {
        const some = members.map((index) => fields[index]!.field);
        // By whatever list holds now: these places are older by that one too.
        const reply = await this.#shards.persist((list) =>
          this.#shards.call(this.#scripts.drop, place, list, some),
        );
        states(reply).forEach((state, index) => {
          if (state !== ABSENT) before[members[index]!] = state;
        });
      });
    }
    return before;
  }

  /** Makes the newest cells absent that are dead or claimed with `token`. The older ones must be absent. */
  async settle(fields: readonly Placed[], token = ""): Promise<void> {
    await sendGroups(
      groupsBy(fields, ({ newest }) => newest),
      async ({ place, members }) => {
        const some = members.map(({ field }) => field);
        await this.#shards.persist((list) =>
          this.#shards.call(this.#scripts.settle, place, list, [token, ...some]),
        );
      },
    );
  }

  /** Sends once for each field that which takes effect at its newest place, whatever becomes of the counts meanwhile. */
  async #atNewest(
    fields: readonly Bytes[],
    send: (list: ShardList, shard: number, indices: number[], isOnly: boolean) => Promise<number[]>,
  ): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(fields.length);
    let waiting = [...fields.keys()];
    await this.#shards.persist(async (list) => {
      const places = new Map(waiting.map((index) => [index, placed(fields[index]!, list)]));
      const refused: number[] = [];
      let refusal: ShardClosed | null = null;
      const groups = groupsBy(waiting, (index) => {
        const { newest, older } = places.get(index)!;
        // What has one place and what has more is done differently.
        return older.length === 0 ? newest : -1 - newest;
      });
      await sendGroups(groups, async ({ place, members }) => {
        const isOnly = place >= 0;
        try {
          const reply = await send(list, isOnly ? place : -1 - place, members, isOnly);
          members.forEach((index, at) => {
            outcomes[index] = { at: places.get(index)!, state: reply[at]! };
          });
        } catch (error) {
          if (!(error instanceof ShardClosed)) throw error;
          refusal = error;
          refused.push(...members);
        }
      });
      waiting = refused;
      if (refusal !== null) throw refusal;
    });
    return outcomes;
  }
}

interface Outcome {
  readonly at: Placed;
  state: number;
}

export function states(reply: readonly unknown[]): number[] {
  return reply.map(Number);
}
