import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import { showLiveView } from "../../../../src/cli/view/live-view.ts";
import type { Scene, SceneAsk } from "../../../../src/cli/view/scene.ts";
import { waitFor } from "../../../support/wait.ts";
import { keyRow, sceneWith, TEXTS } from "./scenes.ts";
import { StandInKeyboard, StandInTerminal } from "./stand-in-terminal.ts";

const GIVEN_BACK = "\u001b[?25h\u001b[?1049l";

const answering = async () => sceneWith({ atMs: Date.now() });

interface ShownOptions {
  readonly keyboard?: StandInKeyboard;
  readonly answer?: () => Promise<Scene>;
}

/** A view in a stand-in terminal. */
class Shown {
  readonly terminal = new StandInTerminal();
  readonly keyboard: StandInKeyboard;
  readonly asked: SceneAsk[] = [];
  readonly #abort = new AbortController();
  readonly over: Promise<void>;
  isOver = false;
  answer: () => Promise<Scene>;

  constructor(t: TestContext, { keyboard = new StandInKeyboard(), answer = answering }: ShownOptions = {}) {
    this.keyboard = keyboard;
    this.answer = answer;
    const source = {
      read: async (ask: SceneAsk) => {
        this.asked.push(ask);
        return await this.answer();
      },
    };
    this.over = showLiveView({
      source,
      texts: TEXTS,
      selection: ALL_KEYS,
      out: this.terminal,
      input: keyboard,
      env: {},
      signal: this.#abort.signal,
    }).finally(() => {
      this.isOver = true;
    });
    t.after(() => this.end());
  }

  shows(what: string): Promise<unknown> {
    return waitFor(`it to show ${what}`, () => this.terminal.written.includes(what));
  }

  async end(): Promise<void> {
    this.#abort.abort();
    await this.over;
  }
}

test("the view takes the keyboard, follows what is pressed, and gives all of it back on q", async (t) => {
  const shown = new Shown(t);
  await shown.shows("product:4711:stock");
  assert.deepEqual([shown.keyboard.isRaw, shown.keyboard.isPaused], [true, false]);
  shown.keyboard.press("\r");
  await shown.shows("JUDGED BY");
  shown.keyboard.press("\u001b");
  shown.terminal.take();
  await shown.shows("INCIDENTS");
  shown.keyboard.press("q");
  await shown.over;
  assert.ok(shown.terminal.written.includes(GIVEN_BACK));
  assert.deepEqual([shown.keyboard.isRaw, shown.keyboard.isPaused], [false, true]);
  assert.equal(shown.keyboard.listenerCount("data") + shown.terminal.listenerCount("resize"), 0);
});

test("the terminal is given back when the view is ended from outside, also while an answer is waited for", async (t) => {
  const shown = new Shown(t, { answer: () => new Promise(() => {}) });
  await shown.shows("waiting for the first answer");
  await shown.end();
  assert.ok(shown.terminal.written.includes(GIVEN_BACK));
  assert.equal(shown.keyboard.isRaw, false);
});

test("the view leaves no listener behind in the process", async (t) => {
  const counts = () => ["SIGTSTP", "SIGCONT", "exit"].map((name) => process.listenerCount(name));
  const before = counts();
  const shown = new Shown(t);
  await shown.shows("user:1");
  assert.notDeepEqual(counts(), before);
  await shown.end();
  assert.deepEqual(counts(), before);
});

test("what stays in the terminal is the table, whatever page was open, without what can be pressed", async (t) => {
  const shown = new Shown(t);
  await shown.shows("user:1");
  shown.keyboard.press("?");
  await shown.shows("Any key goes back.");
  shown.keyboard.press("\u0003");
  await shown.over;
  const left = shown.terminal.written.split(GIVEN_BACK).at(-1) ?? "";
  assert.match(left, /product:4711:stock[\s\S]*user:1/);
  assert.doesNotMatch(left, /Any key|q quit/);
});

