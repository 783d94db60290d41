import { countedColumns, NOTE_COUNT, WRITE_COLUMN } from "../src/panes/columns.ts";
import { KeyHasher, viewOf } from "../src/panes/key-words.ts";
import { Sketch } from "../src/panes/sketch.ts";
import { EventTable } from "../src/sources/keyspace/event-table.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { median, spread } from "./support/statistics.ts";
import { SKETCH_KEYS } from "./support/tap-pipeline.ts";
import { type PackedNames, packedKeys, ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const RUNS = 5;
const GOAL_RATIO = 4.5;
const SET_COMMAND = 1;
const SKETCH_BYTES_MAX = 2 * 1024 * 1024;
const COLUMNS = countedColumns(new EventTable({ flavor: "redis", version: [7, 0] }).maybes.length);

await runBench("sketch", async (bench) => {
  for (const exponent of [1, 1.2]) measure(bench, exponent);
});

function measure(bench: Bench, exponent: number): void {
  const events = bench.isQuick ? 500_000 : 5_000_000;
  const runs = bench.isQuick ? 3 : RUNS;
  const names = packedKeys(new ZipfKeys(KEYS, exponent), events);
  // One for all runs, as in the agent: were it garbage between two runs, V8 would throw its code away with it.
  const sketch = new Sketch({
    capacity: SKETCH_KEYS,
    bytesMax: SKETCH_BYTES_MAX,
    columns: COLUMNS,
    notes: NOTE_COUNT,
    hasher: new KeyHasher(),
  });
  countInSketch(sketch, names);
  const distinct = countInMap(names);
  const sketched: number[] = [];
  const mapped: number[] = [];
  const rounds: number[] = [];
  for (let run = 0; run < runs; run++) {
    const sketchMs = timed(() => countInSketch(sketch, names));
    const mapMs = timed(() => countInMap(names));
    sketched.push(events / sketchMs / 1000);
    mapped.push(events / mapMs / 1000);
    rounds.push(mapMs / sketchMs);
  }
  bench.table({
    title: `Updates of the summary, million a second, Zipf(${exponent})`,
    load: `${events} events over ${KEYS} keys like user:123456:profile (${distinct} distinct), from bytes, one thread; median of ${runs} runs in turn, range in brackets`,
    columns: ["", "M/s", "ratio to the Map of the same round"],
    rows: [
      [`Sketch, ${SKETCH_KEYS} keys, from bytes`, shown(sketched, 2), shown(rounds, 2)],
      ["Map<string, number>, a string an event", shown(mapped, 2), cell(1, 2)],
    ],
  });
  bench.goal({
    what: `at least ${GOAL_RATIO} times the Map, Zipf(${exponent})`,
    holds: median(rounds) >= GOAL_RATIO,
    measured: `${median(rounds).toFixed(2)} times`,
  });
}

/** As the tap does it: hash, look up, enter, count with the command. */
function countInSketch(sketch: Sketch, { bytes, offsets }: PackedNames): void {
  const keys = viewOf(bytes);
  sketch.reset();
  for (let i = 0; i < offsets.length - 1; i++) {
    const start = offsets[i]!;
    const end = offsets[i + 1]!;
    let entry = sketch.find(0, keys, start, end);
    if (entry < 0) entry = sketch.enter(0, keys, start, end);
    sketch.count(entry, WRITE_COLUMN, 1, SET_COMMAND);
  }
}

/** What a listener to a client's string events does. */
function countInMap({ bytes, offsets }: PackedNames): number {
  const counts = new Map<string, number>();
  for (let i = 0; i < offsets.length - 1; i++) {
    const key = bytes.toString("latin1", offsets[i], offsets[i + 1]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts.size;
}

function timed(work: () => void): number {
  globalThis.gc?.();
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function shown(values: readonly number[], digits: number) {
  return { shown: spread(values, digits), value: median(values) };
}
