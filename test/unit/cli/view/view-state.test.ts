import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeKeys, type KeyInput, NOTHING_PENDING } from "../../../../src/cli/view/key-decoder.ts";
import { afterInput } from "../../../../src/cli/view/view-input.ts";
import {
  followed,
  type Moment,
  shownKeys,
  shownMoment,
  type ViewState,
} from "../../../../src/cli/view/view-state.ts";
import fc from "../../../support/fast-check.ts";
import { keyRow, momentWith, sceneWith, stateWith } from "./scenes.ts";

const ROOM = { tableRows: 5, scrollMax: 4 };

/** A moment with keys of these labels, hottest first. */
function momentOf(...labels: readonly string[]): Moment {
  const keys = labels.map((label, index) =>
    keyRow({ label, rank: index + 1, pattern: label, ratePerSecond: 100 - index }),
  );
  return momentWith({ scene: sceneWith({ keys }) });
}

const MOMENT = momentOf("a", "b", "c", "d", "e", "f", "g", "h");

const KEYS = {
  up: "\u001b[A",
  down: "\u001b[B",
  pageDown: "\u001b[6~",
  pageUp: "\u001b[5~",
  home: "\u001b[H",
  end: "\u001b[F",
  enter: "\r",
  backspace: "\u007f",
  clear: "\u0015",
};
const ESCAPE: KeyInput = { type: "key", name: "escape" };

/** The state after bytes of a keyboard, or an input. */
function after(state: ViewState, what: string | KeyInput, moment = MOMENT): ViewState {
  const inputs = typeof what === "string" ? decodeKeys(NOTHING_PENDING, Buffer.from(what)).inputs : [what];
  return inputs.reduce((before, input) => afterInput(before, input, moment, ROOM), state);
}

const pointedAt = (state: ViewState, moment = MOMENT) =>
  state.cursor === null ? null : shownKeys(state, moment)[state.cursor.row]?.label;

test("nothing is pointed at until an arrow is pressed, then the pointer moves and stops at the ends", () => {
  const first = stateWith();
  assert.equal(pointedAt(first), null);
  assert.equal(pointedAt(after(first, KEYS.down)), "a");
  assert.equal(pointedAt(after(first, KEYS.up)), "a");
  assert.equal(pointedAt(after(first, "jjjk")), "b");
  assert.equal(pointedAt(after(first, KEYS.end)), "h");
  assert.equal(pointedAt(after(first, "Gjj")), "h");
  assert.equal(pointedAt(after(first, `jj${KEYS.pageDown}`)), "f");
  assert.equal(pointedAt(after(first, `G${KEYS.pageUp}`)), "d");
  assert.equal(pointedAt(after(first, `G${KEYS.home}${KEYS.up}`)), "a");
});

test("the pointer stays on its key when ranks move, and where it was when the key is gone", () => {
  const state = after(stateWith(), "jj");
  const moved = momentOf("x", "c", "a", "b");
  const following = followed(state, moved);
  assert.deepEqual([pointedAt(following, moved), following.cursor?.row], ["b", 3]);
  const gone = momentOf("x", "y");
  assert.equal(pointedAt(followed(following, gone), gone), "y");
  assert.equal(followed(state, momentOf()).cursor, null);
});

test("the pointer goes past keys that cannot be told apart", () => {
  const moment = momentOf("a", "same", "same", "same", "b");
  assert.equal(after(stateWith(), "jjjjj", moment).cursor?.row, 4);
});

test("a filter is typed live, Enter keeps it, Esc takes it away", () => {
  const moment = momentOf("cart:1", "user:1", "user:2");
  const labels = (state: ViewState) => shownKeys(state, moment).map(({ label }) => label);
  const typing = after(stateWith(), "/us", moment);
  assert.deepEqual([typing.isTyping, labels(typing)], [true, ["user:1", "user:2"]]);
  assert.deepEqual(labels(after(typing, "er:2", moment)), ["user:2"]);
  const kept = after(typing, KEYS.enter, moment);
  assert.deepEqual([kept.isTyping, kept.selection.filter], [false, "us"]);
  assert.equal(after(kept, ESCAPE, moment).selection.filter, "");
  const given = after(typing, ESCAPE, moment);
  assert.deepEqual([given.isTyping, given.selection.filter, labels(given).length], [false, "", 3]);
});

test("while a filter is typed, letters are no commands, and a paste goes into it", () => {
  const state = after(stateWith(), "/qsp?");
  assert.deepEqual(
    [state.isOver, state.frozen, state.isHelpShown, state.selection.filter],
    [false, null, false, "qsp?"],
  );
  assert.equal(after(state, { type: "paste", text: "x" }).selection.filter, "qsp?x");
  assert.equal(after(stateWith(), { type: "paste", text: "q" }).isOver, false);
});

