import type { Command } from "commander";
import { examples, wholeNumber } from "../arguments.ts";
import type { EventsCommandOptions } from "./events.ts";
import { LIMIT, LIMIT_MAX } from "./limits.ts";
import { runAction } from "./run-action.ts";
import { withServers } from "./server-options.ts";

const SECONDS = 10;
const SECONDS_MAX = 3600;

export function addEvents(scan: Command, done: (exitCode: number) => void): void {
  withServers(scan.command("events"))
    .summary("hot keys, writes and misses, by keyspace notifications")
    .description(
      "Counts keyspace events for a while: writes, and reads of keys that are not there. Reads that find their key cause no event: see scan monitor for these. Needs notify-keyspace-events at the server, and changes nothing there.",
    )
    .option(
      "--patterns <globs...>",
      "only keys that one of these matches, such as 'user:*' (the server filters)",
      [],
    )
    .option("--seconds <n>", "for how long", wholeNumber(1, SECONDS_MAX), SECONDS)
    .option("--limit <n>", "how many keys are listed", wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText(
      "after",
      examples([
        "keyheat scan events --redis redis://10.0.0.1:6379",
        "keyheat scan events --redis redis://10.0.0.1:6379 --patterns 'user:*' 'cart:*' --seconds 30",
      ]),
    )
    .action(async (options: EventsCommandOptions) => {
      const { eventsCommand } = await import("./events.ts");
      done(await runAction((io) => eventsCommand(options, io)));
    });
}
