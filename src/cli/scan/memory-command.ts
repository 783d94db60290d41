import { type Command, InvalidArgumentError, Option } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import type { MemoryCommandOptions } from "./memory.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";
import { withSweep } from "./sweep-options.ts";

const SAMPLE_MAX = 1_000_000;
/** Each key is compared with each of them. */
const PATTERNS_MAX = 1000;

export function addMemory(scan: Command, done: (exitCode: number) => void): void {
  withSweep(withServers(scan.command("memory")))
    .summary("memory by pattern of the keys")
    .description(
      "Sums up MEMORY USAGE by pattern: of the given globs, or of the patterns that it finds (user:{n}:profile). Streams and the like, whose measuring could block the server, are counted only.",
    )
    .addOption(
      new Option("--patterns <globs...>", "a key counts for the first that matches it")
        .default([], "found")
        .argParser(addGlob),
    )
    .option(
      "--sample <n>",
      "measure only about so many keys of each pattern, and estimate (default: all)",
      wholeNumber(1, SAMPLE_MAX),
    )
    .option("--limit <n>", "how many of the found patterns are listed", wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText(
      "after",
      examples([
        "keyheat scan memory --redis redis://10.0.0.1:6379",
        "keyheat scan memory --redis redis://10.0.0.1:6379 --patterns 'user:*' 'session:*' --sample 1000",
      ]),
    )
    .action(async (options: MemoryCommandOptions) => {
      const { memoryCommand } = await import("./memory.ts");
      done(await runAction((io) => memoryCommand(options, io)));
    });
}

function addGlob(glob: string, before: readonly string[]): readonly string[] {
  if (before.length < PATTERNS_MAX) return [...before, glob];
  throw new InvalidArgumentError(`Expected at most ${PATTERNS_MAX} globs.`);
}
