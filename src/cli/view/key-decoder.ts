/** What somebody did at the keyboard. */
export type KeyInput =
  | { readonly type: "key"; readonly name: KeyName }
  /** Typed: one or more characters, none of them a control character. */
  | { readonly type: "text"; readonly text: string }
  /** Pasted: never commands. */
  | { readonly type: "paste"; readonly text: string };

export type KeyName =
  | "up"
  | "down"
  | "pageUp"
  | "pageDown"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "backspace"
  | "clear"
  | "redraw"
  | "suspend"
  | "interrupt";

/** What has come in and is not decided yet: the beginning of an escape sequence or of a character. */
export interface DecoderState {
  readonly rest: Uint8Array;
  readonly isPasting: boolean;
}

export const NOTHING_PENDING: DecoderState = { rest: new Uint8Array(), isPasting: false };

export interface Decoded {
  readonly inputs: readonly KeyInput[];
  readonly state: DecoderState;
}

const ESC = 0x1b;
const FIRST_PRINTABLE = 0x20;
const DELETE = 0x7f;
const CTRL_C = 3;

const CONTROLS: Readonly<Record<number, KeyName>> = {
  [CTRL_C]: "interrupt",
  8: "backspace",
  10: "enter",
  12: "redraw",
  13: "enter",
  21: "clear",
  26: "suspend",
  28: "interrupt",
  [DELETE]: "backspace",
};

/** Of `ESC [ ... X` and `ESC O X`, in normal and in application mode. */
const FINALS: Readonly<Record<string, KeyName>> = {
  A: "up",
  B: "down",
  H: "home",
  F: "end",
  M: "enter",
};

/** Of `ESC [ N ~`. Source: xterm, "Control Sequences", PC-style function keys; rxvt for 7 and 8. */
const NUMBERED: Readonly<Record<string, KeyName>> = {
  1: "home",
  4: "end",
  5: "pageUp",
  6: "pageDown",
  7: "home",
  8: "end",
};

const PASTE_BEGINS = "200";
const PASTE_END = Buffer.from("\u001b[201~");
/** Nothing that a keyboard sends is longer. */
const SEQUENCE_BYTES_MAX = 64;

/** The inputs in bytes from a terminal, which may be cut anywhere. Unknown sequences are ignored. Pure. */
export function decodeKeys(state: DecoderState, bytes: Uint8Array): Decoded {
  // A paste whose end was lost would hold the keyboard for ever: what comes alone is pressed.
  if (state.isPasting && bytes.length === 1 && bytes[0] === CTRL_C)
    return { inputs: [{ type: "key", name: "interrupt" }], state: NOTHING_PENDING };
  // What a key sends comes together, as a rule: an escape alone, with another key after it, was the key itself.
  const before = isEscapeAlone(state) && !continuesEscape(bytes) ? settleKeys(state) : { inputs: [], state };
  const inputs: KeyInput[] = [...before.inputs];
  let left: Uint8Array = Buffer.concat([before.state.rest, bytes]);
  let pasting = before.state.isPasting;
  while (left.length > 0) {
    const step = pasting ? pastedStep(left) : typedStep(left);
    if (step === null) break;
    if (step.input !== undefined) inputs.push(step.input);
    pasting = step.isPasting ?? pasting;
    left = left.subarray(step.bytes);
  }
  return { inputs, state: { rest: left, isPasting: pasting } };
}

/** What is pending, when nothing has followed for a while: an escape that begins no sequence is the key itself. */
export function settleKeys(state: DecoderState): Decoded {
  if (state.isPasting) return { inputs: [], state };
  const inputs: KeyInput[] = isEscapeAlone(state) ? [{ type: "key", name: "escape" }] : [];
  return { inputs, state: NOTHING_PENDING };
}

function isEscapeAlone({ rest, isPasting }: DecoderState): boolean {
  return !isPasting && rest.length === 1 && rest[0] === ESC;
}

