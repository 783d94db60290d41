import { type Command, Option } from "commander";
import { DEFAULT_API_URL, examples, httpUrl } from "./arguments.ts";
import type { AddSilenceOptions, SilenceApiOptions } from "./silence.ts";

type Done = (exitCode: number) => void;

/** `keyheat silence add|list|remove`. */
export function addSilence(program: Command, done: Done): void {
  const silence = program
    .command("silence")
    .summary("keep alerts from being sent for a while")
    .description(
      "Silences of a running Keyheat: what fires and matches one is not told to anybody until it ends. What is over is told all the same.",
    )
    .addHelpText("after", examples(["keyheat silence add --key 'sale:*' --for 2h --comment 'the sale'"]));
  addAdd(silence, done);
  addList(silence, done);
  addRemove(silence, done);
}

function addAdd(silence: Command, done: Done): void {
  withApi(silence.command("add"))
    .summary("make a silence, and print its id")
    .description(
      "Makes a silence and prints its id. At least one of the globs (`*`, `?`, `[a-z]`, as in Redis) is needed, and all of them have to match.",
    )
    .option("--key <glob>", "keys; of redacted keys the label")
    .option("--cluster <glob>", "clusters")
    .option("--rule <glob>", "names of rules")
    .option("--target <glob>", "targets, such as 10.0.0.1:6379")
    .option("--severity <glob>", "severities: info, warning, critical")
    .option("--pattern <glob>", "patterns of keys, such as user:{n}")
    .option("--service <glob>", "services that use the key")
    .addOption(new Option("--for <duration>", "how long, such as 2h").conflicts("until"))
    .option("--until <time>", "until when, such as 2026-11-23T17:00:00Z")
    .option("--comment <text>", "why")
    .option("--by <name>", "who makes it (default: $USER)")
    .addHelpText(
      "after",
      examples([
        "keyheat silence add --key 'sale:*' --for 2h --comment 'the sale'",
        "keyheat silence add --cluster shop --severity warning --until 2026-11-24T06:00:00Z",
      ]),
    )
    .action(async (options: AddSilenceOptions) => {
      const { addCommand } = await import("./silence.ts");
      done(await addCommand(options, io()));
    });
}

function addList(silence: Command, done: Done): void {
  withApi(silence.command("list"))
    .summary("show the silences")
    .description("Shows the silences, those that ended within the last hour included.")
    .option("--json", "as JSON, in the form of the API")
    .addHelpText("after", examples(["keyheat silence list"]))
    .action(async (options: SilenceApiOptions & { json?: boolean }) => {
      const { listCommand } = await import("./silence.ts");
      done(await listCommand(options, io()));
    });
}

function addRemove(silence: Command, done: Done): void {
  withApi(silence.command("remove"))
    .summary("end a silence")
    .description("Ends a silence: what still fires is told then.")
    .argument("<id>", "as add printed it, and list shows it")
    .addHelpText("after", examples(["keyheat silence remove 3c6e0b8a-9c15-424a-8a1f-0d5e1f3b7c2d"]))
    .action(async (id: string, options: SilenceApiOptions) => {
      const { removeCommand } = await import("./silence.ts");
      done(await removeCommand(id, options));
    });
}

function withApi(command: Command): Command {
  return command
    .option("--url <url>", "API of a running standalone or aggregator", httpUrl, DEFAULT_API_URL)
    .option("--token-file <file>", "file with the token of the API");
}

function io() {
  return { out: process.stdout, err: process.stderr, env: process.env };
}
