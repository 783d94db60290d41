import { Command, Option } from "commander";
import type { AgentCommandOptions } from "./agent.ts";
import { DEFAULT_API_URL, examples, fileSize, httpUrl, wholeNumber } from "./arguments.ts";
import type { BacktestCommandOptions } from "./backtest.ts";
import { addScan } from "./scan-commands.ts";
import { addSilence } from "./silence-commands.ts";
import type { StandaloneCommandOptions } from "./standalone.ts";
import { type TopOptions, windowLengthMs } from "./top/options.ts";
import { KEYS_ASKED_MAX, KEYS_SHOWN, SORTS } from "./view/key-order.ts";

const DESCRIPTION = `Finds the keys that overheat Redis and Valkey servers, with bounds on every number, and alerts once.`;

const EXIT_CODES = `
Exit codes: 0 done; 2 bad usage or config, every problem at once; 1 failed at run time, reason on the last line.`;

/**
 * The commands and what they take. Each command's code is loaded when it runs, so that help comes at once.
 *
 * `done` gets the exit code. Throws (when parsing): CommanderError, with 0 for help and version.
 */
export function createProgram(version: string, done: (exitCode: number) => void): Command {
  const program = new Command("keyheat")
    .description(DESCRIPTION)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", examples(["keyheat demo", "keyheat standalone --redis redis://10.0.0.1:6379"]))
    .addHelpText("after", EXIT_CODES)
    .showSuggestionAfterError()
    .configureOutput({ writeErr: (text) => process.stderr.write(withoutCredentials(text)) })
    .exitOverride();
  addStandalone(program, done);
  addAgent(program, done);
  addAggregator(program, done);
  addDemo(program, done);
  addTop(program, done);
  addCheck(program, done);
  addTopics(program, done);
  addBacktest(program, done);
  addReceivers(program, done);
  addSilence(program, done);
  addScan(program, done);
  // A subcommand has a version too, as its parent: operators try it on each.
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.version(version, "-V, --version", "print the version");
  }
  return program;
}

/** What is said of a mistyped option repeats it, and it may hold a URL with a password: `--redsi=redis://:secret@host`. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/:\/\/[^\s'"]*@/g, "://***@");
}

const redisOption = () =>
  new Option(
    "--redis <url>",
    "server to watch, such as redis://user:password@host:6379, rediss://, unix:///path; repeatable",
  )
    .default([], "none")
    .argParser((url: string, before: string[]) => [...before, url]);

/** What `--record` takes, with its companions. */
function addRecording(command: Command): Command {
  return command
    .option("--record <file>", "record what is published, with its keys, for keyheat backtest")
    .option("--record-max <size>", "the recording ends at this size (default: 1GiB)", fileSize)
    .option("--record-overwrite", "replace a recording that is there; without it the start is refused");
}

type Done = (exitCode: number) => void;

function addStandalone(program: Command, done: Done): void {
  const command = program
    .command("standalone")
    .summary("watch servers and alert, all in one process")
    .description("Watches the servers of the config (or of --redis), serves the API and metrics, and alerts.")
    .option("-c, --config <file>", "config file (YAML); without one, every default")
    .addOption(redisOption())
    .option(
      "--data-dir <dir>",
      "where incidents and notifications outlive a restart (default: ./keyheat-data)",
    )
    .addHelpText(
      "after",
      examples([
        "keyheat standalone --redis redis://10.0.0.1:6379",
        "keyheat standalone --config keyheat.yaml --data-dir /var/lib/keyheat",
      ]),
    )
    .action(async (options: StandaloneCommandOptions) => {
      const { standaloneCommand } = await import("./standalone.ts");
      done(await standaloneCommand(options));
    });
  addRecording(command);
}

function addAgent(program: Command, done: Done): void {
  const command = program
    .command("agent")
    .summary("watch the servers of one host, and publish to Kafka")
    .description(
      "Watches the servers on its host, takes what applications report, and publishes panes to Kafka. Runs beside each Redis node.",
    )
    .requiredOption("-c, --config <file>", "config file (YAML), with kafka.brokers")
    .addHelpText("after", examples(["keyheat agent --config config/agent.yaml"]))
    .action(async (options: AgentCommandOptions) => {
      const { agentCommand } = await import("./agent.ts");
      done(await agentCommand(options));
    });
  addRecording(command);
}

