import type { FrameTexts, View } from "../../../../src/cli/view/frame.ts";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import type { IncidentRow, KeyRow, Scene } from "../../../../src/cli/view/scene.ts";
import { NO_TRAILS, type Trails, trailsWith } from "../../../../src/cli/view/trails.ts";
import { firstState, type Moment, type ViewState } from "../../../../src/cli/view/view-state.ts";

export const NOW_MS = 1_012_500;

/** A key is its label, unless said otherwise. */
export function keyRow(fields: Partial<KeyRow> = {}): KeyRow {
  const label = fields.label ?? "user:1";
  return {
    id: `0 utf8 ${label}`,
    rank: 1,
    label,
    text: label,
    isCut: false,
    pattern: "user:{n}",
    db: 0,
    slot: null,
    target: "127.0.0.1:6379",
    ratePerSecond: 120,
    currentPerSecond: 130,
    count: { estimate: 1200, lower: 1198, upper: 1203 },
    marginPerSecond: 0.3,
    share: 0.04,
    mix: { read: 0, write: 120, miss: 0 },
    vantages: { write: "server-events" },
    commands: [{ name: "set", count: 1200 }],
    services: [],
    absorbedPerSecond: 0,
    bytesPerSecond: null,
    isSuspect: false,
    incidents: [],
    ...fields,
  };
}

export function incidentRow(fields: Partial<IncidentRow> = {}): IncidentRow {
  return {
    id: "i1",
    label: "product:4711:stock",
    rule: "hot-key",
    severity: "critical",
    status: "firing",
    startedAtMs: 1_000_000,
    resolvedAtMs: null,
    ratePerSecond: 8012,
    peakRatePerSecond: 8100,
    measure: { unit: "accesses/s", value: 8012, threshold: 1000, baseline: null },
    facts: null,
    advice: [],
    muted: null,
    ...fields,
  };
}

export const STOCK = keyRow({
  label: "product:4711:stock",
  pattern: "product:{n}:stock",
  ratePerSecond: 8012,
  currentPerSecond: 8100,
  count: { estimate: 80_120, lower: 80_120, upper: 80_120 },
  marginPerSecond: 0,
  share: 0.727,
  mix: { read: 0, write: 8012, miss: 0 },
  incidents: [incidentRow()],
});

export const USER = keyRow({ rank: 2 });

export function sceneWith(fields: Partial<Scene> = {}): Scene {
  return {
    atMs: NOW_MS,
    asOfMs: 1_012_000,
    windowMs: 10_000,
    complete: true,
    accessesPerSecond: 11_021,
    targets: [
      { target: "127.0.0.1:6379", role: "primary", state: "seen", coverage: { read: 0.5, write: 1 } },
    ],
    keys: [STOCK, USER],
    incidents: [incidentRow()],
    problems: [],
    ...fields,
  };
}

/** Trails in which each key of the scene has had these rates, one a second; the last one with the scene. */
export function trailsOf(scene: Scene, rates: readonly number[]): Trails {
  return rates.reduce((trails, rate, index) => {
    const asOfMs = scene.asOfMs - (rates.length - 1 - index) * 1000;
    const keys = scene.keys.map((key) => ({ ...key, currentPerSecond: rate }));
    return trailsWith(trails, { ...scene, asOfMs, keys });
  }, NO_TRAILS);
}

export function momentWith(fields: Partial<Moment> = {}): Moment {
  return { scene: sceneWith(), trails: NO_TRAILS, failure: null, ...fields };
}

export function stateWith(fields: Partial<ViewState> = {}): ViewState {
  return { ...firstState(ALL_KEYS), ...fields };
}

export const TEXTS: FrameTexts = {
  title: "keyheat demo",
  subtitle: "its own redis-server",
  footer: "API http://x",
};

export function viewWith(fields: Partial<View> = {}): View {
  return { state: stateWith(), moment: momentWith(), texts: TEXTS, hints: "keys", nowMs: NOW_MS, ...fields };
}
