import ipaddr from "ipaddr.js";
import type { z } from "zod";
import { parseHttpUrl } from "./http.ts";
import { file, list, name, type Parsed, secret, section, text } from "./scalars.ts";

/** The services that can be told, in the order of the documentation; each is a key of a receiver. */
export const RECEIVER_KINDS = ["webhook", "slack", "log"] as const;

export type ReceiverKind = (typeof RECEIVER_KINDS)[number];

/** Kinds that send nothing over the network. */
export const LOCAL_KINDS: readonly ReceiverKind[] = ["log"];

function parseNetwork(text: string): Parsed<string> {
  const valid = ipaddr.isValidCIDR(text) || (ipaddr.isValid(text) && /[:]|^\d+(\.\d+){3}$/.test(text));
  return valid ? { value: text } : { problem: "expected an IP address or a network such as 127.0.0.0/8" };
}

/** A URL that is itself a secret: whoever has it can post. */
export function secretUrl() {
  return text({ type: "URL (secret)", max: 8192, secret: true, parse: parseHttpUrl });
}

const webhook = section({
  url: secretUrl().describe("Where incidents are posted, as Standard Webhooks."),
  secret: secret()
    .optional()
    .describe("Signs the messages (HMAC-SHA256); best from an environment variable."),
  secretFile: file()
    .optional()
    .describe("File that holds the secret, in place of `secret`; a trailing newline is left off."),
});

const slack = section({
  url: secretUrl()
    .optional()
    .describe("URL of an incoming webhook of Slack; best from an environment variable."),
  urlFile: file()
    .optional()
    .describe("File that holds the URL, in place of `url`; a trailing newline is left off."),
});

const receiver = section({
  name: name().describe("Its name in routes and metrics; no two receivers share one."),
  webhook: webhook.optional().describe("An HTTP endpoint."),
  slack: slack.optional().describe("A channel of Slack, through an incoming webhook."),
  log: section({}).optional().describe("Lines in Keyheat's own log: `log: {}`."),
  allow: list(text({ what: "a network", type: "network", max: 64, parse: parseNetwork }), { max: 100 })
    .prefault([])
    .describe(
      "The only networks and addresses that its messages may be sent to. Link-local and metadata addresses never are.",
    ),
});

export type FileReceiver = z.output<typeof receiver>;

export const receivers = list(receiver)
  .prefault([{ name: "log", log: {} }])
  .describe(
    `Who is told; each has exactly one of ${RECEIVER_KINDS.map((kind) => `\`${kind}\``).join(", ")}.`,
  );

interface NamedReceiver {
  readonly name: string;
}

/** One that sends over the network. */
interface SendingReceiver extends NamedReceiver {
  /** Networks (`127.0.0.0/8`) and addresses; empty: no narrowing. */
  readonly allow: readonly string[];
}

export interface WebhookReceiver extends SendingReceiver {
  readonly webhook: { readonly url: string; readonly secret?: string };
}

export interface SlackReceiver extends SendingReceiver {
  readonly slack: { readonly url: string };
}

export interface LogReceiver extends NamedReceiver {
  readonly log: Record<string, never>;
}

export type Receiver = WebhookReceiver | SlackReceiver | LogReceiver;

/** Which service a receiver is. */
export function kindOf(receiver: Receiver): ReceiverKind {
  return RECEIVER_KINDS.find((kind) => kind in receiver) ?? "log";
}

/** A receiver of a config without problems; `contentOf`: of the file that one of its keys (`slack.urlFile`) names. */
export function resolveReceiver(
  { name, webhook, slack, allow }: FileReceiver,
  contentOf: (key: string) => string | undefined,
): Receiver {
  if (webhook !== undefined) {
    const signing = webhook.secret ?? contentOf("webhook.secretFile");
    return {
      name,
      webhook: { url: webhook.url, ...(signing === undefined ? {} : { secret: signing }) },
      allow,
    };
  }
  if (slack !== undefined)
    return { name, slack: { url: slack.url ?? contentOf("slack.urlFile") ?? "" }, allow };
  return { name, log: {} };
}
