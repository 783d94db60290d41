import assert from "node:assert/strict";
import { keep } from "../../../../src/model/key.ts";
import type { FrameReaderOptions } from "../../../../src/sources/keyspace/careful-frames.ts";
import { FrameReader } from "../../../../src/sources/keyspace/frames.ts";
import type { Happening } from "../../../support/reference-frames.ts";

/** Names that differ in a letter, in the middle, at the end, in length: heads that are alike. */
export const EVENT_NAMES = ["set", "sat", "get", "del", "dell", "expire", "expipe", "keymiss", "", "xadd"];
const UNKNOWN_CODE = 100;

/** One line for each thing that was read, in order. */
export interface RecordedReader {
  readonly reader: FrameReader;
  readonly lines: string[];
}

/** A reader of which all that it hands on is kept, and of which every key must stay what it is until the read ends. */
export function recordedReader(options: Pick<FrameReaderOptions, "keyPlace" | "counts">): RecordedReader {
  const lines: string[] = [];
  let handedOn: { bytes: Buffer; copy: Buffer }[] = [];
  let unknownName = "";
  const reader = new FrameReader(
    {
      event: (db, code, keys, start, end) => {
        const bytes = Buffer.from(keys.buffer, keys.byteOffset + start, end - start);
        handedOn.push({ bytes, copy: Buffer.from(bytes) });
        lines.push(eventLine(db, EVENT_NAMES[code] ?? unknownName, bytes));
      },
      unknownEvent: (name) => {
        unknownName = name;
      },
      foreign: () => lines.push("foreign"),
      endOfRead: () => {
        for (const { bytes, copy } of handedOn) {
          assert.ok(bytes.equals(copy), `a key was overwritten within the read: ${copy} became ${bytes}`);
        }
        handedOn = [];
      },
    },
    {
      reply: (items) => lines.push(`reply ${JSON.stringify(items)}`),
      error: (text) => lines.push(`error ${text}`),
    },
    {
      ...options,
      codeOf: (name) => (EVENT_NAMES.includes(name) ? EVENT_NAMES.indexOf(name) : UNKNOWN_CODE),
      unknownCode: UNKNOWN_CODE,
    },
  );
  return { reader, lines };
}

/** What a recorded reader should have written. */
export function linesOf(happenings: readonly Happening[]): string[] {
  return happenings.map((happening) => {
    if (happening.type === "event") return eventLine(happening.db, happening.name, keep(happening.key));
    if (happening.type === "reply") return `reply ${JSON.stringify(happening.items)}`;
    return happening.type === "error" ? `error ${happening.message}` : "foreign";
  });
}

function eventLine(db: number, name: string, kept: Uint8Array): string {
  return `event ${db} ${name} ${Buffer.from(kept).toString("base64")}`;
}

/** Hands a stream over in pieces of `sizes`, over and over: as bytes from elsewhere, or into the reader's own memory. */
export function feed(
  reader: FrameReader,
  stream: Uint8Array,
  sizes: readonly number[],
  way: "push" | "input",
): void {
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    const piece = stream.subarray(at, at + (way === "push" ? size : Math.min(size, reader.input.length)));
    at += piece.length;
    if (way === "push") reader.push(piece);
    else {
      reader.input.set(piece);
      reader.read(piece.length);
    }
  }
}
