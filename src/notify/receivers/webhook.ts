import type { WebhookReceiver as WebhookConfig } from "../../config/schema.ts";
import type { IncidentGroup } from "../../model/incident.ts";
import type { Clock } from "../../runtime/clock.ts";
import { HttpSender } from "./http-sender.ts";
import type { Receipt, Receiver } from "./receiver.ts";
import { signer } from "./signature.ts";
import { webhookBody } from "./webhook-body.ts";

/** Posts incidents as Standard Webhooks: `webhook-id` is the same over retries of one message. */
export class WebhookReceiver implements Receiver {
  readonly name: string;
  readonly #sender: HttpSender;
  readonly #sign: ReturnType<typeof signer> | null;
  readonly #clock: Clock;

  constructor({ name, webhook, allow }: WebhookConfig, clock: Clock) {
    this.name = name;
    this.#sender = new HttpSender({ url: webhook.url, allow, clock });
    this.#sign = webhook.secret ? signer(webhook.secret) : null;
    this.#clock = clock;
  }

  deliver(group: IncidentGroup, signal: AbortSignal): Promise<Receipt> {
    const body = webhookBody(group);
    return this.#sender.postJson(body, signal, this.#headersOf(group.id, body));
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  #headersOf(id: string, body: Buffer): Record<string, string> {
    const timestamp = Math.floor(this.#clock.now() / 1000);
    const signature = this.#sign ? { "webhook-signature": this.#sign(id, timestamp, body) } : {};
    return { "webhook-id": id, "webhook-timestamp": `${timestamp}`, ...signature };
  }
}
