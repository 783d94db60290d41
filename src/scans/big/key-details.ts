import { isAtLeast } from "../../redis/info.ts";
import type { Answer, CommandLine } from "../../redis/session.ts";
import type { ScanServer } from "../scan-server.ts";
import { lengthCommandOf } from "../value-types.ts";
import { type FoundKey, type KeyDetails, wholeName } from "./big-key.ts";

export const NO_DETAILS: KeyDetails = { length: null, encoding: null, ttlSeconds: null };

/** Each makes three commands. */
const KEYS_AT_ONCE = 16;

/**
 * Length, encoding and expiry of keys, by key; what the server refuses is `null`.
 *
 * Throws: `TargetError` where a server is lost.
 */
export async function detailsOf(found: readonly FoundKey[]): Promise<ReadonlyMap<FoundKey, KeyDetails>> {
  const details = new Map<FoundKey, KeyDetails>();
  for (const group of groupsOf(found)) {
    const [first] = group;
    if (first === undefined) continue;
    await first.server.select(first.db);
    const answers = await askUntouched(first.server, group.flatMap(linesOf));
    group.forEach((one, index) => {
      const [length, ttl, encoding] = answers.slice(index * 3, index * 3 + 3).map(valueIn);
      details.set(one, {
        length: typeof length === "number" ? length : null,
        encoding: Buffer.isBuffer(encoding) ? encoding.toString("latin1") : null,
        ttlSeconds: typeof ttl === "number" && ttl >= 0 ? ttl : null,
      });
    });
  }
  return details;
}

/**
 * Answers to commands that touch keys; on servers that can (Redis 7.2, Valkey) without a change of the keys' recency and
 * frequency. Throws: `TargetError`.
 */
export async function askUntouched(
  server: ScanServer,
  lines: readonly CommandLine[],
): Promise<readonly Answer[]> {
  if (!isAtLeast(server.poll.version, 7, 2)) return await server.ask(lines);
  const [, ...answers] = await server.ask([
    ["CLIENT", "NO-TOUCH", "ON"],
    ...lines,
    ["CLIENT", "NO-TOUCH", "OFF"],
  ]);
  return answers.slice(0, lines.length);
}

/** Those of one server and database, few at a time. */
function groupsOf(found: readonly FoundKey[]): FoundKey[][] {
  const byPlace = Map.groupBy(
    found.filter((one) => wholeName(one) !== null),
    ({ server, db }) => `${db} ${server.address}`,
  );
  return Array.from(byPlace.values()).flatMap((all) =>
    Array.from({ length: Math.ceil(all.length / KEYS_AT_ONCE) }, (_, index) =>
      all.slice(index * KEYS_AT_ONCE, (index + 1) * KEYS_AT_ONCE),
    ),
  );
}

function linesOf(found: FoundKey): CommandLine[] {
  const key = wholeName(found) ?? "";
  return [
    [lengthCommandOf(found.type) ?? "TYPE", key],
    ["TTL", key],
    ["OBJECT", "ENCODING", key],
  ];
}

function valueIn(answer: Answer): unknown {
  return "value" in answer ? answer.value : null;
}
