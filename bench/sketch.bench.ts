import { countedColumns, NOTE_COUNT, WRITE_COLUMN } from "../src/panes/columns.ts";
import { KeyHasher, viewOf } from "../src/panes/key-words.ts";
import { Sketch } from "../src/panes/sketch.ts";
import { EventTable } from "../src/sources/keyspace/event-table.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { accuracyOfSketch } from "./support/sketch-accuracy.ts";
import { median } from "./support/statistics.ts";
import { SKETCH_KEYS } from "./support/tap-pipeline.ts";
import { type PackedNames, packedKeys, ZipfKeys } from "./support/zipf-keys.ts";

const LAWS = [
  { keys: 1_000_000, exponent: 1 },
  { keys: 1_000_000, exponent: 1.2 },
  { keys: 10_000_000, exponent: 1 },
  { keys: 10_000_000, exponent: 1.2 },
];
const RUNS = 5;
const GOAL_RATIO = 4.5;
const GOAL_GROWTH_MIB = 4;
const SET_COMMAND = 1;
const SKETCH_BYTES_MAX = 2 * 1024 * 1024;
const COLUMNS = countedColumns(new EventTable({ flavor: "redis", version: [7, 0] }).maybes.length);
const MIB = 2 ** 20;

type Law = (typeof LAWS)[number];

interface Figures {
  readonly law: Law;
  readonly distinct: number;
  readonly sketched: number[];
  readonly mapped: number[];
  readonly ratios: number[];
  /** Growth of the process while counting, in MiB: with the sketch, with the Map. */
  readonly grown: { readonly sketch: number; readonly map: number };
}

await runBench("sketch", async (bench) => {
  const events = bench.isQuick ? 500_000 : 5_000_000;
  // One for all runs, as in the agent: were it garbage between two runs, V8 would throw its code away with it.
  const sketch = newSketch();
  const figures = LAWS.map((law) => {
    bench.progress(`Zipf(${law.exponent}) over ${law.keys} keys`);
    const names = packedKeys(new ZipfKeys(law.keys, law.exponent), events);
    const measured = measure(bench, sketch, law, names);
    countInSketch(sketch, names);
    bench.table(accuracyOfSketch(sketch, names, `Zipf(${law.exponent}) over ${law.keys} keys`));
    return measured;
  });
  report(bench, figures, events);
});

function newSketch(): Sketch {
  return new Sketch({
    capacity: SKETCH_KEYS,
    bytesMax: SKETCH_BYTES_MAX,
    columns: COLUMNS,
    notes: NOTE_COUNT,
    hasher: new KeyHasher(),
  });
}

function measure(bench: Bench, sketch: Sketch, law: Law, names: PackedNames): Figures {
  const events = names.offsets.length - 1;
  const runs = bench.isQuick ? 2 : RUNS;
  countInSketch(sketch, names);
  const sketchGrowth = grownMib(() => countInSketch(sketch, names));
  let distinct = 0;
  const mapGrowth = grownMib(() => {
    distinct = countInMap(names);
  });
  const figures: Figures = {
    law,
    distinct,
    sketched: [],
    mapped: [],
    ratios: [],
    grown: { sketch: sketchGrowth, map: mapGrowth },
  };
  for (let run = 0; run < runs; run++) {
    const sketchMs = timed(() => countInSketch(sketch, names));
    const mapMs = timed(() => countInMap(names));
    figures.sketched.push(events / sketchMs / 1000);
    figures.mapped.push(events / mapMs / 1000);
    figures.ratios.push(mapMs / sketchMs);
  }
  return figures;
}

function report(bench: Bench, figures: readonly Figures[], events: number): void {
  const runs = figures[0]?.ratios.length ?? 0;
  bench.table({
    title: "Updates of the summary, from bytes, million a second",
    load: `${events} events, keys like user:123456:profile, one thread; a sketch of ${SKETCH_KEYS} keys with ${COLUMNS} counters each and the commands; the floor is a Map<string, number> with a string made for each event; median of ${runs} runs in turn, range in brackets; growth: RSS while counting once more`,
    columns: ["", "distinct", "sketch M/s", "Map M/s", "ratio", "sketch grows MiB", "Map grows MiB"],
    rows: figures.map(({ law, distinct, sketched, mapped, ratios, grown }) => [
      nameOf(law),
      cell(distinct),
      spreadCell(sketched, 2),
      spreadCell(mapped, 2),
      spreadCell(ratios, 2),
      cell(grown.sketch, 1),
      cell(grown.map, 1),
    ]),
  });
  for (const { law, ratios } of figures) {
    bench.goal({
      what: `at least ${GOAL_RATIO} times the Map, ${nameOf(law)}`,
      holds: median(ratios) >= GOAL_RATIO,
      measured: `${median(ratios).toFixed(2)} times`,
    });
  }
  const largest = Math.max(...figures.map(({ grown }) => grown.sketch));
  bench.goal({
    what: `memory does not grow with the number of keys: at most ${GOAL_GROWTH_MIB} MiB, 1 M or 10 M`,
    holds: largest <= GOAL_GROWTH_MIB,
    measured: `${largest.toFixed(1)} MiB`,
  });
}

function nameOf({ keys, exponent }: Law): string {
  return `Zipf(${exponent}), ${keys / 1e6} M keys`;
}

/** As the tap does it: look up, enter, count with the command. */
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

function grownMib(work: () => void): number {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  work();
  // It shrinks where the collector gives back what others left.
  return Math.max(0, process.memoryUsage.rss() - before) / MIB;
}
