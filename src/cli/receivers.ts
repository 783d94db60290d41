import { loadConfig } from "../config/load.ts";
import { kindOf, type Receiver as ReceiverConfig } from "../config/receivers.ts";
import type { Config } from "../config/schema.ts";
import { visibleHead } from "../model/visible-text.ts";
import { ATTEMPT_TIMEOUT_MS } from "../notify/delivery.ts";
import { DeliveryError, type Receipt, type Receiver } from "../notify/receivers/receiver.ts";
import { createReceiver } from "../notify/receivers/registry.ts";
import { testAlert } from "../notify/test-alert.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { createLogger } from "../runtime/logger.ts";

const REASON_CHARACTERS_MAX = 300;

export interface ReceiversTestOptions {
  readonly name: string;
  readonly config: string;
}

export interface ReceiversIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

/**
 * `keyheat receivers test NAME`: sends one alert that is marked as a test, and prints what came back. Returns the exit
 * code: 0 where it was taken, 1 where it was not, 2 where there is no such receiver.
 *
 * Throws: ConfigError.
 */
export async function receiversTestCommand(
  { name, config: file }: ReceiversTestOptions,
  { out, err, env, clock = systemClock }: ReceiversIo,
): Promise<number> {
  const config = loadConfig(file, env);
  const found = config.receivers.find((receiver) => receiver.name === name);
  if (found === undefined) {
    const names = config.receivers.map((receiver) => receiver.name).join(", ") || "none";
    err.write(`keyheat: no receiver is called ${JSON.stringify(name)}; there are: ${names}\n`);
    return 2;
  }
  const title = `${name} (${kindOf(found)})`;
  const startMs = clock.monotonic();
  const outcome = await tryOnce(found, config, clock);
  const took = `after ${Math.round(clock.monotonic() - startMs)} ms`;
  if (outcome instanceof Error) {
    err.write(`keyheat: ${title} did not take the test alert, ${took}: ${reasonOf(outcome)}\n`);
    return 1;
  }
  const status = outcome.status === undefined ? "" : ` (HTTP ${outcome.status})`;
  out.write(`${title} took the test alert${status} ${took}\n`);
  return 0;
}

async function tryOnce(found: ReceiverConfig, config: Config, clock: Clock): Promise<Receipt | Error> {
  const logger = createLogger("info");
  const receiver = createReceiver(found, { clock, logger, externalUrl: config.http.externalUrl });
  try {
    return await deliver(receiver, config.cluster, clock);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await receiver.close?.();
  }
}

async function deliver(receiver: Receiver, cluster: string, clock: Clock): Promise<Receipt> {
  const controller = new AbortController();
  const cancel = clock.after(ATTEMPT_TIMEOUT_MS, () => controller.abort());
  try {
    return await receiver.deliver(testAlert(cluster, clock.now()), controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    throw new Error(`it did not answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`, { cause: error });
  } finally {
    cancel();
  }
}

/** Status, what the service said, how long it asks to wait, or why nobody was reached. */
function reasonOf(error: Error): string {
  if (!(error instanceof DeliveryError)) return error.message;
  const { code, status, retryAfterMs, reason, cause } = error;
  const parts = [
    code,
    ...(status === null ? [] : [`HTTP ${status}`]),
    ...(reason === "" ? [] : [`it said: ${visibleHead(reason, REASON_CHARACTERS_MAX)}`]),
    ...(retryAfterMs === null ? [] : [`it asks to wait ${retryAfterMs / 1000} s`]),
    ...(cause instanceof Error ? [causeText(cause)] : []),
  ];
  return parts.join(", ");
}

/** Where a name has several addresses, the error of all has a code only. */
function causeText(cause: Error): string {
  if (cause.message !== "") return cause.message;
  return "code" in cause ? String(cause.code) : cause.name;
}
