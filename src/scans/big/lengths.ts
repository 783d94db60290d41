import { hasMoved, type MeasuredKey } from "../measure-keys.ts";
import type { ScanServer } from "../scan-server.ts";
import { lengthCommandOf } from "../value-types.ts";
import { askUntouched } from "./key-details.ts";

export interface SizedKey {
  readonly key: Buffer;
  readonly type: string;
  readonly length: number;
}

export interface Lengths {
  readonly sized: readonly SizedKey[];
  /** Why some are missing, one line each. */
  readonly problems: readonly string[];
}

/** Lengths of keys of the selected database; those of unknown types are left out. Throws: `TargetError`. */
export async function lengthsOf(server: ScanServer, keys: readonly MeasuredKey[]): Promise<Lengths> {
  const asked = keys.flatMap(({ key, type }) => {
    const lengthCommand = lengthCommandOf(type);
    return lengthCommand === null ? [] : [{ key, type, lengthCommand }];
  });
  if (asked.length === 0) return { sized: [], problems: [] };
  const answers = await askUntouched(
    server,
    asked.map(({ key, lengthCommand }) => [lengthCommand, key]),
  );
  const problems = new Set<string>();
  const sized = asked.flatMap(({ key, type, lengthCommand }, index) => {
    const answer = answers[index];
    if (answer === undefined) return [];
    if ("value" in answer)
      return typeof answer.value === "number" ? [{ key, type, length: answer.value }] : [];
    // Meanwhile it may have become a key of another type.
    if (!hasMoved(answer) && !answer.error.startsWith("WRONGTYPE"))
      problems.add(server.refused(lengthCommand.toLowerCase(), answer.error).message);
    return [];
  });
  return { sized, problems: [...problems] };
}
