import { ConfigError, defaultConfig, loadConfig, problemLines } from "../config/load.ts";
import { createLogger, type Logger } from "../runtime/logger.ts";
import { startStandalone } from "../standalone.ts";
import { stopRequest } from "./stop-request.ts";

const DATA_DIR = "./keyheat-data";
/** A stop that takes longer ends the process all the same. */
const STOP_MS_MAX = 4800;

export interface StandaloneCommandOptions {
  readonly config?: string;
  readonly redis: readonly string[];
  readonly dataDir?: string;
}

/** `keyheat standalone`: runs until SIGTERM or SIGINT. Returns the exit code. */
export async function standaloneCommand({
  config: file,
  redis,
  dataDir,
}: StandaloneCommandOptions): Promise<number> {
  const redisUrls = redis.length > 0 ? { redisUrls: [...redis] } : {};
  const config = file === undefined ? defaultConfig(redisUrls) : loadConfig(file, process.env, redisUrls);
  const logger = createLogger(config.log.level);
  using stop = stopRequest(["SIGINT", "SIGTERM"]);
  process.on("SIGHUP", () => checkAgain(file, logger));
  const standalone = await startStandalone(config, { logger, dataDir: dataDir ?? DATA_DIR });
  const { targets, rules, receivers } = config;
  logger.info(
    { targets: targets.length, rules: rules.length, receivers: receivers.length },
    "standalone started",
  );
  if (!stop.aborted) await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  logger.info("stopping");
  const watchdog = setTimeout(() => {
    logger.warn("not everything closed in time");
    process.exit(0);
  }, STOP_MS_MAX);
  await standalone.stop();
  clearTimeout(watchdog);
  logger.info("stopped");
  return 0;
}

/** SIGHUP must not end a daemon: it says whether the file would do at the next start. */
function checkAgain(file: string | undefined, logger: Logger): void {
  if (file === undefined) return;
  try {
    loadConfig(file, process.env);
    logger.warn({ file }, "the config file is valid; it takes effect at the next start");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logger.error(
      { file, problems: problemLines(error.problems) },
      "the config file is bad, the running one stays",
    );
  }
}
