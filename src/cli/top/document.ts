import type { ApiBodies } from "../view/api-bodies.ts";
import { sceneOf } from "../view/api-scene.ts";
import { printable } from "../view/display-text.ts";
import { type Selection, selectKeys } from "../view/key-order.ts";

/**
 * What `--json` prints: the body of `/api/v1/hotkeys` with the selected `keys`; the `incidents` of `/api/v1/incidents`; as
 * `coverage` the targets of `/api/v1/coverage`; and as `problems` what `/readyz` says is missing.
 */
export function topDocument(bodies: ApiBodies, selection: Selection): object {
  const { hotKeys, incidents, coverage, readiness } = bodies;
  const byRank = new Map(hotKeys.keys.map((key) => [key.rank, key]));
  const selected = selectKeys(sceneOf(bodies, 0).keys, selection);
  return {
    ...hotKeys,
    keys: selected.map(({ rank }) => byRank.get(rank)),
    incidents: incidents.incidents,
    coverage: coverage.targets,
    problems: [...readiness.reasons, ...readiness.degraded].map(printable),
  };
}

/** What JSON leaves as it is, and a terminal or an editor need not: controls, and what turns or hides text. */
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A value as JSON that is safe to look at in a terminal, in one line or indented. */
export function inertJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => escapedUnit(character.charCodeAt(index))).join(""),
  );
}

function escapedUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
