import type { PagerDutyReceiver as PagerDutyConfig } from "../../config/schema.ts";
import type { IncidentGroup } from "../../model/incident.ts";
import type { Clock } from "../../runtime/clock.ts";
import { HttpSender } from "./http-sender.ts";
import { pagerDutyEvent } from "./pagerduty-event.ts";
import type { Receipt, Receiver } from "./receiver.ts";

interface PagerDutySurroundings {
  readonly clock: Clock;
  readonly externalUrl?: string | undefined;
}

/** Opens and resolves incidents of PagerDuty: one for each thread, so that a group of keys pages once. */
export class PagerDutyReceiver implements Receiver {
  readonly name: string;
  readonly keepsThreads = true;
  readonly #sender: HttpSender;
  readonly #routingKey: string;
  readonly #externalUrl: string | undefined;

  constructor({ name, pagerduty, allow }: PagerDutyConfig, { clock, externalUrl }: PagerDutySurroundings) {
    this.name = name;
    this.#sender = new HttpSender({ url: pagerduty.url, allow, clock });
    this.#routingKey = pagerduty.routingKey;
    this.#externalUrl = externalUrl;
  }

  async deliver(group: IncidentGroup, signal: AbortSignal): Promise<Receipt> {
    // Others of the thread are still hot: it stays open until the last of them has ended.
    if (group.event === "resolved" && group.thread?.isOver === false) return {};
    const event = pagerDutyEvent(group, { routingKey: this.#routingKey, externalUrl: this.#externalUrl });
    return await this.#sender.postJson(event, signal);
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}
