import type { Receiver as ReceiverConfig } from "../../config/schema.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { AlertmanagerReceiver } from "./alertmanager.ts";
import { LogReceiver } from "./log.ts";
import { PagerDutyReceiver } from "./pagerduty.ts";
import type { Receiver } from "./receiver.ts";
import { SlackReceiver } from "./slack.ts";
import { WebhookReceiver } from "./webhook.ts";

interface Surroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where people reach this process, for links. */
  readonly externalUrl?: string | undefined;
}

/** The receivers that a config names. */
export function createReceivers(configs: readonly ReceiverConfig[], surroundings: Surroundings): Receiver[] {
  return configs.map((config) => createReceiver(config, surroundings));
}

export function createReceiver(config: ReceiverConfig, surroundings: Surroundings): Receiver {
  if ("webhook" in config) return new WebhookReceiver(config, surroundings.clock);
  if ("slack" in config) return new SlackReceiver(config, surroundings);
  if ("pagerduty" in config) return new PagerDutyReceiver(config, surroundings);
  if ("alertmanager" in config) return new AlertmanagerReceiver(config, surroundings);
  return new LogReceiver(config.name, surroundings.logger);
}
