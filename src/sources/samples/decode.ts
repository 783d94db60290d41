import { KEY_BYTES_KEPT, keep } from "../../model/key.ts";
import { BadField, type FieldProblem } from "./bad-field.ts";
import { parseBody } from "./body-text.ts";
import {
  BYTES_MAX,
  badProbability,
  COUNT_MAX,
  commandsOf,
  DB_MAX,
  flagOf,
  isObject,
  isProbability,
  isWhole,
  type JsonObject,
  textOf,
  wholeOf,
} from "./fields.ts";
import type { Sample, SampleBatch } from "./sample.ts";

const SAMPLES_MAX = 10_000;
const SERVICE_CHARACTERS_MAX = 128;
const INSTANCE_CHARACTERS_MAX = 256;
const TARGET_CHARACTERS_MAX = 300;
const SPAN_MS_MAX = 10_000;
const TIME_MS_MAX = 2 ** 43;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const COUNTS = ["reads", "writes", "misses", "absorbed"] as const;

export type Decoded = { readonly batch: SampleBatch } | { readonly problem: FieldProblem };

/**
 * Reads a batch of samples from a body (JSON, UTF-8), all of it or, from the first bad field on, nothing.
 *
 * Fields that are not known are ignored: clients may be newer. Never throws.
 */
export function decodeBatch(body: Uint8Array): Decoded {
  try {
    return { batch: batchOf(parseBody(body)) };
  } catch (error) {
    if (!(error instanceof BadField)) throw error;
    return { problem: { path: error.path, message: error.message } };
  }
}

function batchOf(raw: unknown): SampleBatch {
  if (!isObject(raw)) throw new BadField("", "expected an object");
  const { service, instance, seq, goodbye = false, probability = 1, samples } = raw;
  return {
    service: textOf(service, "service", SERVICE_CHARACTERS_MAX),
    instance: instance === undefined ? null : textOf(instance, "instance", INSTANCE_CHARACTERS_MAX),
    seq: seq === undefined ? null : wholeOf(seq, "seq", Number.MAX_SAFE_INTEGER),
    span: spanOf(raw),
    goodbye: flagOf(goodbye, "goodbye"),
    samples: samplesOf(samples, batchProbability(probability)),
  };
}

function spanOf({ startMs, endMs }: JsonObject): SampleBatch["span"] {
  if (startMs === undefined && endMs === undefined) return null;
  const span = {
    startMs: wholeOf(startMs, "startMs", TIME_MS_MAX),
    endMs: wholeOf(endMs, "endMs", TIME_MS_MAX),
  };
  const lengthMs = span.endMs - span.startMs;
  if (lengthMs >= 0 && lengthMs <= SPAN_MS_MAX) return span;
  throw new BadField("endMs", `expected startMs or up to ${SPAN_MS_MAX} ms later`);
}

function batchProbability(value: unknown): number {
  if (isProbability(value)) return value;
  throw badProbability("probability");
}

function samplesOf(raw: unknown, probability: number): readonly Sample[] {
  if (!Array.isArray(raw)) throw new BadField("samples", "expected a list");
  if (raw.length > SAMPLES_MAX) throw new BadField("samples", `expected at most ${SAMPLES_MAX} samples`);
  return raw.map((item: unknown, index) => sampleOf(item, index, probability));
}

/** Paths are put together only for what is wrong: this runs 200,000 times a second. */
function sampleOf(raw: unknown, index: number, batchProbability: number): Sample {
  if (!isObject(raw)) throw new BadField(`samples[${index}]`, "expected an object");
  const { db = 0, target, probability = batchProbability, bytes = 0, commands } = raw;
  const { reads = 0, writes = 0, misses = 0, absorbed = 0 } = raw;
  const key = keyOf(raw, index);
  if (!isWhole(db, DB_MAX)) throw badCount(index, "db", DB_MAX);
  if (target !== undefined) textOf(target, `samples[${index}].target`, TARGET_CHARACTERS_MAX);
  if (!isProbability(probability)) throw badProbability(`samples[${index}].probability`);
  if (!isWhole(reads, COUNT_MAX)) throw badCount(index, "reads");
  if (!isWhole(writes, COUNT_MAX)) throw badCount(index, "writes");
  if (!isWhole(misses, COUNT_MAX)) throw badCount(index, "misses");
  if (!isWhole(absorbed, COUNT_MAX)) throw badCount(index, "absorbed");
  if (COUNTS.every((name) => raw[name] === undefined)) {
    throw new BadField(`samples[${index}]`, `expected at least one of ${COUNTS.join(", ")}`);
  }
  if (!isWhole(bytes, BYTES_MAX)) throw badCount(index, "bytes", BYTES_MAX);
  return {
    key,
    db,
    target: target === undefined ? null : (target as string),
    probability,
    reads: Math.max(reads, misses),
    writes,
    misses,
    absorbed,
    bytes,
    commands: commands === undefined ? null : commandsOf(commands, `samples[${index}].commands`),
  };
}

function badCount(index: number, field: string, max = COUNT_MAX): BadField {
  return new BadField(`samples[${index}].${field}`, `expected a whole number from 0 to ${max}`);
}

function keyOf({ key, keyBase64 }: JsonObject, index: number): string {
  if (keyBase64 === undefined && key === undefined) {
    throw new BadField(`samples[${index}].key`, "is missing: expected key or keyBase64");
  }
  if (keyBase64 === undefined) return keyOfText(key, index);
  if (key !== undefined)
    throw new BadField(`samples[${index}].keyBase64`, "expected key or keyBase64, not both");
  const isBase64 = typeof keyBase64 === "string" && BASE64.test(keyBase64);
  // A last group of one character holds no byte; padding fills the last group.
  if (!isBase64 || keyBase64.replace(/=+$/, "").length % 4 === 1 || !isPadded(keyBase64)) {
    throw new BadField(`samples[${index}].keyBase64`, "expected base64");
  }
  return keptKey(Buffer.from(keyBase64, "base64"));
}

function isPadded(base64: string): boolean {
  return !base64.endsWith("=") || base64.length % 4 === 0;
}

function keyOfText(key: unknown, index: number): string {
  if (typeof key !== "string") throw new BadField(`samples[${index}].key`, "expected text");
  const bytesLength = Buffer.byteLength(key, "utf8");
  // ASCII is its own kept form, one character a byte.
  if (bytesLength === key.length && bytesLength <= KEY_BYTES_KEPT) return key;
  if (!key.isWellFormed())
    throw new BadField(`samples[${index}].key`, "expected well-formed text, else keyBase64");
  return keptKey(Buffer.from(key, "utf8"));
}

function keptKey(key: Uint8Array): string {
  const kept = keep(key);
  return Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString("latin1");
}
