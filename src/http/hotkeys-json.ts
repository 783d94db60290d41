import { HEAT_KINDS } from "../model/access.ts";
import { countJson } from "../model/count-json.ts";
import { type Heat, ratePerSecond, roundedRate } from "../model/heat.ts";
import { showKey } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";
import type { HotKeys } from "./views.ts";

/** The body of `hotkeys`. `nowMs` stands in for the time of the window while none has closed. */
export function hotKeysJson(cluster: string, windowMs: number, hotKeys: HotKeys, nowMs: number): object {
  return {
    cluster,
    windowSeconds: windowMs / 1000,
    asOf: new Date(hotKeys.asOfMs > 0 ? hotKeys.asOfMs : nowMs).toISOString(),
    complete: hotKeys.complete,
    keys: hotKeys.heats.map((heat, index) => heatJson(heat, index + 1)),
  };
}

function heatJson(heat: Heat, rank: number): object {
  const { key, counts } = heat;
  return {
    rank,
    ...showKey(key.bytes),
    db: key.db,
    slot: heat.slot,
    target: heat.target,
    pattern: patternOf(key.bytes),
    ratePerSecond: Object.fromEntries(
      HEAT_KINDS.map((kind) => [kind, roundedRate(ratePerSecond(counts[kind].estimate, heat.windowMs))]),
    ),
    currentRatePerSecond: roundedRate(heat.currentRatePerSecond),
    count: countJson(counts.total),
    shareOfTarget: heat.shareOfTarget,
    vantages: heat.vantages,
    commands: heat.commands,
    services: heat.services,
    absorbedPerSecond: roundedRate(ratePerSecond(heat.absorbed, heat.windowMs)),
    bytesPerSecond: heat.bytes === null ? null : Math.round(ratePerSecond(heat.bytes, heat.windowMs)),
    suspect: heat.suspect,
  };
}
