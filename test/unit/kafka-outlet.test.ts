import assert from "node:assert/strict";
import { test } from "node:test";
import { KafkaOutlet } from "../../src/kafka-outlet.ts";
import type { HeatSnapshot } from "../../src/model/heat-snapshot.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { decodeHeat } from "../../src/wire/heat-codec.ts";
import { heatOf } from "./incidents/samples.ts";

function written(snapshot: HeatSnapshot) {
  const values: Uint8Array[] = [];
  const writer = { put: ({ value }: { value: Uint8Array | null }) => void (value && values.push(value)) };
  new KafkaOutlet(writer, topicNames("test"), 12).heat(snapshot);
  const decoded = decodeHeat(values[0]!);
  assert.ok("value" in decoded);
  return { bytes: values[0]!.length, clusters: decoded.value.clusters };
}

function snapshotOf(clusters: number, keys: number): HeatSnapshot {
  return {
    partition: 3,
    instance: "one",
    atMs: 1,
    clusters: Array.from({ length: clusters }, (_, cluster) => ({
      cluster: `cluster-${cluster}`,
      windows: [
        {
          windowMs: 10_000,
          asOfMs: 1,
          complete: true,
          heats: Array.from({ length: keys }, (_, i) =>
            heatOf({ key: `${i}:${"k".repeat(1000)}`, writes: 1000 - i }),
          ),
        },
      ],
      coverage: null,
      baselines: [],
      demands: [],
    })),
  };
}

test("a snapshot that passes what a record may have is told with its hottest keys alone", () => {
  const { bytes, clusters } = written(snapshotOf(20, 100));
  assert.ok(bytes <= 900 * 1024, `${bytes} bytes`);
  for (const { windows } of clusters) {
    const counts = windows[0]!.heats.map(({ counts }) => counts.total.estimate);
    assert.ok(counts.length >= 25, `${counts.length} keys`);
    assert.deepEqual(
      counts,
      Array.from(counts, (_, i) => 1000 - i),
    );
  }
});

test("one that fits is told whole", () => {
  assert.deepEqual(
    written(snapshotOf(3, 50)).clusters.map(({ windows }) => windows[0]!.heats.length),
    [50, 50, 50],
  );
});
