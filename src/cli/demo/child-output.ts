import { type ExecFileException, execFile } from "node:child_process";

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/** A program that could not be run or failed; `code` says which. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly code: "MISSING" | "FAILED";
  readonly retryable = false;

  constructor(code: "MISSING" | "FAILED", message: string, options: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

/** Standard output of a program that ends by itself. Throws: ProgramError. */
export function childOutput(
  program: string,
  args: readonly string[],
  { env = process.env, cwd, signal, timeoutMs = 120_000 }: RunOptions = {},
): Promise<string> {
  const options = { cwd, signal, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    execFile(program, args, { ...options, env: { ...env, LC_ALL: "C" } }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(programError(program, error, stderr));
    });
  });
}

function programError(program: string, error: ExecFileException, stderr: string): ProgramError {
  if (error.code === "ENOENT") return new ProgramError("MISSING", `${program} is missing`, { cause: error });
  const reason =
    stderr
      .trim()
      .split("\n")
      .findLast((line) => line.trim() !== "") ?? error.message;
  return new ProgramError("FAILED", `${program} failed: ${reason.trim()}`, { cause: error });
}
