import { recordFrames } from "./support/recorded-frames.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { median } from "./support/statistics.ts";
import { type TapPipeline, tapPipeline, VERDICT } from "./support/tap-pipeline.ts";
import { ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const EXPONENT = 1.1;
const RUNS = 5;
/** A full read of a busy socket, and what a server sends for one pipeline of 16 commands. */
/** What there is (a view a chunk, the purges) is not by event. */
const GOAL_BYTES_PER_EVENT = 0.5;
const CHUNK_BYTES = [64 * 1024, 1500];

await runBench("tap", async (bench) => {
  const events = bench.isQuick ? 200_000 : 2_000_000;
  bench.progress(`recording ${events} events`);
  const frames = await recordFrames(new ZipfKeys(KEYS, EXPONENT), events);
  measure(bench, frames, events);
  measureAllocation(bench, frames, events);
});

/** What a long run makes the collector do: nothing, were it not for the panes that are closed. */
function measureAllocation(bench: Bench, frames: Buffer, events: number): void {
  const pipeline = tapPipeline();
  const chunks = chunksOf(frames, CHUNK_BYTES[0]!);
  // Often enough for the compilers to be done.
  for (let i = 0; i < 3; i++) readByTap(pipeline, chunks);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (const chunk of chunks) pipeline.reader.push(chunk);
  const grown = process.memoryUsage().heapUsed - before;
  const perEvent = grown / events;
  bench.table({
    title: "Allocation in the steady state",
    load: `${events} events through reader, tap and sketch within one pane, after three passes; growth of the JavaScript heap, in which nothing is collected before the young generation of some MiB is full`,
    columns: ["", "heap grows KiB", "bytes an event"],
    rows: [["one pass", cell(grown / 1024, 1), cell(perEvent, 4)]],
  });
  bench.goal({
    what: "no allocation for an event",
    holds: perEvent < GOAL_BYTES_PER_EVENT,
    measured: `${perEvent.toFixed(4)} bytes an event`,
  });
}

function measure(bench: Bench, frames: Buffer, events: number): void {
  const runs = bench.isQuick ? 3 : RUNS;
  const rows = CHUNK_BYTES.map((chunkBytes) => {
    const chunks = chunksOf(frames, chunkBytes);
    const tapped: number[] = [];
    const raw: number[] = [];
    // One for all runs, as in the agent: were it garbage between two runs, V8 would throw its code away with it.
    const pipeline = tapPipeline();
    readByTap(pipeline, chunks);
    readRaw(chunks);
    for (let run = 0; run < runs; run++) {
      tapped.push(perMicrosecond(events, () => readByTap(pipeline, chunks)));
      raw.push(perMicrosecond(events, () => readRaw(chunks)));
    }
    const expected = (runs + 1) * events;
    const { kept } = pipeline.tap.books();
    if (kept !== expected) throw new Error(`the tap counted ${kept} of ${expected} events`);
    const ratio = median(tapped) / median(raw);
    return [`chunks of ${chunkBytes} bytes`, spreadCell(tapped, 2), spreadCell(raw, 2), cell(ratio, 2)];
  });
  bench.table({
    title: "Replay through reader, tap and sketch, million events a second",
    load: `${events} set events recorded from a real server, ${(frames.length / events).toFixed(1)} bytes each, Zipf(${EXPONENT}) over ${KEYS} keys, one thread, no socket; the raw pass adds up the same bytes; median of ${runs} runs in turn`,
    columns: ["", "tap M/s", "raw pass M/s", "ratio"],
    rows,
  });
}

/** All events fall into one pane, which is closed at the end. */
function readByTap({ reader, tap }: TapPipeline, chunks: readonly Buffer[]): void {
  for (const chunk of chunks) reader.push(chunk);
  tap.rotate({ startMs: 0, epoch: 1, nowMs: 0 }).publish(VERDICT);
}

function readRaw(chunks: readonly Buffer[]): number {
  let sum = 0;
  for (const chunk of chunks) for (let i = 0; i < chunk.length; i++) sum = (sum + chunk[i]!) | 0;
  return sum;
}

function chunksOf(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}

function perMicrosecond(events: number, work: () => unknown): number {
  globalThis.gc?.();
  const startMs = performance.now();
  work();
  return events / ((performance.now() - startMs) * 1000);
}