function continuesEscape(bytes: Uint8Array): boolean {
  return bytes.length === 0 || bytes[0] === "[".charCodeAt(0) || bytes[0] === "O".charCodeAt(0);
}

/** What the first bytes are; `null`: more is needed to tell. */
interface Step {
  readonly bytes: number;
  readonly input?: KeyInput | undefined;
  readonly isPasting?: boolean;
}

function typedStep(bytes: Uint8Array): Step | null {
  const [first = 0] = bytes;
  if (first === ESC) return escapeStep(bytes);
  if (first < FIRST_PRINTABLE || first === DELETE) return { bytes: 1, input: keyOf(CONTROLS[first]) };
  const end = bytes.findIndex((byte) => byte < FIRST_PRINTABLE || byte === DELETE);
  return textStep("text", bytes, end < 0 ? bytes.length : end);
}

function keyOf(name: KeyName | undefined): KeyInput | undefined {
  return name === undefined ? undefined : { type: "key", name };
}

function escapeStep(bytes: Uint8Array): Step | null {
  if (bytes.length === 1) return null;
  const second = String.fromCharCode(bytes[1] ?? 0);
  if (second === "\u001b") return { bytes: 1, input: keyOf("escape") };
  if (second === "O") {
    if (bytes.length === 2) return null;
    return { bytes: 3, input: keyOf(FINALS[String.fromCharCode(bytes[2] ?? 0)]) };
  }
  // Alt with a character.
  return second === "[" ? sequenceStep(bytes) : { bytes: 2 };
}

function sequenceStep(bytes: Uint8Array): Step | null {
  const end = bytes.findIndex((byte, index) => index > 1 && (byte >= 0x40 || byte < FIRST_PRINTABLE));
  if (end < 0) return bytes.length > SEQUENCE_BYTES_MAX ? { bytes: bytes.length } : null;
  // It was broken off by another key.
  if ((bytes[end] ?? 0) < FIRST_PRINTABLE) return { bytes: end };
  const final = String.fromCharCode(bytes[end] ?? 0);
  // The Linux console's function keys: `ESC [ [ A`.
  if (final === "[") return bytes.length === end + 1 ? null : { bytes: end + 2 };
  const [number = "", modifier] = Buffer.from(bytes.subarray(2, end)).toString("latin1").split(";");
  if (final === "~" && number === PASTE_BEGINS) return { bytes: end + 1, isPasting: true };
  const name = final === "~" ? NUMBERED[number] : FINALS[final];
  return { bytes: end + 1, input: modifier === undefined ? keyOf(name) : undefined };
}

function pastedStep(bytes: Uint8Array): Step | null {
  const end = Buffer.from(bytes).indexOf(PASTE_END);
  if (end === 0) return { bytes: PASTE_END.length, isPasting: false };
  return textStep("paste", bytes, end < 0 ? bytes.length - tailThatMayEndIt(bytes) : end);
}

/** How many of the last bytes may be the beginning of the paste's end. */
function tailThatMayEndIt(bytes: Uint8Array): number {
  for (let length = Math.min(PASTE_END.length - 1, bytes.length); length > 0; length--) {
    if (PASTE_END.subarray(0, length).equals(bytes.subarray(bytes.length - length))) return length;
  }
  return 0;
}

function textStep(type: "text" | "paste", bytes: Uint8Array, end: number): Step | null {
  const whole = end < bytes.length ? end : end - halfCharacterBytes(bytes.subarray(0, end));
  if (whole === 0) return null;
  const decoded = new TextDecoder().decode(bytes.subarray(0, whole));
  const text = decoded.replaceAll(/[\p{Cc}\ufffd]/gu, "");
  return { bytes: whole, input: text === "" ? undefined : { type, text } };
}

const CONTINUATION_BYTES_MAX = 3;

/** How many of the last bytes are the beginning of a character of UTF-8. */
function halfCharacterBytes(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(CONTINUATION_BYTES_MAX, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return byte < 0xf8 && length < wanted ? length : 0;
  }
  return 0;
}
