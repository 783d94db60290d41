import type { Command } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import type { HotCommandOptions } from "./hot.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";
import { withSweep } from "./sweep-options.ts";

export function addHot(scan: Command, done: (exitCode: number) => void): void {
  withSweep(withServers(scan.command("hot")))
    .summary("most used keys, by LFU frequency")
    .description(
      "Lists the keys with the highest LFU frequency (OBJECT FREQ), as redis-cli --hotkeys does. The server needs an LFU maxmemory-policy.",
    )
    .option("--limit <n>", "how many keys are listed", wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText("after", examples(["keyheat scan hot --redis redis://10.0.0.1:6379 --limit 50"]))
    .action(async (options: HotCommandOptions) => {
      const { hotCommand } = await import("./hot.ts");
      done(await runAction((io) => hotCommand(options, io)));
    });
}