test("a source that fails leaves the last scene there, with the reason", async (t) => {
  const shown = new Shown(t);
  await shown.shows("product:4711:stock");
  shown.answer = async () => {
    throw new Error("no answer from http://x: \u001b[2Jrefused");
  };
  await shown.shows("! no answer from http://x:  [2Jrefused");
  shown.terminal.take();
  shown.terminal.resize(100, 30);
  assert.match(shown.terminal.take(), /! no answer.*product:4711:stock/s);
});

test("a resize is drawn at once, and no line is wider than before it", async (t) => {
  const shown = new Shown(t);
  await shown.shows("WRITE/S");
  shown.terminal.take();
  shown.terminal.resize(50, 20);
  const drawn = shown.terminal.take();
  assert.ok(drawn.includes("TOTAL/S") && !drawn.includes("WRITE/S"));
});

test("a terminal that does not know its size is drawn on as one of 80 columns and 24 rows", async (t) => {
  const shown = new Shown(t);
  await shown.shows("WRITE/S");
  shown.terminal.resize(100, 30);
  shown.terminal.take();
  shown.terminal.resize(0, 0);
  assert.match(shown.terminal.take(), /WRITE\/S[\s\S]*product:4711:stock[\s\S]*q quit/);
});

test("a filter asks for more keys than are shown: the wanted ones need not be the hottest", async (t) => {
  const shown = new Shown(t);
  await shown.shows("product:4711:stock");
  shown.keyboard.press("/us");
  await waitFor("it to ask for more", () => shown.asked.some(({ keysMax }) => keysMax === 1000));
  assert.equal(shown.asked[0]?.keysMax, 50);
});

test("without a keyboard there is the view all the same, and no raw mode", async (t) => {
  const shown = new Shown(t, { keyboard: new StandInKeyboard({ isTTY: false }) });
  await shown.shows("Ctrl-C ends");
  assert.deepEqual([shown.keyboard.isRaw, shown.keyboard.isPaused], [false, true]);
});

test("a keyboard that goes away ends the view", async (t) => {
  const shown = new Shown(t);
  await shown.shows("user:1");
  shown.keyboard.emit("end");
  await shown.over;
  assert.equal(shown.isOver, true);
});

test("a pause holds what is shown while the source goes on", async (t) => {
  const shown = new Shown(t);
  await shown.shows("user:1");
  shown.keyboard.press("p");
  await shown.shows("PAUSED since");
  const asked = shown.asked.length;
  shown.answer = async () => sceneWith({ atMs: Date.now(), keys: [keyRow({ label: "later:1" })] });
  await waitFor("it to ask on", () => shown.asked.length >= asked + 2);
  assert.ok(!shown.terminal.written.includes("later:1"));
  shown.keyboard.press("p");
  await shown.shows("later:1");
});

test("what was shown is let go: a view that is open for hours keeps one scene", async (t) => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const read: WeakRef<Scene>[] = [];
  const answer = async () => {
    const scene = sceneWith({ atMs: Date.now() });
    read.push(new WeakRef(scene));
    return scene;
  };
  const shown = new Shown(t, { answer });
  await waitFor("a third scene", () => read.length >= 3);
  await waitFor("the first scene to be let go", () => {
    collectGarbage();
    return read[0]?.deref() === undefined;
  });
  await shown.end();
});

test("a terminal that can draw nothing gets plain lines", async () => {
  const terminal = new StandInTerminal();
  const abort = new AbortController();
  const over = showLiveView({
    source: { read: async () => sceneWith() },
    texts: TEXTS,
    selection: ALL_KEYS,
    out: terminal,
    input: new StandInKeyboard(),
    env: { TERM: "dumb" },
    signal: abort.signal,
  });
  abort.abort();
  await over;
  assert.equal(terminal.written, "keyheat demo: its own redis-server\nAPI http://x   Ctrl-C ends\n");
});
