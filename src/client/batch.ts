import type { CountedRows } from "./recent-heat.ts";
import { sampleJson } from "./sample-json.ts";

/** Below the 1 MiB and 10,000 samples that the agent takes. */
const SAMPLES_BYTES_MAX = 1000 * 1024;
const SAMPLES_MAX = 10_000;

/** What one post tells. Times are ms since 1970, by the agent's clock. */
export interface BatchHead {
  readonly service: string;
  readonly instance: string;
  readonly seq: number;
  readonly startMs: number;
  readonly endMs: number;
  /** Nothing more comes from this instance. */
  readonly goodbye: boolean;
}

/** A body that stays the same however often it is sent. */
export interface Batch {
  readonly body: Buffer;
  /** Accesses in it, as counted. */
  readonly accesses: number;
}

export interface BuiltBatch extends Batch {
  /** Accesses for which there was no room: of the keys that were counted least. */
  readonly left: number;
}

interface Piece {
  readonly json: string;
  readonly accesses: number;
  readonly scaled: number;
}

export function buildBatch(head: BatchHead, counted: Iterable<CountedRows>): BuiltBatch {
  const pieces: Piece[] = [];
  for (const { probability, rows } of counted) {
    for (const row of rows) {
      const { weight } = row;
      pieces.push({ json: sampleJson(row, probability), accesses: weight, scaled: weight / probability });
    }
  }
  const kept = fitting(pieces);
  const { goodbye, ...fields } = head;
  const headJson = JSON.stringify(goodbye ? { ...fields, goodbye } : fields);
  const body = `${headJson.slice(0, -1)},"samples":[${kept.map(({ json }) => json).join(",")}]}`;
  const accesses = accessesOf(kept);
  return { body: Buffer.from(body), accesses, left: accessesOf(pieces) - accesses };
}

/** All, or the largest that fit. */
function fitting(pieces: readonly Piece[]): readonly Piece[] {
  // A character takes at most three bytes of UTF-8, so there is seldom a need to count them.
  const characters = pieces.reduce((sum, { json }) => sum + json.length + 1, 0);
  if (pieces.length <= SAMPLES_MAX && 3 * characters <= SAMPLES_BYTES_MAX) return pieces;
  const largest = pieces.toSorted((one, other) => other.scaled - one.scaled).slice(0, SAMPLES_MAX);
  let bytes = 0;
  return largest.filter(({ json }) => {
    const more = Buffer.byteLength(json) + 1;
    if (bytes + more > SAMPLES_BYTES_MAX) return false;
    bytes += more;
    return true;
  });
}

function accessesOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { accesses }) => sum + accesses, 0);
}
