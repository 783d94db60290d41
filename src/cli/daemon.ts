import type { ProcessRole } from "../config/load.ts";
import type { Config, Rule } from "../config/schema.ts";
import type { Logger } from "../runtime/logger.ts";
import { reload } from "./reload.ts";
import { stopRequest } from "./stop-request.ts";

/** A stop that takes longer ends the process all the same. */
const STOP_MS_MAX = 4800;

export interface Daemon {
  /** Why it cannot go on, once that is so. */
  readonly dead?: Promise<{ readonly message: string }>;
  /** Goes by these rules from now on. Left out: it has none. */
  setRules?(rules: readonly Rule[]): void;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly name: ProcessRole;
  readonly config: Config;
  /** Reads the config again, on SIGHUP. Throws: ConfigError. */
  readonly read: () => Config;
  readonly logger: Logger;
  readonly start: () => Promise<Daemon>;
}

/**
 * Runs until SIGTERM or SIGINT, or until it cannot go on.
 *
 * Throws: what `start` throws, and Error with the reason why it could not go on.
 */
export async function runDaemon({ name, config, read, logger, start }: DaemonOptions): Promise<number> {
  using stop = stopRequest(["SIGINT", "SIGTERM"]);
  // It must not end a daemon that is not up yet either.
  let setRules: Daemon["setRules"];
  process.on("SIGHUP", () => reload({ running: config, read, logger, setRules }));
  const daemon = await start();
  setRules = daemon.setRules?.bind(daemon);
  logger.info(`${name} started`);
  const asked = new Promise<null>((resolve) => {
    if (stop.aborted) resolve(null);
    else stop.addEventListener("abort", () => resolve(null), { once: true });
  });
  const reason = await Promise.race([asked, ...(daemon.dead ? [daemon.dead] : [])]);
  logger.info("stopping");
  const watchdog = setTimeout(() => {
    logger.warn("not everything closed in time");
    if (reason !== null) process.stderr.write(`keyheat: ${reason.message}\n`);
    process.exit(reason === null ? 0 : 1);
  }, STOP_MS_MAX);
  await daemon.stop();
  clearTimeout(watchdog);
  logger.info("stopped");
  if (reason !== null) throw new Error(reason.message);
  return 0;
}