function addAggregator(program: Command, done: Done): void {
  program
    .command("aggregator")
    .summary("merge what agents publish, and alert")
    .description(
      "Merges what agents publish to Kafka, serves the API and metrics, and alerts. Several share the work, and any of them answers for the whole.",
    )
    .requiredOption("-c, --config <file>", "config file (YAML), with kafka.brokers")
    .option("--data-dir <dir>", "not needed: incidents and notifications are kept in Kafka")
    .addHelpText("after", examples(["keyheat aggregator --config config/aggregator.yaml"]))
    .action(async (options: { config: string; dataDir?: string }) => {
      const { aggregatorCommand } = await import("./aggregator.ts");
      done(await aggregatorCommand(options));
    });
}

function addDemo(program: Command, done: Done): void {
  program
    .command("demo")
    .summary("see a key overheat, on a server of its own")
    .description(
      "Starts a redis-server of its own with a load in which a key overheats, and shows what Keyheat sees of it. Where there is no redis-server, Debian's package is fetched into the user's cache; nothing is installed.",
    )
    .option(
      "--redis <url>",
      "show this server instead, without demo load; its configuration is left as it is",
    )
    .option("--seconds <n>", "end after so many seconds", wholeNumber(1, 86_400))
    .option("--port <n>", "port of the API (default: 9380, or a free one)", wholeNumber(0, 65_535))
    .addHelpText("after", examples(["keyheat demo", "keyheat demo --redis redis://127.0.0.1:6379"]))
    .action(async (options: { redis?: string; seconds?: number; port?: number }) => {
      const { demoCommand } = await import("./demo.ts");
      done(await demoCommand(options));
    });
}

function addTop(program: Command, done: Done): void {
  program
    .command("top")
    .summary("live view of the hottest keys")
    .description(
      "Shows the hottest keys and the incidents: of a running Keyheat, or of servers that it watches itself. In the view, ? tells which keys do what.",
    )
    // One or the other: it asks an API, or it watches servers itself, which are one cluster.
    .addOption(redisOption().conflicts(["url", "cluster", "tokenFile"]))
    .option("--url <url>", "API of a running standalone or aggregator", httpUrl, DEFAULT_API_URL)
    .option("--cluster <name>", "cluster to show (default: the one of the config)")
    .option("--token-file <file>", "file with the token of the API")
    .option(
      "--window <length>",
      "over how long rates are taken (default: 10s, if there is one)",
      windowLengthMs,
    )
    .option("--limit <n>", "show so many keys", wholeNumber(1, KEYS_ASKED_MAX), KEYS_SHOWN)
    .addOption(new Option("--sort <by>", "what they are ranked by").choices(SORTS).default("total"))
    .option("--filter <text>", "only keys that have the text in them, or in their pattern", "")
    .option("--once", "print one frame as plain text; with --redis, of a first whole window")
    .option("--json", "print JSON: a line a second, or with --once one document")
    .option("--seconds <n>", "end after so many seconds", wholeNumber(1, 86_400))
    .addHelpText(
      "after",
      examples([
        "keyheat top",
        "keyheat top --redis redis://10.0.0.1:6379",
        "keyheat top --once --sort write --filter cart: --limit 10",
        "keyheat top --json --seconds 60 > minute.ndjson",
      ]),
    )
    .action(async (options: TopOptions) => {
      const { topCommand } = await import("./top.ts");
      const { stdout: out, stderr: err, stdin: input, env } = process;
      done(await topCommand(options, { out, err, input, env }));
    });
}

