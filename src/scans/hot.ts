import { keep, type ShownKey, showKey } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";
import { TargetError } from "../redis/problem.ts";
import { askInGroups } from "./command-groups.ts";
import type { KeyPage } from "./key-walk.ts";
import { hasMoved } from "./measure-keys.ts";
import type { ScanContext, ScanOutcome } from "./scan-context.ts";
import type { ScanServer } from "./scan-server.ts";
import { type SweepOptions, type SweptServer, sweep } from "./sweep.ts";
import { TopList } from "./top-list.ts";

export interface HotScanOptions extends SweepOptions {
  /** How many keys are listed. */
  readonly limit: number;
}

/** A key with its frequency as the server's LFU policy keeps it: logarithmic, 0 to 255, fading with time. */
export interface FrequentKey extends ShownKey {
  readonly db: number;
  readonly target: string;
  readonly pattern: string;
  readonly frequency: number;
}

export interface HotScan {
  readonly servers: readonly SweptServer[];
  /** Highest frequency first. */
  readonly keys: readonly (FrequentKey & { readonly rank: number })[];
}

const RIGHT = "object|freq";

/**
 * The most frequently used keys by LFU, as `redis-cli --hotkeys` finds them.
 *
 * A server without an LFU policy counts as failed, with what to do. Source: Redis command reference, OBJECT FREQ.
 */
export async function scanHot(
  context: ScanContext,
  { limit, ...options }: HotScanOptions,
): Promise<ScanOutcome<HotScan>> {
  const hottest = new TopList<FrequentKey>(limit, ({ frequency }) => frequency);
  const { servers, missing, limits } = await sweep(context, options, (server, page) =>
    addFrequencies(hottest, server, page),
  );
  const keys = hottest.items().map((key, index) => ({ rank: index + 1, ...key }));
  return { body: { servers, keys }, missing, limits };
}

async function addFrequencies(
  hottest: TopList<FrequentKey>,
  server: ScanServer,
  { db, keys }: KeyPage,
): Promise<void> {
  const answers = await askInGroups(
    server,
    keys.map((key) => ["OBJECT", "FREQ", key]),
  );
  for (const [index, answer] of answers.entries()) {
    if (hasMoved(answer)) continue;
    if ("error" in answer) throw refusal(server, answer.error);
    const key = keys[index];
    // `null`: the key has gone.
    if (key === undefined || typeof answer.value !== "number" || answer.value <= hottest.threshold) continue;
    const kept = keep(key);
    const pattern = patternOf(kept);
    hottest.offer({ ...showKey(kept), db, target: server.address, pattern, frequency: answer.value });
  }
}

function refusal(server: ScanServer, reply: string): TargetError {
  if (!/LFU/.test(reply)) return server.refused(RIGHT, reply);
  return new TargetError({
    code: "REFUSED",
    message:
      "its maxmemory-policy is not LFU, so it keeps no frequencies; either run: CONFIG SET maxmemory-policy allkeys-lfu (keys may then be evicted when maxmemory is reached), or use: keyheat scan monitor, or keyheat scan events",
    retryable: false,
  });
}
