import type { Receiver as ReceiverConfig } from "../../config/schema.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { LogReceiver } from "./log.ts";
import type { Receiver } from "./receiver.ts";
import { WebhookReceiver } from "./webhook.ts";

interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The receivers that a config names. */
export function createReceivers(configs: readonly ReceiverConfig[], surroundings: Surroundings): Receiver[] {
  return configs.map((config) => createReceiver(config, surroundings));
}

function createReceiver(config: ReceiverConfig, { clock, logger }: Surroundings): Receiver {
  if ("webhook" in config) return new WebhookReceiver(config, clock);
  return new LogReceiver(config.name, logger);
}
