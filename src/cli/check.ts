import { ConfigError, loadConfig, problemLines } from "../config/load.ts";
import { summaryLines } from "../config/summary.ts";

export interface CheckIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `keyheat check --config FILE`: prints what the config amounts to, or every problem of it. Returns the exit code. */
export function checkCommand({ config: file }: { config: string }, { out, err, env }: CheckIo): number {
  try {
    const config = loadConfig(file, env);
    out.write(`${["ok", ...summaryLines(config)].join("\n")}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    err.write(`${problemLines(error.problems).join("\n")}\n`);
    return 2;
  }
}
