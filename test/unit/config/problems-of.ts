import { ConfigError, type ParseOptions, parseConfig } from "../../../src/config/load.ts";
import type { Config } from "../../../src/config/schema.ts";

/** Parses a config given as YAML, or as what JSON would say. */
export function parse(config: unknown, options: Partial<ParseOptions> = {}): Config {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return parseConfig(text, { env: {}, source: "test.yaml", ...options });
}

/** The problems of a config, `path: message` each; empty if it is fine. */
export function problemsOf(config: unknown, options: Partial<ParseOptions> = {}): string[] {
  try {
    parse(config, options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}
