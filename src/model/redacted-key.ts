import { SLOT_COUNT } from "./slot.ts";

/** Longest label of a redacted key, in characters; none takes more than three bytes of UTF-8. */
export const REDACTED_LABEL_CHARACTERS_MAX = 256;
/** Bytes of a redacted key's identity. */
export const IDENTITY_BYTES = 8;

/** No text begins so: 0xff stands nowhere in UTF-8. */
const MARKER = Buffer.from("\xff\0kh-redacted\0", "latin1");
const SLOT_START = MARKER.length;
const IDENTITY_START = SLOT_START + 2;
const LABEL_START = IDENTITY_START + IDENTITY_BYTES;
/** Below the length of a cut form, so that none is ever taken for the other. */
const REDACTED_BYTES_MAX = LABEL_START + 3 * REDACTED_LABEL_CHARACTERS_MAX;
const IDENTITY_DIGITS = 8;

/** What is told of a key in place of its bytes. */
export interface RedactedKey {
  /** Of the key itself: an integer in [0, 16384). */
  readonly slot: number;
  /** 8 bytes that only the same key has. */
  readonly identity: Uint8Array;
  /** What people see: one printable line; beyond 256 characters it is cut. */
  readonly label: string;
}

/**
 * The kept form of a redacted key: a marker, 2 bytes of slot, 8 bytes of identity, then the label in UTF-8.
 *
 * It stands wherever a kept key does. A key whose own bytes have this form is shown as a redacted one would be.
 */
export function redactedKey({ slot, identity, label }: RedactedKey): Uint8Array {
  const text = Buffer.from(label.slice(0, REDACTED_LABEL_CHARACTERS_MAX).toWellFormed());
  const kept = new Uint8Array(LABEL_START + text.length);
  kept.set(MARKER);
  kept[SLOT_START] = slot >> 8;
  kept[SLOT_START + 1] = slot & 0xff;
  kept.set(identity.subarray(0, IDENTITY_BYTES), IDENTITY_START);
  kept.set(text, LABEL_START);
  return kept;
}

/** Whether a kept form stands for a redacted key. */
export function isRedacted(kept: Uint8Array): boolean {
  if (kept.length < LABEL_START || kept.length > REDACTED_BYTES_MAX) return false;
  for (let i = 0; i < MARKER.length; i++) if (kept[i] !== MARKER[i]) return false;
  return redactedSlot(kept) < SLOT_COUNT;
}

/** The slot in a redacted form. */
export function redactedSlot(kept: Uint8Array): number {
  return (kept[SLOT_START]! << 8) | kept[SLOT_START + 1]!;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The label in a redacted form: one line, also where others than an agent have made the form. */
export function redactedLabel(kept: Uint8Array): string {
  const text = utf8.decode(kept.subarray(LABEL_START)).slice(0, REDACTED_LABEL_CHARACTERS_MAX);
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

/** First 8 hex digits of the identity in a redacted form: they tell keys of one label apart. */
export function redactedDigits(kept: Uint8Array): string {
  return Buffer.from(kept.subarray(IDENTITY_START, LABEL_START)).toString("hex").slice(0, IDENTITY_DIGITS);
}

/** What the globs of operators are matched against: of a redacted key its label, else the kept key itself. */
export function matchedBytes(kept: Uint8Array): Uint8Array {
  return isRedacted(kept) ? Buffer.from(redactedLabel(kept)) : kept;
}
