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

/** Reads until a whole window has been seen, or `signal` aborts; what was last read counts then. */
export async function readFirstWindow(
  source: ApiSource,
  ask: SceneAsk,
  signal: AbortSignal,
): Promise<Reading> {
  let trails = NO_TRAILS;
  for (;;) {
    const bodies = await source.readBodies(ask);
    trails = trailsWith(trails, sceneOf(bodies, Date.now()));
    if (bodies.hotKeys.complete || signal.aborted) return { bodies, trails };
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
