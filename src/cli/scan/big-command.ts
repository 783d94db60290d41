import { type Command, Option } from "commander";
import { examples, valueSize, wholeNumber } from "../arguments.ts";
import type { BigCommandOptions } from "./big.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";
import { withSweep } from "./sweep-options.ts";

const ABOVE = "10KiB";
const SAMPLES_MAX = 100;

export function addBig(scan: Command, done: (exitCode: number) => void): void {
  withSweep(withServers(scan.command("big")))
    .summary("largest keys, by type")
    .description(
      "Lists the keys that take the most memory (MEMORY USAGE), and all keys by type. Streams and the like, whose measuring could block the server, are listed by their length.",
    )
    .addOption(
      new Option("--above <size>", "only measured keys above this size")
        .default(valueSize(ABOVE), ABOVE)
        .argParser(valueSize),
    )
    .option(
      "--limit <n>",
      "how many keys are listed; and as many of those that are sized by their length",
      wholeNumber(1, LIMIT_MAX),
      LIMIT,
    )
    .option(
      "--samples <n>",
      "members of each collection that are measured (default: the server's, 5)",
      wholeNumber(1, SAMPLES_MAX),
    )
    .addHelpText("after", examples(["keyheat scan big --redis redis://10.0.0.1:6379 --above 1MiB"]))
    .action(async (options: BigCommandOptions) => {
      const { bigCommand } = await import("./big.ts");
      done(await runAction((io) => bigCommand(options, io)));
    });
}
