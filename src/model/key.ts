import { isUtf8 } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import { isRedacted, redactedDigits, redactedLabel, redactedSlot } from "./redacted-key.ts";
import { SlotHasher, slotOf } from "./slot.ts";

/** A key is kept whole up to this many bytes. */
export const KEY_BYTES_KEPT = 1024;
const HASH_BYTES = 8;
const SLOT_BYTES = 2;

/** Longest kept form: the first 1,024 bytes, 8 bytes of hash over the whole key, 2 bytes of slot. */
export const KEPT_KEY_BYTES_MAX = KEY_BYTES_KEPT + HASH_BYTES + SLOT_BYTES;

/** The identity of a key: where it lives now is not part of it. `bytes` is the kept form. */
export interface Key {
  readonly cluster: string;
  readonly db: number;
  readonly bytes: Uint8Array;
}

/** Whether a kept form stands for a key of more than 1 KiB. Kept forms of shorter keys are the keys themselves. */
export function isCut(kept: Uint8Array): boolean {
  return kept.length > KEY_BYTES_KEPT;
}

/** Hash slot of a kept key, redacted or not: an integer in [0, 16384). */
export function keptKeySlot(kept: Uint8Array): number {
  return isRedacted(kept) ? redactedSlot(kept) : rawKeySlot(kept);
}

/**
 * The same for agents, who see keys as their servers have them: what has the form of a redacted key is a key like
 * others there, or anybody could place a key where its server has no slots.
 */
export function rawKeySlot(kept: Uint8Array): number {
  if (!isCut(kept)) return slotOf(kept);
  return (kept[KEPT_KEY_BYTES_MAX - 2]! << 8) | kept[KEPT_KEY_BYTES_MAX - 1]!;
}

/**
 * Builds the kept form of a key of more than 1 KiB from its pieces, in constant memory.
 *
 * The hash is the first 64 bits of SHA-256, so that every agent computes the same identity.
 */
export class LongKey {
  readonly #kept = new Uint8Array(KEPT_KEY_BYTES_MAX);
  readonly #hash: Hash = createHash("sha256");
  readonly #slot = new SlotHasher();
  #prefixBytes = 0;

  update(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const piece = bytes.subarray(start, end);
    this.#hash.update(piece);
    this.#slot.update(piece);
    const wanted = Math.min(piece.length, KEY_BYTES_KEPT - this.#prefixBytes);
    this.#kept.set(piece.subarray(0, wanted), this.#prefixBytes);
    this.#prefixBytes += wanted;
  }

  /** The kept form. Call once, after more than 1,024 bytes. */
  kept(): Uint8Array {
    this.#kept.set(this.#hash.digest().subarray(0, HASH_BYTES), KEY_BYTES_KEPT);
    const slot = this.#slot.slot();
    this.#kept[KEPT_KEY_BYTES_MAX - 2] = slot >> 8;
    this.#kept[KEPT_KEY_BYTES_MAX - 1] = slot & 0xff;
    return this.#kept;
  }
}

/** The kept form of a whole key: the same bytes up to 1 KiB, else cut. */
export function keep(key: Uint8Array): Uint8Array {
  if (key.length <= KEY_BYTES_KEPT) return key;
  const long = new LongKey();
  long.update(key);
  return long.kept();
}

/** Identity of a key inside its cluster, as a map key. One character a byte. */
export function keyId(db: number, kept: Uint8Array): string {
  return `${db}:${Buffer.from(kept.buffer, kept.byteOffset, kept.length).toString("latin1")}`;
}

/**
 * A key as JSON shows it: text where it is valid UTF-8, else base64; at most its first 1,024 bytes. A redacted key is
 * shown as its label, `~` and 8 hex digits of its identity.
 */
export interface ShownKey {
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
  readonly cut: boolean;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function showKey(kept: Uint8Array): ShownKey {
  if (isRedacted(kept)) {
    return { key: `${redactedLabel(kept)}~${redactedDigits(kept)}`, keyEncoding: "utf8", cut: false };
  }
  const cut = isCut(kept);
  const bytes = cut ? kept.subarray(0, KEY_BYTES_KEPT) : kept;
  try {
    return { key: strictUtf8.decode(cut ? withoutHalfCharacter(bytes) : bytes), keyEncoding: "utf8", cut };
  } catch {
    return { key: Buffer.from(bytes).toString("base64"), keyEncoding: "base64", cut };
  }
}

/** The beginning of a key that was cut elsewhere: text without the rest of its last character, other bytes as they are. */
export function keyHead(bytes: Uint8Array): Uint8Array {
  const whole = withoutHalfCharacter(bytes);
  return isUtf8(whole) ? whole : bytes;
}

const CONTINUATION_BYTES_MAX = 3;

/** Text that was cut may end inside a character: without what is there of it. */
function withoutHalfCharacter(bytes: Uint8Array): Uint8Array {
  let start = bytes.length - 1;
  while (start > bytes.length - 1 - CONTINUATION_BYTES_MAX && (bytes[start]! & 0xc0) === 0x80) start--;
  const lead = bytes[start]!;
  const wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return bytes.length - start < wanted ? bytes.subarray(0, start) : bytes;
}

const LABEL_CHARACTERS_MAX = 120;

/**
 * A key as one line of printable text, unique among keys: for metric labels, logs and terminals.
 *
 * Control characters and invalid UTF-8 are escaped (`\n`, `\xff`); what is cut or redacted ends in `~` and 8 hex
 * digits of the key's identity: redacted keys of one label that share these have the same label.
 */
export function keyLabel(kept: Uint8Array): string {
  if (isRedacted(kept)) return labelWith(redactedLabel(kept), redactedDigits(kept));
  const text = printableKey(kept);
  if (isWhole(kept, text)) return text;
  const digits = createHash("sha256").update(kept).digest("hex").slice(0, 8);
  return labelWith(text, digits);
}

/** The same, of any length: all that is kept of the key. Not unique among keys of more than 1 KiB. */
export function keyText(kept: Uint8Array): string {
  return isRedacted(kept) ? keyLabel(kept) : printableKey(kept);
}

/** Whether the label of a key is all of it, or all that is told of it. */
export function isLabelWhole(kept: Uint8Array): boolean {
  return isRedacted(kept) || isWhole(kept, printableKey(kept));
}

function isWhole(kept: Uint8Array, text: string): boolean {
  return !isCut(kept) && text.length <= LABEL_CHARACTERS_MAX;
}

function printableKey(kept: Uint8Array): string {
  return printable(isCut(kept) ? kept.subarray(0, KEY_BYTES_KEPT) : kept);
}

function labelWith(text: string, digits: string): string {
  return `${text.slice(0, LABEL_CHARACTERS_MAX - 1 - digits.length).toWellFormed()}~${digits}`;
}

function printable(bytes: Uint8Array): string {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? escaped(String.fromCharCode(byte)) : `\\x${byte.toString(16).padStart(2, "0")}`,
    ).join("");
  }
  return escaped(text);
}

function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  if (character === "\\") return "\\\\";
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
