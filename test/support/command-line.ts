import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What `keyheat` is here: a Node, and the file that it runs. */
export type Program = readonly [node: string, main: string];
const FROM_SOURCES: Program = [process.execPath, MAIN];

/** The command `keyheat` with its arguments, run from the sources unless another program is given. */
export class CommandLine {
  readonly process: ChildProcess;
  readonly #ended: Promise<number | null>;
  /** What it has written to standard output and standard error, in the order of arrival. */
  output = "";

  constructor(
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    [node, main]: Program = FROM_SOURCES,
  ) {
    this.process = spawn(node, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.output += piece.toString("utf8");
      });
    }
    this.#ended = once(this.process, "close").then(([code]) => code);
  }

  /** The exit code; `null` where a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Waits until the output matches. Throws: Error with the output. */
  async says(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    try {
      return await waitFor(`the output to match ${pattern}`, () => pattern.exec(this.output), timeoutMs);
    } catch (cause) {
      throw new Error(`it did not say ${pattern}, but:\n${this.output}`, { cause });
    }
  }

  /** Sends a signal; returns the exit code and how long the end took, in ms. */
  async stop(signal: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }> {
    const startMs = performance.now();
    this.process.kill(signal);
    const code = await this.ended();
    return { code, tookMs: performance.now() - startMs };
  }
}

/** Runs `keyheat ARGS`; it is killed with the test `t`, if it has not ended before that. */
export function runKeyheat(
  t: TestContext,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
  program?: Program,
): CommandLine {
  const command = new CommandLine(args, env, program);
  t.after(() => command.process.kill("SIGKILL"));
  return command;
}
