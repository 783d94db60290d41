import { defaultConfig, loadConfig } from "../config/load.ts";
import { createLogger } from "../runtime/logger.ts";
import { startStandalone } from "../standalone.ts";
import { runDaemon } from "./daemon.ts";
import { type RecordOptions, withRecording } from "./recording.ts";

const DATA_DIR = "./keyheat-data";

export interface StandaloneCommandOptions extends RecordOptions {
  readonly config?: string;
  readonly redis: readonly string[];
  readonly dataDir?: string;
}

/** `keyheat standalone`: runs until SIGTERM or SIGINT. Returns the exit code. */
export async function standaloneCommand(options: StandaloneCommandOptions): Promise<number> {
  const { config: file, redis, dataDir = DATA_DIR } = options;
  const redisUrls = redis.length > 0 ? { redisUrls: [...redis] } : {};
  const read = () =>
    file === undefined ? defaultConfig(redisUrls) : loadConfig(file, process.env, redisUrls);
  const config = read();
  const logger = createLogger(config.log.level);
  return await runDaemon({
    name: "standalone",
    config,
    read,
    logger,
    start: () =>
      withRecording(options, logger, (recording) => startStandalone(config, { logger, dataDir, recording })),
  });
}
