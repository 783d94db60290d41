import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { Redact } from "../config/schema.ts";
import type { ClientsReport } from "../model/clients.ts";
import { rawKeySlot } from "../model/key.ts";
import type { PaneEntries, PanePart } from "../model/pane.ts";
import { IDENTITY_BYTES, isRedacted, redactedKey } from "../model/redacted-key.ts";
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

/** Hides the keys of messages, and knows for a while which ones it has hidden. */
export interface Redaction {
  /** Those without keys, and in mode `none` all, are passed on as they are. The messages that come in are not changed. */
  redact(messages: readonly AgentMessage[]): readonly AgentMessage[];
  /** The key that was redacted to this; in mode `none` the key itself. `null`: no such key came by lately. */
  rawKeyOf(key: Uint8Array): Uint8Array | null;
}

/** Memory for the redacted forms of keys that were redacted before, and the way back; `none` takes none. */
const CACHE_BYTES_MAX = 16 * 2 ** 20;

/** The last stage of an agent: nothing behind it has seen a key. */
export function createRedaction(settings: Redact, cacheBytesMax = CACHE_BYTES_MAX): Redaction {
  if (settings.mode === "none") return NOTHING_HIDDEN;
  const keys = new RedactedKeys(settings.mode, settings.secret, cacheBytesMax);
  return {
    redact: (messages) => messages.map((message) => redactMessage(message, keys)),
    rawKeyOf: (redacted) => keys.rawKeyOf(redacted),
  };
}

/** What another agent has redacted it cannot know. */
const NOTHING_HIDDEN: Redaction = {
  redact: (messages) => messages,
  rawKeyOf: (key) => (isRedacted(key) ? null : key),
};

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

/** Two `Map` entries, their strings and an array, beside the bytes of both (an estimate from above). */
const CACHED_KEY_BYTES = 350;

/** The redacted forms of keys by the keys, and keys by their redacted forms; all as text of one character a byte. */
class Generation {
  readonly redacted = new Map<string, Uint8Array>();
  readonly raw = new Map<string, string>();
  bytes = 0;

  add(id: string, redacted: Uint8Array): void {
    this.redacted.set(id, redacted);
    this.raw.set(textOf(redacted), id);
    this.bytes += costBytes(id, redacted);
  }
}

function costBytes(id: string, redacted: Uint8Array): number {
  return id.length + 2 * redacted.length + CACHED_KEY_BYTES;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

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
  #young = new Generation();
  #old = new Generation();

  constructor(mode: LabelMode, secret: string, cacheBytesMax: number) {
    this.#mode = mode;
    this.#secret = createSecretKey(secret, "utf8");
    this.#generationBytesMax = cacheBytesMax / 2;
  }

  /** The redacted form of a kept key. Not to be changed: it may be given out again. */
  of(kept: Uint8Array): Uint8Array {
    const id = textOf(kept);
    const young = this.#young.redacted.get(id);
    if (young) return young;
    const redacted = this.#old.redacted.get(id) ?? this.#redact(kept);
    this.#remember(id, redacted);
    return redacted;
  }

  /** The kept key behind a redacted form; `null`: it was not asked for lately. */
  rawKeyOf(redacted: Uint8Array): Uint8Array | null {
    const text = textOf(redacted);
    const id = this.#young.raw.get(text) ?? this.#old.raw.get(text);
    return id === undefined ? null : Buffer.from(id, "latin1");
  }

  #redact(kept: Uint8Array): Uint8Array {
    const identity = createHmac("sha256", this.#secret).update(kept).digest().subarray(0, IDENTITY_BYTES);
    return redactedKey({ slot: rawKeySlot(kept), identity, label: redactedLabelOf(kept, this.#mode) });
  }

  #remember(id: string, redacted: Uint8Array): void {
    if (this.#young.bytes + costBytes(id, redacted) > this.#generationBytesMax) {
      this.#old = this.#young;
      this.#young = new Generation();
    }
    this.#young.add(id, redacted);
  }
}
