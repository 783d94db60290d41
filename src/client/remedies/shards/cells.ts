import type { Script } from "../commands.ts";

/** What a shard says of a field: nothing (also: a claim, which stands for nothing), a value, or that it is gone. */
export const ABSENT = 0;
export const LIVE = 1;
/** Deleted or expired: there is nothing, whatever older shards say. */
export const DEAD = 2;

export interface Cell {
  readonly state: number;
  /** A hash: what the shard's hash holds; a set: empty. */
  readonly raw: Buffer;
}

/**
 * What can be done to the cells of one shard, one script each, so each at once. All take many fields; `ARGV[1]` is the
 * list of counts, and the reply begins as the fence has it. "States" are those from before, in the order of the fields.
 */
export interface CellScripts {
  /** ARGV: whether what is dead may be removed (1 or 0), fields. Reply: state, raw, state, raw, ... */
  readonly look: Script;
  /** ARGV: ttl in ms or nothing, then field, value, field, value, ... Reply: states. */
  readonly put: Script;
  /** Makes cells dead. ARGV: fields. Reply: states. */
  readonly bury: Script;
  /** Makes cells absent, removing whatever there is. ARGV: fields. Reply: states. */
  readonly drop: Script;
  /** Makes cells absent that are dead, or claimed with this token. ARGV: token, fields. */
  readonly settle: Script;
  /** Marks absent cells with a token, in place of another if there is one. ARGV: token, fields. Reply: states. */
  readonly claim: Script;
  /** Fills cells that still have the token. ARGV: token, then field, raw, field, raw, ... Reply: 1 or 0 each. */
  readonly commit: Script;
  /** ARGV: cursor, count. Reply: the next cursor, then field, state, raw, field, state, raw, ... */
  readonly page: Script;
}
