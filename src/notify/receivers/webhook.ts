import { Agent, request } from "undici";
import type { WebhookReceiver as WebhookConfig } from "../../config/schema.ts";
import type { IncidentGroup } from "../../model/incident.ts";
import type { Clock } from "../../runtime/clock.ts";
import { EgressError, egressConnector } from "../egress.ts";
import { failureOf } from "./http-answer.ts";
import { DeliveryError, type Receiver } from "./receiver.ts";
import { signer } from "./signature.ts";
import { webhookBody } from "./webhook-body.ts";

/** Bounds of what nobody reads; the attempt itself is bounded by its signal. */
const ANSWER_BYTES_MAX = 16 * 1024;
const ANSWER_TIMEOUT_MS = 15_000;
const CONNECTIONS_MAX = 8;

/** Posts incidents as Standard Webhooks: `webhook-id` is the same over retries of one message. */
export class WebhookReceiver implements Receiver {
  readonly name: string;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #sign: ReturnType<typeof signer> | null;
  readonly #clock: Clock;
  /** Its own connections, kept alive; no proxy of the environment comes between. */
  readonly #agent: Agent;

  constructor({ name, webhook, allow }: WebhookConfig, clock: Clock) {
    this.name = name;
    this.#url = new URL(webhook.url);
    this.#headers = {
      "content-type": "application/json",
      "user-agent": "keyheat",
      ...takeCredentials(this.#url),
    };
    this.#sign = webhook.secret ? signer(webhook.secret) : null;
    this.#clock = clock;
    this.#agent = new Agent({
      connect: egressConnector(allow),
      connections: CONNECTIONS_MAX,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  async deliver(group: IncidentGroup, signal: AbortSignal): Promise<void> {
    const body = webhookBody(group);
    const answer = await this.#post(group.id, body, signal);
    // Accepted is accepted: nobody waits for the rest of the answer.
    answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => {});
    const retryAfter = answer.headers["retry-after"];
    const failure = failureOf(answer.statusCode, retryAfter?.toString(), this.#clock.now());
    if (failure) throw failure;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #post(id: string, body: Buffer, signal: AbortSignal) {
    const timestamp = Math.floor(this.#clock.now() / 1000);
    const signature = this.#sign ? { "webhook-signature": this.#sign(id, timestamp, body) } : {};
    const headers = { ...this.#headers, "webhook-id": id, "webhook-timestamp": `${timestamp}`, ...signature };
    try {
      return await request(this.#url, { method: "POST", dispatcher: this.#agent, headers, body, signal });
    } catch (cause) {
      if (cause instanceof EgressError) throw new DeliveryError("FORBIDDEN_ADDRESS", false, { cause });
      throw new DeliveryError("UNREACHABLE", true, { cause });
    }
  }
}

/** Moves a user and password out of the URL: `request` would leave them out, and errors might show them. */
function takeCredentials(url: URL): Record<string, string> {
  const { username, password } = url;
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = "";
  url.password = "";
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
