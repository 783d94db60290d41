import type { Bytes } from "../commands.ts";
import { shardOf } from "./field-hash.ts";
import { groupsBy, sendGroups } from "./groups.ts";
import { setMark } from "./set-cells.ts";
import { newestCount } from "./shard-list.ts";
import { ShardClosed, type Shards } from "./shards.ts";

interface Done {
  /** Members that were added or removed. */
  readonly changed: number;
  /** Those with which nothing was done: a script has to do it. */
  readonly left: readonly Bytes[];
}

/** Calls on members as plain commands, as `SteadyHash` does on fields. */
export class SteadySet {
  readonly #shards: Shards;
  #isUnknown = false;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  /** `undefined`: ask the shard by a script. */
  async has(member: Bytes): Promise<boolean | undefined> {
    const list = this.#shards.steadyList;
    if (list === null || this.#isUnknown) return undefined;
    const shard = shardOf(member, newestCount(list));
    try {
      const reply = await this.#shards.run(shard, list, "SMISMEMBER", member, setMark(list));
      const [isMember, isMarked] = (reply as unknown[]).map(Number);
      if (isMarked === 0) throw await this.#shards.lost(shard, list);
      return isMember === 1;
    } catch (error) {
      if (error instanceof ShardClosed) {
        await this.#shards.follow(error);
        return undefined;
      }
      // Since Redis 6.2.
      if (!(error instanceof Error && error.message.startsWith("ERR unknown command"))) throw error;
      this.#isUnknown = true;
      return undefined;
    }
  }

  async add(members: readonly Bytes[]): Promise<Done> {
    // What was a member already, is: there the shard is too.
    return await this.#send("SADD", members, (added) => added === 0);
  }

  async remove(members: readonly Bytes[]): Promise<Done> {
    return await this.#send("SREM", members, (removed, sent) => removed === sent);
  }

  /** `isSure`: whether a reply alone says that the command met the shard. */
  async #send(
    name: string,
    members: readonly Bytes[],
    isSure: (changed: number, sent: number) => boolean,
  ): Promise<Done> {
    const list = this.#shards.steadyList;
    if (list === null) return { changed: 0, left: members };
    const left: Bytes[] = [];
    let changed = 0;
    const count = newestCount(list);
    await sendGroups(
      groupsBy(members, (member) => shardOf(member, count)),
      async ({ place, members: some }) => {
        try {
          const reply = Number(await this.#shards.run(place, list, name, ...some));
          if (!isSure(reply, some.length)) await this.#shards.confirm(place, list);
          changed += reply;
        } catch (error) {
          if (!(error instanceof ShardClosed)) throw error;
          left.push(...some);
          await this.#shards.follow(error);
        }
      },
    );
    return { changed, left };
  }
}
