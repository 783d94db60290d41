import type { Finding } from "./finding.ts";
import { examineKafka } from "./kafka.ts";
import { examineListen } from "./listen.ts";
import type { DoctorOptions } from "./options.ts";
import { examineReceiver, examineWatchdog } from "./receivers.ts";
import { examineTargets } from "./targets.ts";

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
