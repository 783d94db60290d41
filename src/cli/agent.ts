import { startAgent } from "../agent-service.ts";
import { loadConfig } from "../config/load.ts";
import { createLogger } from "../runtime/logger.ts";
import { runDaemon } from "./daemon.ts";

/** `keyheat agent`: runs until SIGTERM or SIGINT, or Kafka refuses it for good. Returns the exit code. */
export async function agentCommand({ config: file }: { readonly config: string }): Promise<number> {
  const read = () => loadConfig(file, process.env, { role: "agent" });
  const config = read();
  const logger = createLogger(config.log.level);
  const { promise: dead, resolve: onDead } = Promise.withResolvers<{ readonly message: string }>();
  const start = async () => ({ ...(await startAgent(config, { logger, onDead })), dead });
  return await runDaemon({ name: "agent", config, read, logger, start });
}
