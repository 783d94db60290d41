import { setTimeout as sleep } from "node:timers/promises";
import { printable } from "./display-text.ts";
import { type FrameTexts, frameLines, roomOf, type View } from "./frame.ts";
import type { KeyInput } from "./key-decoder.ts";
import { keysToAsk, type Selection } from "./key-order.ts";
import { Keyboard, type ViewInput } from "./keyboard.ts";
import { paintFor } from "./paint.ts";
import { showLines } from "./plain-view.ts";
import type { SceneSource } from "./scene.ts";
import type { ViewOutput } from "./screen.ts";
import { Terminal } from "./terminal.ts";
import { trailsWith } from "./trails.ts";
import { afterInput } from "./view-input.ts";
import { firstState, followed, type Moment, NO_MOMENT, type ViewState } from "./view-state.ts";

export interface LiveViewOptions {
  readonly source: SceneSource;
  readonly texts: FrameTexts;
  readonly selection: Selection;
  readonly out: ViewOutput;
  readonly input: ViewInput;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the view. */
  readonly signal: AbortSignal;
}

const SCENE_MS = 1000;
const SCENE_PHASE_MS = 150;
/** Of a terminal that does not tell. */
const COLUMNS = 80;
const ROWS = 24;
/** Ages grow also while an answer is waited for. */
const REDRAW_MS = 1000;

/**
 * Shows scenes until `signal` aborts or the user quits: frames in a terminal, with keys where there is a keyboard; else
 * plain lines.
 */
export async function showLiveView(options: LiveViewOptions): Promise<void> {
  const canDraw = options.out.isTTY === true && options.env.TERM !== "dumb";
  if (canDraw) await new LiveView(options).run();
  else await showLines(options);
}

/** The view in a terminal: what comes, from the source and the keyboard, changes its state, and that is drawn. */
class LiveView {
  readonly #options: LiveViewOptions;
  readonly #over = new AbortController();
  #state: ViewState;
  #moment: Moment = NO_MOMENT;
  #terminal: Terminal | null = null;

  constructor(options: LiveViewOptions) {
    this.#options = options;
    this.#state = firstState(options.selection);
  }

  async run(): Promise<void> {
    const { out, input, signal } = this.#options;
    const end = AbortSignal.any([signal, this.#over.signal]);
    if (end.aborted) return;
    const onKey = (key: KeyInput) => this.#onKey(key);
    using terminal = new Terminal({ out, input, onKey, onStale: () => this.#draw() });
    this.#terminal = terminal;
    const redraw = setInterval(() => this.#draw(), REDRAW_MS);
    try {
      await this.#readUntil(end);
      terminal.leave(this.#lastLines());
    } finally {
      clearInterval(redraw);
      this.#terminal = null;
    }
  }

  async #readUntil(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      // An answer that takes its time does not hold up the end.
      const moment = await unlessAborted(this.#nextMoment(), end);
      if (moment === undefined || end.aborted) return;
      this.#moment = moment;
      this.#state = followed(this.#state, moment);
      this.#draw();
      // Scenes are read just after the full second, when the hop of the second before has closed.
      const untilNextMs = SCENE_MS - ((Date.now() - SCENE_PHASE_MS) % SCENE_MS);
      await sleep(untilNextMs, undefined, { signal: end }).catch(() => {});
    }
  }

  /** With the next scene; where there is none, with the last one and the reason. */
  async #nextMoment(): Promise<Moment> {
    const { source } = this.#options;
    try {
      const scene = await source.read({ keysMax: keysToAsk(this.#state.selection) });
      return { scene, trails: trailsWith(this.#moment.trails, scene), failure: null };
    } catch (error) {
      const reason = printable(error instanceof Error ? error.message : String(error));
      return { ...this.#moment, failure: reason };
    }
  }

  #onKey(key: KeyInput): void {
    if (key.type === "key" && key.name === "suspend") {
      this.#terminal?.suspend();
      return;
    }
    if (key.type === "key" && key.name === "redraw") {
      this.#terminal?.redraw();
      return;
    }
    const room = roomOf(this.#view(), this.#size(), this.#paint());
    this.#state = afterInput(this.#state, key, this.#moment, room);
    if (this.#state.isOver) this.#over.abort();
    else this.#draw();
  }

  #draw(): void {
    this.#terminal?.draw(frameLines(this.#view(), this.#size(), this.#paint()));
  }

  /** The table is what stays in the terminal, whatever page was open. */
  #lastLines(): readonly string[] {
    const state = { ...this.#state, opened: null, isHelpShown: false, isTyping: false, cursor: null };
    return frameLines({ ...this.#view(), state, hints: "none" }, this.#size(), this.#paint());
  }

  #view(): View {
    const { texts, input } = this.#options;
    const hints = Keyboard.isOn(input) ? "keys" : "end";
    return { state: this.#state, moment: this.#moment, texts, hints, nowMs: Date.now() };
  }

  #size() {
    const { columns, rows } = this.#options.out;
    // A terminal that does not know its size says 0: a serial line, or a container's before anybody has set it.
    return { columns: columns || COLUMNS, rows: rows || ROWS };
  }

  #paint() {
    return paintFor(this.#options.env);
  }
}

/**
 * What is awaited, or `undefined` where `signal` aborts before it is there.
 *
 * Nothing stays with the signal: a race against one promise for all rounds would keep the outcome of each of them.
 */
async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([awaited, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
