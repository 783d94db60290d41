import type { SlackReceiver as SlackConfig } from "../../config/schema.ts";
import type { IncidentGroup } from "../../model/incident.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type AlertText, alertText } from "../alert-text.ts";
import { HttpSender } from "./http-sender.ts";
import { DeliveryError, type Receipt, type Receiver } from "./receiver.ts";
import { type SlackMessage, slackMessage, slackPlainMessage } from "./slack-blocks.ts";

/** Slack asks for this at most, with short bursts. Source: https://docs.slack.dev/apis/web-api/rate-limits */
const MIN_INTERVAL_MS = 1000;
const BAD_REQUEST = 400;
/** What a 400 says that has nothing to do with the form of the message. */
const NOT_OF_FORM = /no_service|invalid_token|channel|team|user|action_prohibited/;

interface SlackSurroundings {
  readonly clock: Clock;
  readonly externalUrl?: string | undefined;
}

/** Posts incidents to a channel of Slack, through an incoming webhook. */
export class SlackReceiver implements Receiver {
  readonly name: string;
  readonly minIntervalMs = MIN_INTERVAL_MS;
  readonly #sender: HttpSender;
  readonly #externalUrl: string | undefined;

  constructor({ name, slack, allow }: SlackConfig, { clock, externalUrl }: SlackSurroundings) {
    this.name = name;
    this.#sender = new HttpSender({ url: slack.url, allow, clock });
    this.#externalUrl = externalUrl;
  }

  async deliver(group: IncidentGroup, signal: AbortSignal): Promise<Receipt> {
    const alert = alertText(group, { externalUrl: this.#externalUrl });
    try {
      return await this.#post(slackMessage(alert), signal);
    } catch (error) {
      if (!isRefusalOfForm(error)) throw error;
      return await this.#postPlain(alert, signal);
    }
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  /** A page without blocks is better than none. */
  #postPlain(alert: AlertText, signal: AbortSignal): Promise<Receipt> {
    return this.#post(slackPlainMessage(alert), signal);
  }

  #post(message: SlackMessage, signal: AbortSignal): Promise<Receipt> {
    return this.#sender.postJson(JSON.stringify(message), signal);
  }
}

function isRefusalOfForm(error: unknown): boolean {
  return error instanceof DeliveryError && error.status === BAD_REQUEST && !NOT_OF_FORM.test(error.reason);
}
