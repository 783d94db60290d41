import type { Config } from "../config/schema.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Finding } from "./finding.ts";
import { examineKafka } from "./kafka.ts";
import { examineListen } from "./listen.ts";
import { examineReceiver, examineWatchdog } from "./receivers.ts";
import { examineTargets } from "./targets.ts";

export interface DoctorOptions {
  readonly config: Config;
  /** Name of the config file, for lines to run. */
  readonly file: string;
  readonly clock: Clock;
  /** Ends it with what is known. */
  readonly signal: AbortSignal;
}

/**
 * Looks for real at what a config names: servers, Kafka, receivers, the port. Changes nothing, and tells nobody anything.
 *
 * Never throws for what it finds. Findings come in the order of the config.
 */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const { config } = options;
  const parts = await Promise.all([
    examineTargets(options),
    examineKafka(options),
    ...config.receivers.map((receiver) => examineReceiver(receiver, options)),
    examineWatchdog(options),
    examineListen(options),
  ]);
  return parts.flat();
}
