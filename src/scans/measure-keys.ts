import { isElsewhere } from "../redis/reply-problem.ts";
import type { Answer, CommandLine } from "../redis/session.ts";
import { askInGroups } from "./command-groups.ts";
import type { ScanServer } from "./scan-server.ts";
import { isMeasurable } from "./value-types.ts";

/** A key that was there. */
export interface MeasuredKey {
  readonly key: Buffer;
  readonly type: string;
  /** With its key and the server's overhead, by MEMORY USAGE; `null`: measuring a value of its type may block. */
  readonly bytes: number | null;
}

/** What it is asked through. */
export type MeasuringServer = Pick<ScanServer, "ask" | "refused">;

/**
 * Types and sizes of keys of the selected database; those that have gone or moved to another node are left out.
 *
 * `samples`: how many members of a collection are looked at; the server's default (5) if left out; never 0, which are all.
 * Neither command touches the keys' recency or frequency. Throws: `TargetError`. Source: Redis `typeCommand`, `memoryCommand`.
 */
export async function measureKeys(
  server: MeasuringServer,
  keys: readonly Buffer[],
  samples?: number,
): Promise<readonly MeasuredKey[]> {
  const types = await askEach(server, "type", keys, (key) => ["TYPE", key]);
  const found = keys.flatMap((key, index) => {
    const type = types[index];
    return type === null || String(type) === "none" ? [] : [{ key, type: String(type) }];
  });
  const measurable = found.filter(({ type }) => isMeasurable(type));
  const options = samples === undefined ? [] : ["SAMPLES", samples];
  const sizes = await askEach(server, "memory|usage", measurable, ({ key }) => [
    ...["MEMORY", "USAGE", key],
    ...options,
  ]);
  const measured = measurable.flatMap(({ key, type }, index) => {
    const bytes = sizes[index];
    return typeof bytes === "number" ? [{ key, type, bytes }] : [];
  });
  const unmeasured = found.filter(({ type }) => !isMeasurable(type)).map((one) => ({ ...one, bytes: null }));
  return [...measured, ...unmeasured];
}

/** A value for each item; `null`: the key has gone. */
async function askEach<Item>(
  server: MeasuringServer,
  right: string,
  items: readonly Item[],
  lineOf: (item: Item) => CommandLine,
): Promise<readonly unknown[]> {
  const answers = await askInGroups(server, items.map(lineOf));
  return answers.map((answer) => {
    if ("value" in answer) return answer.value;
    if (hasMoved(answer)) return null;
    throw server.refused(right, answer.error);
  });
}

/** In a cluster a key may go to another node between SCAN and now. */
export function hasMoved(answer: Answer): boolean {
  return "error" in answer && isElsewhere(answer.error);
}
