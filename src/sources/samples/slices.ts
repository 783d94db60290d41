import type { Sample, SampleBatch } from "./sample.ts";

/** A batch counts as a whole where so much of it lies in one pane: the rest is the jitter of its reporter. */
const WHOLE_SHARE_MIN = 0.9;

/** What of a batch's time is counted in one pane. */
export interface Slice {
  readonly paneStartMs: number;
  /** When it begins: a little before its pane, perhaps. */
  readonly fromMs: number;
  readonly lengthMs: number;
  /** Which share of the batch's time lies before it, and before its end: 0 and 1 for all of it. */
  readonly fromShare: number;
  readonly toShare: number;
}

/**
 * The panes that a batch is counted in, first to last.
 *
 * Whole, by its middle, where it lies in one pane but for a little: reporters flush on whole seconds, and by its exact
 * ends two batches would share a pane now and then. Else it is spread over the panes that it covers.
 */
export function slicesOf(
  { startMs, endMs }: NonNullable<SampleBatch["span"]>,
  paneMs: number,
): readonly Slice[] {
  const spanMs = endMs - startMs;
  const middleMs = (startMs + endMs) / 2;
  const middlePaneMs = paneStartOf(middleMs, paneMs);
  const insideMs = Math.min(endMs, middlePaneMs + paneMs) - Math.max(startMs, middlePaneMs);
  if (insideMs >= WHOLE_SHARE_MIN * spanMs) return [wholeSlice(middleMs, spanMs, paneMs)];
  const slices: Slice[] = [];
  for (let fromMs = startMs; fromMs < endMs; ) {
    const paneStartMs = paneStartOf(fromMs, paneMs);
    const toMs = Math.min(paneStartMs + paneMs, endMs);
    const [fromShare, toShare] = [(fromMs - startMs) / spanMs, (toMs - startMs) / spanMs];
    slices.push({ paneStartMs, fromMs, lengthMs: toMs - fromMs, fromShare, toShare });
    fromMs = toMs;
  }
  return slices;
}

/** All of a batch of `spanMs` (0: not known, as long as a pane), in the pane that holds `atMs`. */
export function wholeSlice(atMs: number, spanMs: number, paneMs: number): Slice {
  const lengthMs = spanMs > 0 ? spanMs : paneMs;
  const fromMs = atMs - lengthMs / 2;
  return { paneStartMs: paneStartOf(atMs, paneMs), fromMs, lengthMs, fromShare: 0, toShare: 1 };
}

/**
 * What of a sample's counts falls into a slice, in whole numbers: over all slices, with one `offset` in [0, 1), they add
 * up to the sample. Unbiased where the offset is random.
 */
export function partInSlice(sample: Sample, { fromShare, toShare }: Slice, offset: number): Sample {
  if (toShare - fromShare === 1) return sample;
  const before = countsUpTo(sample, fromShare, offset);
  const upTo = countsUpTo(sample, toShare, offset);
  return {
    ...sample,
    reads: upTo.reads - before.reads,
    misses: upTo.misses - before.misses,
    writes: upTo.writes - before.writes,
    absorbed: upTo.absorbed - before.absorbed,
    bytes: upTo.ofThem(sample.bytes) - before.ofThem(sample.bytes),
    commands: sample.commands && differences(sample.commands, before.ofThem, upTo.ofThem),
  };
}

function countsUpTo({ reads, misses, writes, absorbed }: Sample, share: number, offset: number) {
  const upTo = (count: number) => (share === 1 ? count : Math.floor(count * share + offset));
  // Hits and misses apart: a slice must not have more misses than reads.
  const counts = {
    reads: upTo(reads - misses) + upTo(misses),
    misses: upTo(misses),
    writes: upTo(writes),
    absorbed: upTo(absorbed),
  };
  // What goes with accesses goes where they go.
  const accesses = reads + writes + absorbed;
  const accessesUpTo = counts.reads + counts.writes + counts.absorbed;
  const ofThem = (amount: number) =>
    accessesUpTo === accesses ? amount : Math.floor((amount * accessesUpTo) / accesses);
  return { ...counts, ofThem };
}

function differences(
  counts: Readonly<Record<string, number>>,
  before: (count: number) => number,
  upTo: (count: number) => number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, upTo(count) - before(count)]),
  );
}

function paneStartOf(atMs: number, paneMs: number): number {
  return Math.floor(atMs / paneMs) * paneMs;
}
