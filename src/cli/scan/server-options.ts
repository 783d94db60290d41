import { type Command, Option } from "commander";
import type { Environment } from "../../config/environment.ts";
import { defaultConfig, loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problem.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { wholeNumber } from "../arguments.ts";

/** Which servers a scan looks at, and how it prints. */
export interface ServerOptions {
  readonly redis: readonly string[];
  readonly config?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  /** Commands a second and server. */
  readonly budget: number;
  readonly json?: boolean;
}

/** Commands a second and server. */
export const BUDGET = 5000;
const BUDGET_MIN = 10;
const BUDGET_MAX = 1_000_000;

/** Adds the options that all scans share. */
export function withServers(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--redis <url>",
        "server to look at, such as redis://user:password@host:6379, rediss://, unix:///path; of a Redis Cluster any node; repeatable (default: redis://127.0.0.1:6379)",
      )
        .default([], "none")
        .argParser((url: string, before: string[]) => [...before, url]),
    )
    .addOption(
      new Option("-c, --config <file>", "config file (YAML) whose targets are looked at").conflicts("redis"),
    )
    .addOption(new Option("--username <name>", "ACL user, where it is not in the URL").conflicts("config"))
    .addOption(new Option("--password-file <file>", "file that holds the password").conflicts("config"))
    .addOption(
      new Option(
        "--ca-file <file>",
        "certificates (PEM) that a rediss:// server is checked against",
      ).conflicts("config"),
    )
    .option(
      "--budget <n>",
      "commands a second that each server is asked at most; it is asked less when its latency rises",
      wholeNumber(BUDGET_MIN, BUDGET_MAX),
      BUDGET,
    )
    .option("--json", "print one JSON document");
}

/** The servers that the options name. Throws: ConfigError. */
export function targetsOf(options: ServerOptions, env: Environment): readonly TargetConfig[] {
  const { redis, config, username, passwordFile, caFile } = options;
  if (config !== undefined) return listedIn(config, env);
  const urls = redis.length > 0 ? redis : ["redis://127.0.0.1:6379"];
  const targets = urls.map((url) => ({
    url,
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(caFile === undefined ? {} : { tls: { caFile } }),
  }));
  return defaultConfig({ targets }).targets;
}

function listedIn(file: string, env: Environment): readonly TargetConfig[] {
  const { targets, discovery } = loadConfig(file, env);
  if (targets.length > 0 || discovery.kubernetes === undefined) return targets;
  const message =
    "a scan does not look for pods; name one in place of the config (--redis redis://ADDRESS:6379)";
  throw new ConfigError(file, [{ path: "discovery.kubernetes", message }]);
}
