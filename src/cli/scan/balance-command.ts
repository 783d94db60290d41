import type { Command } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import type { BalanceCommandOptions } from "./balance.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";

const SECONDS = 5;
const SECONDS_MAX = 3600;

export function addBalance(scan: Command, done: (exitCode: number) => void): void {
  withServers(scan.command("balance"))
    .summary("the nodes side by side")
    .description(
      "Compares the nodes of a cluster: keys, memory, clients, and commands, CPU and network measured over an interval. A node that does more than twice what its peers do on average is potentially hot. Where servers count by slot (CLUSTER SLOT-STATS) the hottest slots are listed.",
    )
    .option("--seconds <n>", "length of the interval", wholeNumber(1, SECONDS_MAX), SECONDS)
    .option("--replicas", "show replicas, too, compared among themselves")
    .addHelpText("after", examples(["keyheat scan balance --redis redis://10.0.0.1:6379 --seconds 10"]))
    .action(async (options: BalanceCommandOptions) => {
      const { balanceCommand } = await import("./balance.ts");
      done(await runAction((io) => balanceCommand(options, io)));
    });
}
