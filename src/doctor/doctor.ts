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
  const { config, signal } = options;
  const others = [
    examineKafka(options),
    ...config.receivers.map((receiver) => examineReceiver(receiver, options)),
    examineWatchdog(options),
    examineListen(options),
  ];
  const stop = stopOf(signal);
  const parts = await Promise.all([
    examineTargets(options),
    ...others.map((part) => Promise.race([part, stop.reached])),
  ]);
  stop.forget();
  return parts.flat();
}

/** `reached` resolves at Ctrl-C: what has not answered by then has found nothing. */
function stopOf(signal: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<readonly Finding[]>();
  const end = () => resolve([]);
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  return { reached: promise, forget: () => signal.removeEventListener("abort", end) };
}
