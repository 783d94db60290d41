import { setTimeout as sleep } from "node:timers/promises";
import type { ApiBodies } from "../view/api-bodies.ts";
import { sceneOf } from "../view/api-scene.ts";
import type { ApiSource } from "../view/api-source.ts";
import type { SceneAsk } from "../view/scene.ts";
import { NO_TRAILS, type Trails, trailsWith } from "../view/trails.ts";

/** What was read, and the trails of what was read on the way there. */
export interface Reading {
  readonly bodies: ApiBodies;
  /** Empty where only one moment was read. */
  readonly trails: Trails;
}

const POLL_MS = 250;
/** By then every server has had its chance: one that is not seen now will not be. */
const UNSEEN_MS = 10_000;

/**
 * Reads until a whole window has been seen, no server is seen although there was time, or `signal` aborts; what was last
 * read counts then.
 */
export async function readFirstWindow(
  source: ApiSource,
  ask: SceneAsk,
  signal: AbortSignal,
): Promise<Reading> {
  let trails = NO_TRAILS;
  const unseenAtMs = performance.now() + UNSEEN_MS;
  for (;;) {
    const bodies = await source.readBodies(ask);
    trails = trailsWith(trails, sceneOf(bodies, Date.now()));
    const isHopeless = unseenReason(bodies) !== null && performance.now() > unseenAtMs;
    if (bodies.hotKeys.complete || isHopeless || signal.aborted) return { bodies, trails };
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

/** Why nothing was seen at all; `null`: a server was seen. */
export function unseenReason({ coverage, readiness }: ApiBodies): string | null {
  if (coverage.targets.some(({ state }) => state === "seen")) return null;
  return readiness.reasons[0] ?? readiness.degraded[0] ?? "no server was seen";
}
