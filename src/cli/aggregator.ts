import { startAggregator } from "../aggregator-service.ts";
import { loadConfig } from "../config/load.ts";
import { createLogger } from "../runtime/logger.ts";
import { runDaemon } from "./daemon.ts";

export interface AggregatorCommandOptions {
  readonly config: string;
  readonly dataDir?: string;
}

/** `keyheat aggregator`: runs until SIGTERM or SIGINT, or Kafka refuses it for good. Returns the exit code. */
export async function aggregatorCommand({
  config: file,
  dataDir,
}: AggregatorCommandOptions): Promise<number> {
  const read = () => loadConfig(file, process.env, { role: "aggregator" });
  const config = read();
  const logger = createLogger(config.log.level);
  if (dataDir !== undefined) logger.info("incidents are kept in Kafka: nothing is written to --data-dir");
  const { promise: dead, resolve: onDead } = Promise.withResolvers<{ readonly message: string }>();
  const start = async () => ({ ...(await startAggregator(config, { logger, onDead })), dead });
  return await runDaemon({ name: "aggregator", config, read, logger, start });
}
