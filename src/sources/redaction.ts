import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { Redact } from "../config/schema.ts";
import type { ClientsReport } from "../model/clients.ts";
import { rawKeySlot } from "../model/key.ts";
import type { PaneEntries, PanePart } from "../model/pane.ts";
import { IDENTITY_BYTES, redactedKey } from "../model/redacted-key.ts";
import type { ServicesReport } from "../model/services.ts";
import type { KeyFacts, TargetReport } from "../model/target.ts";
import type { TopologyReport } from "../model/topology.ts";
import { type LabelMode, redactedLabelOf } from "./redacted-label.ts";

/** What an agent sends. Keys are in parts and facts alone. */
export type AgentMessage =
  | PanePart
  | TargetReport
  | KeyFacts
  | ServicesReport
  | TopologyReport
  | ClientsReport;

/** What hides the keys of messages; those without keys, and in mode `none` all, are passed on as they are. */
export type Redaction = (messages: readonly AgentMessage[]) => readonly AgentMessage[];

/** Memory for the redacted forms of keys that were redacted before; `none` takes none. */
const CACHE_BYTES_MAX = 16 * 2 ** 20;

/** The last stage of an agent: nothing behind it has seen a key. The messages that come in are not changed. */
export function createRedaction(settings: Redact, cacheBytesMax = CACHE_BYTES_MAX): Redaction {
  if (settings.mode === "none") return (messages) => messages;
  const keys = new RedactedKeys(settings.mode, settings.secret, cacheBytesMax);
  return (messages) => messages.map((message) => redactMessage(message, keys));
}

function redactMessage(message: AgentMessage, keys: RedactedKeys): AgentMessage {
  if (message.type === "part") return { ...message, entries: redactEntries(message.entries, keys) };
  if (message.type === "facts") return { ...message, bytes: keys.of(message.bytes) };
  return message;
}

function redactEntries(entries: PaneEntries, keys: RedactedKeys): PaneEntries {
  const { length, keyBytes, keyOffsets } = entries;
  const redacted: Uint8Array[] = [];
  const offsets = new Uint32Array(length + 1);
  for (let i = 0; i < length; i++) {
    const kept = keys.of(keyBytes.subarray(keyOffsets[i]!, keyOffsets[i + 1]!));
    redacted.push(kept);
    offsets[i + 1] = offsets[i]! + kept.length;
  }
  const bytes = new Uint8Array(offsets[length]!);
  for (let i = 0; i < length; i++) bytes.set(redacted[i]!, offsets[i]);
  return { ...entries, keyOffsets: offsets, keyBytes: bytes };
}

/** A `Map` entry, its string and its array, beside the bytes of both (an estimate from above). */
const CACHED_KEY_BYTES = 250;

/**
 * Redacts keys, and remembers those of late: the hot ones come again each second.
 *
 * The identity is the start of HMAC-SHA256 over the kept form, whatever the database, so every agent with the same
 * secret gives a key the same one. Two generations of half the memory each: a full young one takes the place of the old
 * one, and what is asked for again moves over.
 */
class RedactedKeys {
  readonly #mode: LabelMode;
  readonly #secret: KeyObject;
  readonly #generationBytesMax: number;
  #young = new Map<string, Uint8Array>();
  #old = new Map<string, Uint8Array>();
  #youngBytes = 0;

  constructor(mode: LabelMode, secret: string, cacheBytesMax: number) {
    this.#mode = mode;
    this.#secret = createSecretKey(secret, "utf8");
    this.#generationBytesMax = cacheBytesMax / 2;
  }

  /** The redacted form of a kept key. Not to be changed: it may be given out again. */
  of(kept: Uint8Array): Uint8Array {
    const id = Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString("latin1");
    const young = this.#young.get(id);
    if (young) return young;
    const redacted = this.#old.get(id) ?? this.#redact(kept);
    this.#remember(id, redacted);
    return redacted;
  }

  #redact(kept: Uint8Array): Uint8Array {
    const identity = createHmac("sha256", this.#secret).update(kept).digest().subarray(0, IDENTITY_BYTES);
    return redactedKey({ slot: rawKeySlot(kept), identity, label: redactedLabelOf(kept, this.#mode) });
  }

  #remember(id: string, redacted: Uint8Array): void {
    const bytes = id.length + redacted.length + CACHED_KEY_BYTES;
    if (this.#youngBytes + bytes > this.#generationBytesMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(id, redacted);
    this.#youngBytes += bytes;
  }
}
