import type { Command } from "commander";
import { wholeNumber } from "../arguments.ts";

const DB_MAX = 1_000_000;

/** Adds the options of scans that go over keys. */
export function withSweep(command: Command): Command {
  return command
    .option("--match <glob>", "only keys that match, such as 'user:*'")
    .option("--db <n>", "only this database (default: all that hold keys)", wholeNumber(0, DB_MAX))
    .option(
      "--max-keys <n>",
      "end after about so many keys (default: at the last one)",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    );
}

/** What they come in as. */
export interface SweepCommandOptions {
  readonly match?: string;
  readonly db?: number;
  readonly maxKeys?: number;
}
