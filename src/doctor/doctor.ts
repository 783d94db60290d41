import { type Finding, Findings } from "./finding.ts";
import { examineKafka } from "./kafka.ts";
import { examineListen } from "./listen.ts";
import type { DoctorOptions } from "./options.ts";
import { examineReceiver, examineWatchdog } from "./receivers.ts";
import { examineTargets } from "./targets.ts";

/** Whatever hangs, nobody waits longer. */
const RUN_MS_MAX = 25_000;

/**
 * Looks for real at what a config names: servers, Kafka, receivers, the port. Changes nothing, and tells nobody anything.
 *
 * Never throws for what it finds. Findings come in the order of the config; what took longer than 25 s has none, and one
 * says so.
 */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const late = new AbortController();
  const cancel = options.clock.after(RUN_MS_MAX, () => late.abort());
  const signal = AbortSignal.any([options.signal, late.signal]);
  try {
    const findings = await examineAll({ ...options, signal });
    const isLate = late.signal.aborted && !options.signal.aborted;
    return isLate ? [...findings, ...lateFindings()] : findings;
  } finally {
    cancel();
  }
}

function lateFindings(): readonly Finding[] {
  const findings = new Findings("doctor");
  findings.fail(
    "time",
    `not all was looked at within ${RUN_MS_MAX / 1000} s: what is missing above did not answer`,
  );
  return findings.all;
}

async function examineAll(options: DoctorOptions): Promise<readonly Finding[]> {
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

/** `reached` resolves at Ctrl-C, or when time is up: what has not answered by then has found nothing. */
function stopOf(signal: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<readonly Finding[]>();
  const end = () => resolve([]);
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  return { reached: promise, forget: () => signal.removeEventListener("abort", end) };
}
