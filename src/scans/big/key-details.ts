import { isAtLeast } from "../../redis/info.ts";
import type { Answer, CommandLine } from "../../redis/session.ts";
import { reasonOf } from "../../runtime/reason.ts";
import type { ScanServer } from "../scan-server.ts";
import { lengthCommandOf } from "../value-types.ts";
import { type FoundKey, type KeyDetails, wholeName } from "./big-key.ts";

export const NO_DETAILS: KeyDetails = { length: null, encoding: null, ttlSeconds: null };

/** Each makes three commands. */
const KEYS_AT_ONCE = 16;

export interface Details {
  readonly byKey: ReadonlyMap<FoundKey, KeyDetails>;
  /** Servers that were lost meanwhile, one line each. */
  readonly problems: readonly string[];
}

/**
 * Length, encoding and expiry of keys, until `signal` aborts; what the server refuses is `null`. A server that is lost is
 * not asked again, and the others are asked all the same.
 */
export async function detailsOf(found: readonly FoundKey[], signal: AbortSignal): Promise<Details> {
  const byKey = new Map<FoundKey, KeyDetails>();
  const lost = new Map<ScanServer, string>();
  for (const group of groupsOf(found)) {
    const server = group[0]?.server;
    if (server === undefined || lost.has(server) || signal.aborted) continue;
    try {
      await addDetails(byKey, server, group);
    } catch (err) {
      lost.set(server, reasonOf(err));
    }
  }
  const problems = Array.from(
    lost,
    ([{ address }, reason]) => `${address}: lengths of its keys are not known: ${reason}`,
  );
  return { byKey, problems };
}

/** Keys of one server and database. Throws: `TargetError` where the server is lost. */
async function addDetails(
  byKey: Map<FoundKey, KeyDetails>,
  server: ScanServer,
  group: readonly FoundKey[],
): Promise<void> {
  await server.select(group[0]?.db ?? 0);
  const answers = await askUntouched(server, group.flatMap(linesOf));
  group.forEach((one, index) => {
    const [length, ttl, encoding] = answers.slice(index * 3, index * 3 + 3).map(valueIn);
    byKey.set(one, {
      length: typeof length === "number" ? length : null,
      encoding: Buffer.isBuffer(encoding) ? encoding.toString("latin1") : null,
      ttlSeconds: typeof ttl === "number" && ttl >= 0 ? ttl : null,
    });
  });
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
