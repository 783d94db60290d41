import { checkedCount, checkedKey, checkedOptions } from "../arguments.ts";
import { type Bytes, commandsOf } from "../commands.ts";
import { PARTS_MAX } from "../part-names.ts";

import { type ShardKind, Shards } from "./shards.ts";

const COUNT = { min: 1, max: PARTS_MAX, fallback: 16 };

/** The shards that a remedy's arguments name. Throws: TypeError, RangeError where they make no sense. Sends nothing. */
export function checkedShards(redis: object, key: Bytes, options: unknown, kind: ShardKind): Shards {
  const commands = commandsOf(redis);
  const { shards } = checkedOptions(options, ["shards"]);
  const count = checkedCount(shards, "shards", COUNT);
  return new Shards(commands, checkedKey(key), kind, count);
}
