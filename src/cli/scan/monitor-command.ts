import type { Command } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import type { MonitorCommandOptions } from "./monitor.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";

const SECONDS = 2;
const SECONDS_MAX = 60;

export function addMonitor(scan: Command, done: (exitCode: number) => void): void {
  withServers(scan.command("monitor"))
    .summary("hot keys, reads and writes, by a short MONITOR")
    .description(
      "Counts the keys of all commands that servers run in a few seconds, by MONITOR, which costs the server more than the command itself: it asks first, and it ends at once where a server runs a quarter less commands a second than before, holds back 8 MiB for it, or cannot be watched. Values and passwords are not kept.",
    )
    .option("--seconds <n>", "for how long", wholeNumber(1, SECONDS_MAX), SECONDS)
    .option("--limit <n>", "how many keys are listed", wholeNumber(1, LIMIT_MAX), LIMIT)
    .option("--yes", "begin without asking")
    .addHelpText("after", examples(["keyheat scan monitor --redis redis://10.0.0.1:6379 --seconds 5 --yes"]))
    .action(async (options: MonitorCommandOptions) => {
      const { monitorCommand } = await import("./monitor.ts");
      done(await runAction((io) => monitorCommand(options, io, process.stdin)));
    });
}
