import type { Environment } from "../../config/environment.ts";
import { defaultConfig, loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problem.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { ServerOptions } from "./server-options.ts";

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
