import { sparkline } from "../../notify/sparkline.ts";
import type { Scene } from "./scene.ts";

/** Accesses of a second; `null`: not known, since the key was not among the shown ones or nobody answered. */
export type Point = number | null;

/** What each key did in the last minute, one point a second; all end with the same second. Bounded in both ways. */
export interface Trails {
  /** The second of the last points, in s since 1970; `null` before the first. */
  readonly lastSecond: number | null;
  /** Oldest first, by the ids of keys. */
  readonly points: ReadonlyMap<string, readonly Point[]>;
}

export const NO_TRAILS: Trails = { lastSecond: null, points: new Map() };

const POINTS_MAX = 60;
const KEYS_MAX = 2000;

/** The trails with what a scene says of its last second. Pure. */
export function trailsWith(trails: Trails, { asOfMs, keys }: Scene): Trails {
  if (asOfMs === 0) return trails;
  const second = Math.round(asOfMs / 1000);
  const steps = second - (trails.lastSecond ?? second - 1);
  // Time went back: it is another Keyheat, or its clock was set.
  const before = steps < 0 ? NO_TRAILS.points : trails.points;
  const points = new Map<string, readonly Point[]>();
  for (const { id, currentPerSecond } of keys) {
    points.set(id, extended(before.get(id) ?? [], Math.max(0, steps), currentPerSecond));
  }
  for (const [id, old] of before) {
    if (points.size >= KEYS_MAX) break;
    if (points.has(id)) continue;
    const aged = steps === 0 ? old : extended(old, steps, null);
    if (aged.some((point) => point !== null)) points.set(id, aged);
  }
  return { lastSecond: second, points };
}

/** With `point` as the last one, `steps` seconds after the one that was; 0 replaces that. */
function extended(points: readonly Point[], steps: number, point: Point): readonly Point[] {
  if (points.length === 0) return [point];
  if (steps === 0) return [...points.slice(0, -1), point];
  const missed = new Array<Point>(Math.min(steps - 1, POINTS_MAX)).fill(null);
  return [...points, ...missed, point].slice(-POINTS_MAX);
}

/** The points of a key, oldest first. */
export function trailOf({ points }: Trails, id: string): readonly Point[] {
  return points.get(id) ?? [];
}

/** The last points as a line of exactly `columns` columns, the highest as a full block; blank where nothing is known. */
export function trailText(points: readonly Point[], columns: number): string {
  const shown = points.slice(-columns);
  const bars = sparkline(shown.map((point) => point ?? 0));
  const text = Array.from(bars, (bar, index) => (shown[index] === null ? " " : bar)).join("");
  return text.padStart(columns);
}

const EIGHTHS = " ▁▂▃▄▅▆▇█";

/** The last points as a chart of so many rows, the top row first; empty where there is nothing above 0. */
export function chartRows(points: readonly Point[], columns: number, rows: number): string[] {
  const shown = points.slice(-columns);
  const highest = Math.max(0, ...shown.map((point) => point ?? 0));
  if (highest === 0) return [];
  const heights = shown.map((point) => Math.ceil(((point ?? 0) / highest) * rows * 8));
  return Array.from({ length: rows }, (_, row) => {
    const below = (rows - 1 - row) * 8;
    const text = heights.map((height) => EIGHTHS.charAt(Math.max(0, Math.min(8, height - below))));
    return text.join("");
  });
}
