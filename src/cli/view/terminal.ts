import type { KeyInput } from "./key-decoder.ts";
import { Keyboard, type ViewInput } from "./keyboard.ts";
import { Screen, type ViewOutput } from "./screen.ts";

export interface TerminalOptions {
  readonly out: ViewOutput;
  readonly input: ViewInput;
  readonly onKey: (input: KeyInput) => void;
  /** What it shows has to be drawn anew. */
  readonly onStale: () => void;
}

/** A stopped process gets no further than that. */
const RESUME_MS = 20;

/**
 * A terminal while the view has it: keys come one by one, and frames are drawn on a page of its own.
 *
 * It is given back as it was when the process ends, however it ends, but by SIGKILL; and while it is suspended.
 */
export class Terminal implements Disposable {
  readonly #out: ViewOutput;
  readonly #screen: Screen;
  readonly #keyboard: Keyboard;
  readonly #onStale: () => void;
  readonly #stale = () => {
    this.#screen.forget();
    this.#onStale();
  };
  readonly #giveBack = () => {
    this.#keyboard.close();
    this.#screen.close();
  };
  readonly #onSuspend = () => {
    this.#giveBack();
    process.off("SIGTSTP", this.#onSuspend);
    // Without a listener the process stops here, unless nobody could wake it: then the kernel lets it go on.
    process.kill(process.pid, "SIGTSTP");
    setTimeout(this.#takeBack, RESUME_MS).unref();
  };
  readonly #takeBack = () => {
    if (this.#isOver) return;
    process.off("SIGTSTP", this.#onSuspend);
    process.on("SIGTSTP", this.#onSuspend);
    // The shell has set the terminal as it likes it.
    this.#keyboard.close();
    this.#keyboard.open();
    this.#stale();
  };
  #isOver = false;

  constructor({ out, input, onKey, onStale }: TerminalOptions) {
    this.#out = out;
    this.#screen = new Screen(out);
    this.#keyboard = new Keyboard(input, onKey);
    this.#onStale = onStale;
    out.on("resize", this.#stale);
    process.on("exit", this.#giveBack);
    process.on("SIGTSTP", this.#onSuspend);
    process.on("SIGCONT", this.#takeBack);
    this.#keyboard.open();
  }

  draw(lines: readonly string[]): void {
    this.#screen.draw(lines);
  }

  /** Draws all of the next frame, whatever was there. */
  redraw(): void {
    this.#stale();
  }

  /** Stops the process, and those that were started with it, as Ctrl-Z does where nobody reads single keys. */
  suspend(): void {
    process.kill(0, "SIGTSTP");
  }

  /** Gives the terminal back, with these lines in it. */
  leave(lines: readonly string[]): void {
    this.#screen.closeWith(lines);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#out.off("resize", this.#stale);
    process.off("exit", this.#giveBack);
    process.off("SIGTSTP", this.#onSuspend);
    process.off("SIGCONT", this.#takeBack);
    this.#giveBack();
  }
}
