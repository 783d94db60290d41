import { startAgent } from "../agent-service.ts";
import { loadConfig } from "../config/load.ts";
import { createLogger } from "../runtime/logger.ts";
import { runDaemon } from "./daemon.ts";
import { type RecordOptions, withRecording } from "./recording.ts";

export interface AgentCommandOptions extends RecordOptions {
  readonly config: string;
}

/** `keyheat agent`: runs until SIGTERM or SIGINT, or Kafka refuses it for good. Returns the exit code. */
export async function agentCommand(options: AgentCommandOptions): Promise<number> {
  const { config: file } = options;
  const read = () => loadConfig(file, process.env, { role: "agent" });
  const config = read();
  const logger = createLogger(config.log.level);
  const { promise: dead, resolve: onDead } = Promise.withResolvers<{ readonly message: string }>();
  const start = () =>
    withRecording(options, logger, async (recording) => {
      return { ...(await startAgent(config, { logger, onDead, recording })), dead };
    });
  return await runDaemon({ name: "agent", config, read, logger, start });
}
