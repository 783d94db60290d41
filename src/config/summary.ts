import { kindOf } from "./receivers.ts";
import type { Config, KafkaConfig, KubernetesConfig, Observe, TargetConfig } from "./schema.ts";
import { formatHostPort } from "./target-url.ts";
import { showThreshold } from "./thresholds.ts";

/** What a config amounts to, line by line, without secrets. */
export function summaryLines(config: Config): string[] {
  const { host, port } = config.http.listen;
  const seconds = config.windows.map((windowMs) => `${windowMs / 1000}s`);
  return [
    `cluster: ${config.cluster}`,
    `targets: ${listed([...config.targets.map(targetLine), ...podsLines(config.discovery.kubernetes)])}`,
    ...(config.redact.mode === "none" ? [] : [`redact: ${config.redact.mode}`]),
    `observed: ${observedLine(config.discovery.observe)}`,
    `windows: ${listed(seconds)}`,
    `rules: ${listed(config.rules.map(({ name, type, threshold }) => `${name} (${type} ${showThreshold(type, threshold)})`))}`,
    `receivers: ${listed(config.receivers.map((receiver) => `${receiver.name} (${kindOf(receiver)})`))}`,
    ...(config.watchdog === undefined ? [] : [`watchdog: every ${config.watchdog.every / 1000}s`]),
    ...kafkaLines(config.kafka),
    `http: ${config.http.tls ? "https" : "http"}://${formatHostPort(host, port)}${config.http.auth ? ", with a token" : ""}`,
  ];
}

function listed(items: readonly string[]): string {
  return items.length === 0 ? "none" : items.join(", ");
}

const OBSERVED: Readonly<Record<Observe, string>> = {
  all: "every server of the targets' clusters",
  local: "the servers of the targets' clusters that are on the same host",
  listed: "the targets alone",
};

function observedLine(observe: Observe | undefined): string {
  if (observe !== undefined) return OBSERVED[observe];
  return `${OBSERVED.all} (standalone), or ${OBSERVED.local} (agent)`;
}

function targetLine({ address, cluster, tls, username, password }: TargetConfig): string {
  const how = [cluster, tls && "TLS", username && `user ${username}`, password && "with a password"];
  return `${address} (${how.filter(Boolean).join(", ")})`;
}

function podsLines(kubernetes: KubernetesConfig | undefined): string[] {
  if (kubernetes === undefined) return [];
  const { labelSelector, namespaces, port, tls, username, password } = kubernetes;
  const place = namespaces === undefined ? "own namespace" : `namespaces ${namespaces.join(", ")}`;
  const how = [
    place,
    `port ${port}`,
    tls && "TLS",
    username && `user ${username}`,
    password && "with a password",
  ];
  return [`pods with ${labelSelector} (${how.filter(Boolean).join(", ")})`];
}

function kafkaLines({ brokers, prefix, ssl, sasl }: KafkaConfig): string[] {
  if (brokers === undefined) return [];
  const how = [`prefix ${prefix}`, ssl && "TLS", sasl && `user ${sasl.username}, with a password`];
  return [`kafka: ${brokers.join(", ")} (${how.filter(Boolean).join(", ")})`];
}
