import ipaddr from "ipaddr.js";
import type { z } from "zod";
import { parseHttpUrl } from "./http.ts";
import { file, list, name, type Parsed, secret, section, text } from "./scalars.ts";

/** The services that can be told, in the order of the documentation; each is a key of a receiver. */
export const RECEIVER_KINDS = ["webhook", "slack", "pagerduty", "alertmanager", "log"] as const;

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

const pagerduty = section({
  routingKey: secret()
    .optional()
    .describe(
      "Integration key of a service of PagerDuty (Events API v2); best from an environment variable.",
    ),
  routingKeyFile: file()
    .optional()
    .describe("File that holds the key, in place of `routingKey`; a trailing newline is left off."),
  url: text({ type: "URL", max: 8192, parse: parseHttpUrl })
    .prefault("https://events.pagerduty.com/v2/enqueue")
    .describe("Where events go; accounts in the EU: `https://events.eu.pagerduty.com/v2/enqueue`."),
});

function parseBaseUrl(text: string): Parsed<URL> {
  const parsed = parseHttpUrl(text);
  if ("problem" in parsed || (parsed.value.search === "" && parsed.value.hash === "")) return parsed;
  return { problem: "expected a URL without ? and #" };
}

const alertmanagerAuth = section({
  username: text({ max: 1024 }).optional().describe("User for basic authentication."),
  password: secret().optional().describe("Its password; best from an environment variable."),
  passwordFile: file()
    .optional()
    .describe("File that holds the password, in place of `password`; a trailing newline is left off."),
  tokenFile: file()
    .optional()
    .describe(
      "File that holds a bearer token, in place of user and password; a trailing newline is left off.",
    ),
});

const alertmanager = section({
  urls: list(text({ type: "URL", max: 8192, parse: parseBaseUrl }), { min: 1, max: 20 }).describe(
    "All replicas of one Alertmanager (`http://alertmanager-0:9093`), never a load balancer before them: each gets every alert.",
  ),
  auth: alertmanagerAuth.optional().describe("What they ask for: a user with a password, or a token."),
});

const receiver = section({
  name: name().describe("Its name in routes and metrics; no two receivers share one."),
  webhook: webhook.optional().describe("An HTTP endpoint."),
  slack: slack.optional().describe("A channel of Slack, through an incoming webhook."),
  pagerduty: pagerduty
    .optional()
    .describe("A service of PagerDuty: one incident for keys that fire together."),
  alertmanager: alertmanager
    .optional()
    .describe("A Prometheus Alertmanager, which gets each incident by itself."),
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

export interface PagerDutyReceiver extends SendingReceiver {
  readonly pagerduty: { readonly routingKey: string; readonly url: string };
}

export interface AlertmanagerReceiver extends SendingReceiver {
  readonly alertmanager: {
    readonly urls: readonly string[];
    /** Value of the header of that name; a secret. */
    readonly authorization?: string;
  };
}

export interface LogReceiver extends NamedReceiver {
  readonly log: Record<string, never>;
}

export type Receiver =
  | WebhookReceiver
  | SlackReceiver
  | PagerDutyReceiver
  | AlertmanagerReceiver
  | LogReceiver;

/** Which service a receiver is. */
export function kindOf(receiver: Receiver): ReceiverKind {
  return RECEIVER_KINDS.find((kind) => kind in receiver) ?? "log";
}

/** A receiver of a config without problems; `contentOf`: of the file that one of its keys (`slack.urlFile`) names. */
export function resolveReceiver(
  { name, webhook, slack, pagerduty, alertmanager, allow }: FileReceiver,
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
  if (pagerduty !== undefined) {
    const routingKey = pagerduty.routingKey ?? contentOf("pagerduty.routingKeyFile") ?? "";
    return { name, pagerduty: { routingKey, url: pagerduty.url }, allow };
  }
  if (alertmanager !== undefined) {
    const authorization = authorizationOf(alertmanager.auth, contentOf);
    const { urls } = alertmanager;
    return { name, alertmanager: { urls, ...(authorization === null ? {} : { authorization }) }, allow };
  }
  return { name, log: {} };
}

function authorizationOf(
  auth: z.output<typeof alertmanagerAuth> | undefined,
  contentOf: (key: string) => string | undefined,
): string | null {
  if (auth === undefined) return null;
  const token = contentOf("alertmanager.auth.tokenFile");
  if (token !== undefined) return `Bearer ${token}`;
  const password = auth.password ?? contentOf("alertmanager.auth.passwordFile") ?? "";
  return `Basic ${Buffer.from(`${auth.username ?? ""}:${password}`).toString("base64")}`;
}
