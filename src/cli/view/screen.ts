/** What the view writes to: `process.stdout`, or a stand-in. */
export interface ViewOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: "resize" | "error", listener: () => void): unknown;
  off(event: "resize" | "error", listener: () => void): unknown;
}

// A page of its own, so that what stood in the terminal is there again afterwards.
const ENTER_PAGE = "\u001b[?1049h";
const LEAVE_PAGE = "\u001b[?1049l";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
// A line that is wider than the terminal after all (a font with other widths) is cut by it instead of wrapped.
const NO_WRAP = "\u001b[?7l";
const WRAP = "\u001b[?7h";
const PASTE_MARKED = "\u001b[?2004h";
const PASTE_PLAIN = "\u001b[?2004l";
// A terminal that knows these shows all of a frame at once; others ignore them.
const FRAME_BEGINS = "\u001b[?2026h";
const FRAME_ENDS = "\u001b[?2026l";
const CLEAR_LINE = "\u001b[K";
const CLEAR_PAGE = "\u001b[2J";

const OPENING = ENTER_PAGE + HIDE_CURSOR + NO_WRAP + PASTE_MARKED + CLEAR_PAGE;
const CLOSING = PASTE_PLAIN + WRAP + SHOW_CURSOR + LEAVE_PAGE;

/** Draws frames on a page of the terminal's own. Only lines that have changed are written. */
export class Screen {
  readonly #out: ViewOutput;
  #drawn: readonly string[] = [];
  #isStale = false;
  #isOpen = false;

  constructor(out: ViewOutput) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    const opening = this.#isOpen ? "" : OPENING;
    const clearing = this.#isOpen && this.#isStale ? CLEAR_PAGE : "";
    const before = opening + clearing === "" ? this.#drawn : [];
    this.#isOpen = true;
    this.#isStale = false;
    this.#drawn = lines;
    const changes = changedLines(before, lines);
    if (opening + clearing + changes === "") return;
    this.#out.write(`${opening}${FRAME_BEGINS}${clearing}${changes}${FRAME_ENDS}`);
  }

  /** Nobody knows any more what the terminal shows: the next frame is drawn whole. */
  forget(): void {
    this.#isStale = true;
  }

  /** Gives the terminal back as it was, with the cursor. It may be drawn on again. */
  close(): void {
    if (this.#isOpen) this.#out.write(CLOSING);
    this.#isOpen = false;
  }

  /** The same, and writes the lines where the cursor is then; nothing where it was never drawn on. */
  closeWith(lines: readonly string[]): void {
    const wasOpen = this.#isOpen;
    this.close();
    if (wasOpen) this.#out.write(lines.map((line) => `${line}\n`).join(""));
  }
}

function changedLines(before: readonly string[], after: readonly string[]): string {
  let changes = "";
  for (let row = 0; row < Math.max(before.length, after.length); row++) {
    const line = after[row] ?? "";
    if (line !== (before[row] ?? "")) changes += `\u001b[${row + 1};1H${CLEAR_LINE}${line}`;
  }
  return changes;
}
