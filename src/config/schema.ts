import type { z } from "zod";
import { type Route, routes } from "./alerts.ts";
import { hotSet } from "./hot-set.ts";
import { http, type Listen } from "./http.ts";
import { type FileKafka, kafka } from "./kafka.ts";
import { log, metrics } from "./observability.ts";
import { type Receiver, receivers } from "./receivers.ts";
import { redact } from "./redact.ts";
import { grace, type Rule, rules, windows } from "./rules.ts";
import { name, section } from "./scalars.ts";
import { ignore, panes, sources } from "./sources.ts";
import type { Endpoint } from "./target-url.ts";
import { discovery, targets } from "./targets.ts";
import { watchdog } from "./watchdog.ts";

export type { Route } from "./alerts.ts";
export type {
  AlertmanagerReceiver,
  LogReceiver,
  PagerDutyReceiver,
  Receiver,
  SlackReceiver,
  WebhookReceiver,
} from "./receivers.ts";
export type { Rule } from "./rules.ts";
export type { Endpoint } from "./target-url.ts";
export type { RuleType } from "./thresholds.ts";

/** What a config file may say: types, defaults, bounds and descriptions. */
export const fileSchema = section({
  cluster: name()
    .prefault("default")
    .describe("Name of the logical keyspace, for targets that do not name theirs."),
  targets,
  discovery,
  sources,
  panes,
  ignore,
  redact,
  http,
  kafka,
  windows,
  grace,
  rules,
  hotSet,
  routes,
  receivers,
  watchdog,
  metrics,
  log,
});

/** A config file, checked value by value; files that it names are not read yet. */
export type FileConfig = z.output<typeof fileSchema>;

/** PEM texts; present (perhaps empty) where the connection uses TLS. */
export interface TargetTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** Who Keyheat is to a server. `password` is secret. */
export interface Access {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Present exactly where TLS is used. */
  readonly tls?: TargetTls | undefined;
}

/** A server to watch. `url` and `password` are secret: only `address` may be shown. */
export interface TargetConfig {
  /** Canonical, with all credentials, percent-encoded. */
  readonly url: string;
  readonly endpoint: Endpoint;
  /** Its name everywhere: `host:port`, `[::1]:6379` or `unix:///path`. */
  readonly address: string;
  readonly cluster: string;
  readonly username?: string;
  readonly password?: string;
  /** Present exactly where TLS is used. */
  readonly tls?: TargetTls;
}

/** Which pods are servers, and how to reach them. `password` is secret. */
export interface KubernetesConfig extends Access {
  readonly labelSelector: string;
  readonly port: number;
  /** Absent: that of the own pod. */
  readonly namespaces?: readonly string[] | undefined;
  /** Label that names a pod's cluster; absent, or not on the pod: it is `cluster`. */
  readonly clusterLabel?: string | undefined;
  readonly cluster: string;
}

/** How to reach Kafka. `sasl.password` is secret. */
export interface KafkaConfig extends Omit<FileKafka, "brokers" | "ssl" | "sasl"> {
  /** `host:port` each, at least one; absent where there is no Kafka. */
  readonly brokers?: readonly string[];
  /** Present (perhaps empty) exactly where TLS is used. */
  readonly ssl?: TargetTls;
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  };
}

/** Which of the servers that are found are watched. */
export type Observe = NonNullable<FileConfig["discovery"]["observe"]>;

/** What leaves the agent in place of keys. `secret`: of the identities, the same at every agent. */
export type Redact =
  | { readonly mode: "none" }
  | { readonly mode: "hash" | "template"; readonly secret: string };

/** Everything an operator can set, ready to use: durations in ms, rates per second, sizes in bytes. Holds secrets. */
export interface Config
  extends Omit<
    FileConfig,
    "targets" | "discovery" | "redact" | "http" | "kafka" | "rules" | "routes" | "receivers"
  > {
  readonly targets: TargetConfig[];
  readonly discovery: { readonly observe?: Observe; readonly kubernetes?: KubernetesConfig };
  readonly redact: Redact;
  readonly http: {
    readonly listen: Listen;
    readonly auth?: { readonly token: string };
    /** Without a trailing slash. */
    readonly externalUrl?: string;
    /** In lower case. */
    readonly hosts: string[];
    readonly tls?: { readonly cert: string; readonly key: string };
  };
  readonly kafka: KafkaConfig;
  /** The listed windows and those of the rules, in ms, ascending, without repetitions. */
  readonly windows: number[];
  readonly rules: Rule[];
  readonly routes: Route[];
  readonly receivers: Receiver[];
}
