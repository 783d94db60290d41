import type { IncidentRow, KeyRow, Scene } from "../../../../src/cli/view/scene.ts";

export function keyRow(fields: Partial<KeyRow> = {}): KeyRow {
  return {
    label: "user:1",
    db: 0,
    ratePerSecond: 120,
    marginPerSecond: 0.3,
    share: 0.04,
    mix: { read: 0, write: 120, miss: 0 },
    incident: null,
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
    ...fields,
  };
}

export function sceneWith(fields: Partial<Scene> = {}): Scene {
  return {
    atMs: 1_012_500,
    windowMs: 10_000,
    complete: true,
    accessesPerSecond: 11_021,
    targets: [
      { target: "127.0.0.1:6379", role: "primary", state: "seen", coverage: { read: 0.5, write: 1 } },
    ],
    keys: [
      keyRow({
        label: "product:4711:stock",
        ratePerSecond: 8012,
        marginPerSecond: 0,
        share: 0.727,
        mix: { read: 0, write: 8012, miss: 0 },
        incident: "firing",
      }),
      keyRow(),
    ],
    incidents: [incidentRow()],
    problems: [],
    ...fields,
  };
}
