#!/usr/bin/env node
import { CommanderError } from "commander";
import { packageVersion } from "../runtime/version.ts";
import { createProgram } from "./program.ts";

const USAGE = 2;
const FAILED = 1;
const NODE_MIN = [22, 15] as const;

/** Runs the command of the command line. Returns the exit code: 0 done, 2 bad usage or config, 1 failed. */
async function main(argv: readonly string[]): Promise<number> {
  if (!isNewEnough(process.versions.node)) {
    process.stderr.write(`keyheat: needs Node ${NODE_MIN.join(".")} or newer, this is ${process.version}\n`);
    return FAILED;
  }
  let exitCode = 0;
  const program = createProgram(packageVersion(), (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    return await tell(error);
  }
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** The reason on the last line. */
async function tell(error: unknown): Promise<number> {
  const { ConfigError, problemLines } = await import("../config/problem.ts");
  if (error instanceof ConfigError) {
    process.stderr.write(`${problemLines(error.problems).join("\n")}\n`);
    return USAGE;
  }
  process.stderr.write(`keyheat: ${error instanceof Error ? error.message : String(error)}\n`);
  return FAILED;
}

/** A reader that went away (`keyheat demo | head`) is an end like any other; a full disk is none. */
function exitUnwritten({ code, message }: NodeJS.ErrnoException): never {
  if (code === "EPIPE") process.exit(0);
  process.stderr.write(`keyheat: the output cannot be written: ${code ?? message}\n`);
  process.exit(FAILED);
}

/** Exits when the answer is out, for `process.exit` cuts off what a slow reader has not taken yet. */
function exitWhenWritten(exitCode: number): void {
  const { stdout } = process;
  stdout.write("", (error) => {
    const lost = stdout.errored ?? error;
    if (lost) exitUnwritten(lost);
    process.exit(exitCode);
  });
}

process.stdout.on("error", exitUnwritten);
// Nobody is left to be told; the answer may still have its reader.
process.stderr.on("error", () => {});
exitWhenWritten(await main(process.argv.slice(2)));
