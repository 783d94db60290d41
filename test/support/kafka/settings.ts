import type { Certificates } from "./certificates.ts";

/** What a broker is to be; ports are taken already. */
export interface BrokerPlan {
  readonly folder: string;
  /** What clients connect to. */
  readonly port: number;
  /** Without TLS and password, for tests that set something up; the same as `port` where clients need neither. */
  readonly innerPort: number;
  readonly controllerPort: number;
  /** Passwords by name; `null`: nobody has to say who they are. */
  readonly users: Readonly<Record<string, string>> | null;
  readonly certificates: Certificates | null;
  readonly authorizer: boolean;
}

export const SCRAM_MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** The text of server.properties. */
export function brokerSettings(plan: BrokerPlan): string {
  const { folder, port, innerPort, controllerPort, users, certificates, authorizer } = plan;
  const protocol = `${users ? "SASL_" : ""}${certificates ? "SSL" : "PLAINTEXT"}`;
  const listeners = [`CLIENT://127.0.0.1:${port}`];
  if (innerPort !== port) listeners.push(`INNER://127.0.0.1:${innerPort}`);
  const inner = innerPort === port ? "CLIENT" : "INNER";
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    "controller.listener.names=CONTROLLER",
    `listeners=${[...listeners, `CONTROLLER://127.0.0.1:${controllerPort}`].join(",")}`,
    `advertised.listeners=${listeners.join(",")}`,
    `listener.security.protocol.map=CLIENT:${protocol},INNER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    `inter.broker.listener.name=${inner}`,
    `log.dirs=${folder}/data`,
    ...ONE_NODE,
    ...QUICK,
    ...(users ? saslSettings(users) : []),
    ...(certificates ? tlsSettings(certificates) : []),
    ...(authorizer ? AUTHORIZER : []),
    "",
  ].join("\n");
}

const ONE_NODE = [
  "auto.create.topics.enable=false",
  "default.replication.factor=1",
  "min.insync.replicas=1",
  "offsets.topic.num.partitions=4",
  "offsets.topic.replication.factor=1",
  "transaction.state.log.replication.factor=1",
  "transaction.state.log.min.isr=1",
  "share.coordinator.state.topic.replication.factor=1",
  "share.coordinator.state.topic.min.isr=1",
];

const QUICK = [
  "group.initial.rebalance.delay.ms=0",
  "group.min.session.timeout.ms=1000",
  "log.cleaner.dedupe.buffer.size=2097152",
  // A broker that is compacted on demand, within a test's patience.
  "log.cleaner.backoff.ms=200",
  // After a kill, a start waits until the old registration has lapsed; a busy machine's broker must not lapse.
  "broker.session.timeout.ms=3000",
  "broker.heartbeat.interval.ms=200",
];

/** Whoever comes by the inner listener is ANONYMOUS there, and may do everything. */
const AUTHORIZER = [
  "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "super.users=User:ANONYMOUS",
  "allow.everyone.if.no.acl.found=false",
];

function saslSettings(users: Readonly<Record<string, string>>): string[] {
  const known = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required ${known.join(" ")};`;
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  return [
    `sasl.enabled.mechanisms=PLAIN,${SCRAM_MECHANISMS.join(",")}`,
    `listener.name.client.plain.sasl.jaas.config=${plain}`,
    ...SCRAM_MECHANISMS.map(
      (mechanism) => `listener.name.client.${mechanism.toLowerCase()}.sasl.jaas.config=${scram}`,
    ),
  ];
}

function tlsSettings({ cert, key, ca }: Certificates): string[] {
  const oneLine = (pem: string) => pem.trim().replaceAll("\n", "\\n");
  return [
    "ssl.keystore.type=PEM",
    `ssl.keystore.certificate.chain=${oneLine(cert)}`,
    `ssl.keystore.key=${oneLine(key)}`,
    "ssl.truststore.type=PEM",
    `ssl.truststore.certificates=${oneLine(ca)}`,
  ];
}
