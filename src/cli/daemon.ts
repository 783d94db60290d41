import { ConfigError, loadConfig, type ProcessRole, problemLines } from "../config/load.ts";
import type { Logger } from "../runtime/logger.ts";
import { stopRequest } from "./stop-request.ts";

/** A stop that takes longer ends the process all the same. */
const STOP_MS_MAX = 4800;

export interface Daemon {
  /** Why it cannot go on, once that is so. */
  readonly dead?: Promise<{ readonly message: string }>;
  stop(): Promise<void>;
}

export interface DaemonOptions {
  readonly name: ProcessRole;
  /** Checked again on SIGHUP; `undefined`: there is none. */
  readonly file: string | undefined;
  readonly logger: Logger;
  readonly start: () => Promise<Daemon>;
}

/**
 * Runs until SIGTERM or SIGINT, or until it cannot go on.
 *
 * Throws: what `start` throws, and Error with the reason why it could not go on.
 */
export async function runDaemon({ name, file, logger, start }: DaemonOptions): Promise<number> {
  using stop = stopRequest(["SIGINT", "SIGTERM"]);
  process.on("SIGHUP", () => checkAgain(name, file, logger));
  const daemon = await start();
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

/** SIGHUP must not end a daemon: it says whether the file would do at the next start. */
function checkAgain(role: ProcessRole, file: string | undefined, logger: Logger): void {
  if (file === undefined) return;
  try {
    loadConfig(file, process.env, { role });
    logger.warn({ file }, "the config file is valid; it takes effect at the next start");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logger.error(
      { file, problems: problemLines(error.problems) },
      "the config file is bad, the running one stays",
    );
  }
}
