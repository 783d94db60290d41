import type { Command } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";
import type { SlowCommandOptions } from "./slow.ts";

const COUNT_MAX = 1_000_000;

export function addSlow(scan: Command, done: (exitCode: number) => void): void {
  withServers(scan.command("slow"))
    .summary("the slow log, key by key")
    .description(
      "Sums up the slow log (SLOWLOG GET, the latest 1,000 entries) by key: how often, how long in all, how long at worst, by which commands.",
    )
    .option("--min-count <n>", "only keys with so many slow commands", wholeNumber(1, COUNT_MAX), 1)
    .option("--limit <n>", "how many keys are listed", wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText("after", examples(["keyheat scan slow --redis redis://10.0.0.1:6379 --min-count 3"]))
    .action(async (options: SlowCommandOptions) => {
      const { slowCommand } = await import("./slow.ts");
      done(await runAction((io) => slowCommand(options, io)));
    });
}