function addCheck(program: Command, done: Done): void {
  program
    .command("check")
    .summary("check a config file, and with --connect all that it names")
    .description(
      "Reads a config file and prints what it amounts to, or every problem with its path. With --connect it also looks for real at the servers, Kafka and receivers, and prints each problem with the line to run; nothing is changed and nobody is told. Shows no secret.",
    )
    .requiredOption("-c, --config <file>", "config file (YAML)")
    .option("--connect", "look at what the config names, too")
    .option("--json", "with --connect: print one JSON document")
    .addHelpText(
      "after",
      examples(["keyheat check --config keyheat.yaml", "keyheat check --config keyheat.yaml --connect"]),
    )
    .action(async (options: { config: string; connect?: boolean; json?: boolean }) => {
      const { stdout: out, stderr: err, env } = process;
      if (options.connect !== true) {
        const { checkCommand } = await import("./check.ts");
        done(checkCommand(options, { out, err, env }));
        return;
      }
      const { connectCommand } = await import("./check/connect.ts");
      const { stopRequest } = await import("./stop-request.ts");
      using signal = stopRequest();
      done(await connectCommand(options, { out, err, env, signal }));
    });
}

function addTopics(program: Command, done: Done): void {
  program
    .command("topics")
    .summary("plan or create the topics in Kafka")
    .description(
      "Compares Kafka's topics with what agents and aggregators need, and prints what is to be done and which rights their users need. Changes nothing without --apply.",
    )
    .requiredOption("-c, --config <file>", "config file (YAML) with kafka.brokers")
    .option("--apply", "create topics, add partitions and change settings as planned")
    .addHelpText(
      "after",
      examples(["keyheat topics --config keyheat.yaml", "keyheat topics --apply --config keyheat.yaml"]),
    )
    .action(async (options: { config: string; apply?: boolean }) => {
      const { topicsCommand } = await import("./topics.ts");
      done(await topicsCommand(options, { out: process.stdout, err: process.stderr, env: process.env }));
    });
}

function addReceivers(program: Command, done: Done): void {
  const receivers = program
    .command("receivers")
    .summary("try out who is told")
    .description("Tries out the receivers of a config.");
  receivers
    .command("test <name>")
    .summary("send a test alert to one receiver")
    .description(
      "Sends one alert that is marked as a test to a receiver of the config, and prints what came back: status, reason, how long it took.",
    )
    .requiredOption("-c, --config <file>", "config file (YAML)")
    .addHelpText("after", examples(["keyheat receivers test ops --config keyheat.yaml"]))
    .action(async (name: string, options: { config: string }) => {
      const { receiversTestCommand } = await import("./receivers.ts");
      const io = { out: process.stdout, err: process.stderr, env: process.env };
      done(await receiversTestCommand({ name, ...options }, io));
    });
}

function addBacktest(program: Command, done: Done): void {
  program
    .command("backtest")
    .summary("try rules on the past")
    .description(
      "Replays what was recorded, or what Kafka still has, through the rules of a config file, and prints what would have fired, when, and how many pages each receiver would have had. Nobody is told anything.",
    )
    .option("--rules <file>", "config file (YAML) with the rules, routes and receivers to try")
    .option("--against <file>", "config file (YAML) with rules to compare those with")
    .option("--file <recording>", "replay what --record of standalone or agent wrote")
    .option(
      "-c, --config <file>",
      "where Kafka is, to replay its panes (default: as --rules has it); its rules, too, without --rules",
    )
    .option("--from <time>", "since when: 2026-11-28T09:00:00Z, or an age such as -2h")
    .option("--to <time>", "until when (default: now, or the end of the recording)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      examples([
        "keyheat backtest --rules new.yaml --file monday.rec",
        "keyheat backtest --rules new.yaml --against keyheat.yaml --file monday.rec",
        "keyheat backtest --rules new.yaml --config keyheat.yaml --from -1h --to now --json",
      ]),
    )
    .action(async (options: BacktestCommandOptions) => {
      const { backtestCommand } = await import("./backtest.ts");
      const { stopRequest } = await import("./stop-request.ts");
      using signal = stopRequest();
      const { stdout: out, stderr: err, env } = process;
      done(await backtestCommand(options, { out, err, env, signal }));
    });
}
