import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { waitFor } from "./wait.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const CHARACTERS_TOLD = 4000;

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  /** Runs it as a job of a shell, which says `stopped` where it stops, and puts it into the foreground again. */
  readonly asJob?: boolean;
}

/** The command `keyheat` in a pseudo-terminal, as somebody sits before it. By `script` of util-linux. */
export class Terminal {
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  #pressedAt = 0;
  /** All that was written to the terminal. */
  output = "";

  constructor(args: readonly string[], { columns, rows, asJob = false }: TerminalOptions) {
    const keyheat = [process.execPath, MAIN, ...args].map(quoted).join(" ");
    const run = asJob ? `set -m; ${keyheat}; echo stopped; fg` : `echo "pid=$$"; exec ${keyheat}`;
    const line = `stty cols ${columns} rows ${rows}; ${run}`;
    this.#process = spawn("script", ["-qfec", line, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    this.#ended = once(this.#process, "close").then(([code]) => code);
  }

  /** The exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  press(keys: string): void {
    this.#pressedAt = this.output.length;
    this.#process.stdin?.write(keys);
  }

  /**
   * Waits until the text has been written to the terminal after what was pressed last, in whatever colours.
   *
   * Throws: Error with what was written.
   */
  async shows(text: string): Promise<void> {
    const written = () => stripVTControlCharacters(this.output.slice(this.#pressedAt));
    try {
      await waitFor(`the terminal to show ${text}`, () => written().includes(text));
    } catch (cause) {
      throw new Error(`it did not show ${text}, but:\n${written().slice(-CHARACTERS_TOLD)}`, { cause });
    }
  }

  /** To the command alone, not where it runs as a job. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const pid = await waitFor("its process id", () => Number(/pid=(\d+)/.exec(this.output)?.[1]));
    process.kill(pid, signal);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Runs `keyheat ARGS` in a terminal, which goes away with the test `t`. */
export function startTerminal(t: TestContext, args: readonly string[], options: TerminalOptions): Terminal {
  const terminal = new Terminal(args, options);
  t.after(() => terminal.kill());
  return terminal;
}
