import assert from "node:assert/strict";
import { test } from "node:test";
import { Screen } from "../../../../src/cli/view/screen.ts";
import { StandInTerminal } from "./stand-in-terminal.ts";

const OPENING = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?2004h\u001b[2J";
const CLOSING = "\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l";
const inFrame = (text: string) => `\u001b[?2026h${text}\u001b[?2026l`;

test("the first frame is drawn whole on a page of its own, later ones only where they differ", () => {
  const terminal = new StandInTerminal();
  const screen = new Screen(terminal);
  screen.draw(["one", "two"]);
  assert.equal(terminal.take(), OPENING + inFrame("\u001b[1;1H\u001b[Kone\u001b[2;1H\u001b[Ktwo"));
  screen.draw(["one", "three"]);
  assert.equal(terminal.take(), inFrame("\u001b[2;1H\u001b[Kthree"));
  screen.draw(["one"]);
  assert.equal(terminal.take(), inFrame("\u001b[2;1H\u001b[K"));
});

test("an equal frame is not drawn again", () => {
  const terminal = new StandInTerminal();
  const screen = new Screen(terminal);
  screen.draw(["one"]);
  terminal.take();
  screen.draw(["one"]);
  assert.equal(terminal.take(), "");
});

test("what the terminal has forgotten, as after a resize, is drawn anew", () => {
  const terminal = new StandInTerminal();
  const screen = new Screen(terminal);
  screen.draw(["one"]);
  terminal.take();
  screen.forget();
  screen.draw(["one"]);
  assert.equal(terminal.take(), inFrame("\u001b[2J\u001b[1;1H\u001b[Kone"));
});

test("closing gives the terminal back, once, and can leave lines there", () => {
  const terminal = new StandInTerminal();
  const screen = new Screen(terminal);
  screen.draw(["one", "two"]);
  terminal.take();
  screen.closeWith(["three", "four"]);
  assert.equal(terminal.take(), `${CLOSING}three\nfour\n`);
  screen.closeWith(["five"]);
  screen.close();
  assert.equal(terminal.take(), "");
});

test("a screen that was never drawn on writes nothing, and one that was closed can be opened again", () => {
  const terminal = new StandInTerminal();
  const screen = new Screen(terminal);
  screen.close();
  assert.equal(terminal.take(), "");
  screen.draw(["one"]);
  screen.close();
  terminal.take();
  screen.draw(["one"]);
  assert.ok(terminal.take().startsWith(OPENING));
});
