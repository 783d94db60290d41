import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { Screen } from "../../../../src/cli/view/screen.ts";

class Terminal extends EventEmitter {
  written = "";

  write(text: string): void {
    this.written += text;
  }

  take(): string {
    const text = this.written;
    this.written = "";
    return text;
  }
}

test("a frame is drawn over the one before, and what is left of that is cleared", () => {
  const terminal = new Terminal();
  const screen = new Screen(terminal);
  screen.draw(["one", "two"]);
  assert.equal(terminal.take(), "\u001b[?25l\u001b[?7lone\u001b[K\ntwo\u001b[K\n\u001b[J\u001b[?7h");
  screen.draw(["three"]);
  assert.equal(terminal.take(), "\u001b[?7l\u001b[2A\rthree\u001b[K\n\u001b[J\u001b[?7h");
});

test("after a resize the frame starts at the top of a cleared screen", () => {
  const terminal = new Terminal();
  const screen = new Screen(terminal);
  screen.draw(["one"]);
  terminal.emit("resize");
  terminal.take();
  screen.draw(["one"]);
  assert.ok(terminal.take().includes("\u001b[H\u001b[Jone"));
  screen.draw(["one"]);
  assert.ok(terminal.take().includes("\u001b[1A\r"));
});

test("closing gives the cursor back and stops listening, and a screen never drawn on writes nothing", () => {
  const terminal = new Terminal();
  const screen = new Screen(terminal);
  screen.draw(["one"]);
  terminal.take();
  screen.close();
  assert.equal(terminal.take(), "\u001b[?7h\u001b[?25h");
  new Screen(terminal).close();
  assert.equal(terminal.take(), "");
  assert.equal(terminal.listenerCount("resize"), 0);
});
