import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decodeKeys,
  type KeyInput,
  NOTHING_PENDING,
  settleKeys,
} from "../../../../src/cli/view/key-decoder.ts";
import fc from "../../../support/fast-check.ts";

/** What comes of bytes that arrive in these pieces, and what after a pause. */
function decoded(...pieces: readonly (string | Uint8Array)[]): KeyInput[] {
  let state = NOTHING_PENDING;
  const inputs: KeyInput[] = [];
  for (const piece of pieces) {
    const step = decodeKeys(state, Buffer.from(piece));
    inputs.push(...step.inputs);
    state = step.state;
  }
  return [...inputs, ...settleKeys(state).inputs];
}

const names = (...pieces: readonly string[]) =>
  decoded(...pieces).map((input) => (input.type === "key" ? input.name : `${input.type} ${input.text}`));

test("arrows and the keys around them are known in all of their forms", () => {
  assert.deepEqual(names("\u001b[A\u001b[B\u001bOA\u001bOB"), ["up", "down", "up", "down"]);
  assert.deepEqual(
    names("\u001b[5~\u001b[6~\u001b[H\u001b[F\u001b[1~\u001b[4~\u001b[7~\u001b[8~\u001bOH\u001bOF"),
    ["pageUp", "pageDown", ...["home", "end", "home", "end", "home", "end", "home", "end"]],
  );
});

test("control keys are named, text is text", () => {
  assert.deepEqual(names("\r\u007f\b\u0003\u001a\u0015\f"), [
    "enter",
    "backspace",
    "backspace",
    "interrupt",
    "suspend",
    "clear",
    "redraw",
  ]);
  assert.deepEqual(names("jäh日"), ["text jäh日"]);
});

test("an escape is the key itself when nothing follows, and two of them are two", () => {
  assert.deepEqual(names("\u001b"), ["escape"]);
  assert.deepEqual(names("\u001b\u001b"), ["escape", "escape"]);
  assert.deepEqual(decodeKeys(NOTHING_PENDING, Buffer.from("\u001b")).inputs, []);
});

test("an escape with another key soon after it is both, while Alt with a key is nothing", () => {
  assert.deepEqual(names("\u001b", "q"), ["escape", "text q"]);
  assert.deepEqual(names("\u001b", "\u001b[A"), ["escape", "up"]);
  assert.deepEqual(names("\u001b", "[A"), ["up"]);
  assert.deepEqual(names("\u001bq"), []);
});

test("sequences that nobody knows, and keys with modifiers, do nothing and swallow nothing else", () => {
  assert.deepEqual(names("\u001b[1;5Ca\u001b[24~b\u001b[[Ac\u001bxd\u001b[?1;2ce\u001bOPf"), [
    "text a",
    "text b",
    "text c",
    "text d",
    "text e",
    "text f",
  ]);
  assert.deepEqual(names("\u001b[12\rq"), ["enter", "text q"]);
});

test("a sequence that never ends is given up", () => {
  assert.deepEqual(names(`\u001b[${"1".repeat(100)}`, "q"), ["text q"]);
});

test("Ctrl-C, pressed alone, gets out of a paste whose end was lost", () => {
  const pasting = decodeKeys(NOTHING_PENDING, Buffer.from("\u001b[200~cart")).state;
  const { inputs, state } = decodeKeys(pasting, Buffer.from("\u0003"));
  assert.deepEqual([inputs, state], [[{ type: "key", name: "interrupt" }], NOTHING_PENDING]);
  assert.deepEqual(decodeKeys(pasting, Buffer.from("a\u0003b")).inputs, [{ type: "paste", text: "ab" }]);
});

test("what is pasted is no command, and control characters in it are left out", () => {
  assert.deepEqual(names("\u001b[200~q\u001b[31mcart\n:1\u001b[201~s"), ["paste q[31mcart:1", "text s"]);
  assert.deepEqual(names("\u001b[200~ab\u001b[2", "01~s"), ["paste ab", "text s"]);
});

test("broken UTF-8 and C1 controls are left out", () => {
  assert.deepEqual(decoded(Buffer.from([0x61, 0xff, 0x62, 0xc2, 0x9b, 0x63])), [
    { type: "text", text: "abc" },
  ]);
});

/** Text pieces that stand side by side are one. */
function joined(inputs: readonly KeyInput[]): KeyInput[] {
  const all: KeyInput[] = [];
  for (const input of inputs) {
    const last = all.at(-1);
    const isMore = input.type !== "key" && last !== undefined && last.type === input.type;
    if (isMore) all.splice(-1, 1, { ...input, text: last.text + input.text });
    else all.push(input);
  }
  return all;
}

test("wherever the bytes are cut, the same inputs come of them", () => {
  const part = fc.constantFrom(
    "j",
    "ä",
    "日本",
    "🔥",
    "\u001b[A",
    "\u001bOB",
    "\u001b[5~",
    "\r",
    "\u001b[200~p日\u001b[201~",
  );
  const property = fc.property(
    fc.array(part, { maxLength: 12 }),
    fc.infiniteStream(fc.nat(5)),
    (parts, cuts) => {
      const bytes = Buffer.from(parts.join(""));
      const pieces: Buffer[] = [];
      for (let start = 0; start < bytes.length; ) {
        const length = cuts.next().value + 1;
        pieces.push(bytes.subarray(start, start + length));
        start += length;
      }
      assert.deepEqual(joined(decoded(...pieces)), joined(decoded(bytes)));
    },
  );
  fc.assert(property);
});

test("no bytes break it, and what is kept back stays small", () => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (pieces) => {
    let state = NOTHING_PENDING;
    for (const piece of pieces) {
      const step = decodeKeys(state, piece);
      for (const input of step.inputs) {
        if (input.type !== "key") assert.doesNotMatch(input.text, /\p{Cc}/u);
      }
      state = step.state;
      assert.ok(state.rest.length <= 128, `${state.rest.length} bytes`);
    }
  });
  fc.assert(property);
});
