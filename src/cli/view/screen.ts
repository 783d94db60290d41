/** What the view writes to: `process.stdout`, or a stand-in. */
export interface ViewOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: "resize" | "error", listener: () => void): unknown;
  off(event: "resize" | "error", listener: () => void): unknown;
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
// A line that is wider than the terminal after all (a font with other widths) is cut by it instead of wrapped.
const NO_WRAP = "\u001b[?7l";
const WRAP = "\u001b[?7h";
const CLEAR_TO_LINE_END = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const HOME = "\u001b[H";

/** Draws frames over one another, in the place where the first one was; what stood above stays. */
export class Screen {
  readonly #out: ViewOutput;
  #linesDrawn = 0;
  #wasResized = false;
  #isOpen = false;
  readonly #onResize = () => {
    this.#wasResized = true;
  };

  constructor(out: ViewOutput) {
    this.#out = out;
    out.on("resize", this.#onResize);
  }

  draw(lines: readonly string[]): void {
    const opening = this.#isOpen ? "" : HIDE_CURSOR;
    this.#isOpen = true;
    const body = lines.map((line) => `${line}${CLEAR_TO_LINE_END}\n`).join("");
    this.#out.write(`${opening}${NO_WRAP}${this.#backToTop()}${body}${CLEAR_BELOW}${WRAP}`);
    this.#linesDrawn = lines.length;
  }

  /** After a resize nobody knows how the terminal has wrapped what was there: the frame moves to the top. */
  #backToTop(): string {
    const isResized = this.#wasResized;
    this.#wasResized = false;
    if (isResized) return `${HOME}${CLEAR_BELOW}`;
    return this.#linesDrawn === 0 ? "" : `\u001b[${this.#linesDrawn}A\r`;
  }

  /** Leaves the last frame where it is, with the cursor below it. */
  close(): void {
    this.#out.off("resize", this.#onResize);
    if (this.#isOpen) this.#out.write(`${WRAP}${SHOW_CURSOR}`);
    this.#isOpen = false;
  }
}
