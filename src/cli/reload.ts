import { isDeepStrictEqual } from "node:util";
import { ConfigError, problemLines } from "../config/load.ts";
import type { Config, Rule } from "../config/schema.ts";
import type { Logger } from "../runtime/logger.ts";

/** What of a config follows from its rules, or is them. */
const ABOUT_RULES: ReadonlySet<string> = new Set<keyof Config>(["rules", "windows"]);

export interface ReloadOptions {
  /** What the process runs with. */
  readonly running: Config;
  /** Reads the config file again. Throws: ConfigError. */
  readonly read: () => Config;
  readonly logger: Logger;
  /** Goes by these rules from now on; `undefined`: this process has none. */
  readonly setRules: ((rules: readonly Rule[]) => void) | undefined;
}

/**
 * SIGHUP: takes the rules of the config file over, all of them or, where anything in it is bad, none. What else has
 * changed takes effect at the next start, and is named.
 */
export function reload({ running, read, logger, setRules }: ReloadOptions): void {
  const config = readOrSay(read, logger);
  if (config === null) return;
  const unkept = config.windows.filter((windowMs) => !running.windows.includes(windowMs));
  if (setRules !== undefined && unkept.length > 0) {
    const problems = unkept.map((windowMs) => windowProblem(config, windowMs, running.windows));
    logger.error({ problems }, "the config file is bad, the running rules stay");
    return;
  }
  setRules?.(config.rules);
  const later = changedKeys(running, config);
  const hint = later.length > 0 ? { atNextStart: later } : {};
  if (setRules === undefined)
    logger.info(hint, "the config file is valid; it takes effect at the next start");
  else logger.info({ rules: config.rules.map(({ name }) => name), ...hint }, "rules were read again");
}

function readOrSay(read: () => Config, logger: Logger): Config | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logger.error(
      { problems: problemLines(error.problems) },
      "the config file is bad, the running rules stay",
    );
    return null;
  }
}

/** Windows are kept from the start on: one that is new would be empty, and blind. */
function windowProblem({ rules }: Config, windowMs: number, kept: readonly number[]): string {
  const index = rules.findIndex(({ window }) => window === windowMs);
  const path = index < 0 ? "windows" : `rules[${index}].window`;
  const lengths = kept.map((length) => `${length}ms`).join(", ");
  return `${path}: ${windowMs}ms is not kept since the start (kept: ${lengths}): restart, or use one of these`;
}

/** Top-level keys whose values are others than those that run; rules aside. */
function changedKeys(running: Config, read: Config): string[] {
  return Object.entries(read)
    .filter(
      ([key, value]) => !ABOUT_RULES.has(key) && !isDeepStrictEqual(value, running[key as keyof Config]),
    )
    .map(([key]) => key);
}