test("backspace takes one character as people see them, and leaves an empty filter", () => {
  const state = after(stateWith(), "/ae\u0301");
  assert.equal(after(state, KEYS.backspace).selection.filter, "a");
  assert.equal(after(state, KEYS.clear).selection.filter, "");
  const left = after(state, KEYS.backspace.repeat(3));
  assert.deepEqual([left.isTyping, left.selection.filter], [false, ""]);
});

test("a filter has an end, whatever is pasted", () => {
  const state = after(after(stateWith(), "/"), { type: "paste", text: "x".repeat(100_000) });
  assert.equal(state.selection.filter.length, 200);
});

test("the order goes through its columns, back, and round", () => {
  const sortAfter = (keys: string) => after(stateWith(), keys).selection.sort;
  assert.deepEqual(["s", "ss", "ssS", "S", "ssssss"].map(sortAfter), [
    "read",
    "write",
    "read",
    "current",
    "total",
  ]);
  const reversed = after(stateWith(), "r");
  assert.deepEqual(shownKeys(reversed, MOMENT)[0]?.label, "h");
  assert.equal(after(reversed, "r").selection.isReversed, false);
});

test("a pause holds the moment, also for what is sorted and looked into, until it is over", () => {
  const paused = after(stateWith(), "p");
  const later = momentOf("z");
  const following = followed(after(paused, "j", later), later);
  assert.equal(shownMoment(following, later), MOMENT);
  assert.equal(pointedAt(following, later), "a");
  assert.equal(shownMoment(after(following, " ", later), later), later);
});

test("Enter looks into the key that is pointed at, or the first one; Esc, Backspace and q come back", () => {
  assert.equal(after(stateWith(), KEYS.enter).opened?.row.label, "a");
  const opened = after(stateWith(), `jj${KEYS.enter}`);
  assert.equal(opened.opened?.row.label, "b");
  for (const back of [ESCAPE, KEYS.backspace, "q"]) {
    const state = after(opened, back);
    assert.deepEqual([state.opened, state.isOver, pointedAt(state)], [null, false, "b"]);
  }
  assert.equal(after(stateWith(), KEYS.enter, momentOf()).opened, null);
});

test("the opened key is brought up to date, and kept as it was when it is not among the hottest any more", () => {
  const opened = after(stateWith(), KEYS.enter);
  const hotter = momentWith({ scene: sceneWith({ keys: [keyRow({ label: "a", ratePerSecond: 999 })] }) });
  const following = followed(opened, hotter);
  assert.deepEqual([following.opened?.row.ratePerSecond, following.opened?.isGone], [999, false]);
  const gone = followed(following, momentOf("b"));
  assert.deepEqual([gone.opened?.row.ratePerSecond, gone.opened?.isGone], [999, true]);
});

test("the opened key scrolls no further than there is something", () => {
  const opened = after(stateWith(), KEYS.enter);
  const scrollAfter = (keys: string) => after(opened, keys).opened?.scroll;
  assert.deepEqual(["j", "jjjjjjjj", "Gk", "Gg", "k"].map(scrollAfter), [1, 4, 3, 0, 0]);
});

test("the help is left by any key, which does nothing else", () => {
  const helped = after(stateWith(), "?");
  assert.equal(helped.isHelpShown, true);
  const left = after(helped, "q");
  assert.deepEqual([left.isHelpShown, left.isOver], [false, false]);
});

test("q and Ctrl-C end the view, Ctrl-C from everywhere", () => {
  assert.equal(after(stateWith(), "q").isOver, true);
  for (const before of ["", "/x", "?", KEYS.enter]) {
    assert.equal(after(stateWith(), `${before}\u0003`).isOver, true, before);
  }
});

test("whatever is pressed, the pointer is on a shown key, or there is none", () => {
  const key = fc.constantFrom(...Object.values(KEYS), ..."jkgGsSrpqh?/ abc");
  const labels = fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 8 });
  const property = fc.property(fc.array(fc.tuple(key, labels), { maxLength: 30 }), (steps) => {
    let state = stateWith();
    for (const [pressed, shown] of steps) {
      const moment = momentOf(...shown);
      state = after(followed(state, moment), pressed, moment);
      const rows = shownKeys(state, moment);
      if (state.cursor !== null) assert.equal(rows[state.cursor.row]?.id, state.cursor.id);
      if (state.opened !== null) assert.ok(state.opened.scroll <= ROOM.scrollMax);
    }
  });
  fc.assert(property);
});
