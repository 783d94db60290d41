import type { z } from "zod";
import { choice, count, duration, file, list, type Parsed, secret, section, text } from "./scalars.ts";
import { parseHost } from "./target-url.ts";
import { tlsSection } from "./tls.ts";

/** Parses `kafka-1.example:9092`. */
export function parseBroker(text: string): Parsed<{ host: string; port: number }> {
  const problem = "expected a host and a port such as kafka-1.example:9092";
  // kafkajs splits an address at its first colon.
  if (/^\[?[\da-f]*:[\da-f]*:/i.test(text)) {
    return { problem: "expected a host name in place of an IPv6 address, and a port" };
  }
  const [, host = "", port = ""] = /^([^:/]+):(\d{1,5})$/.exec(text) ?? [];
  const known = parseHost(host);
  return known === undefined || Number(port) < 1 || Number(port) > 65_535
    ? { problem }
    : { value: { host: known, port: Number(port) } };
}

const ssl = tlsSection(
  "Host name that the brokers' certificates must carry, where it is not that of their addresses.",
);

const sasl = section({
  mechanism: choice(["plain", "scram-sha-256", "scram-sha-512"])
    .prefault("scram-sha-512")
    .describe("How the password is proven; `plain` sends it, so use that over TLS only."),
  username: text({ max: 512 }).describe("The user, whose rights are in docs/kafka.md."),
  password: secret().optional().describe("Its password; best from an environment variable."),
  passwordFile: file()
    .optional()
    .describe("File that holds the password, in place of `password`; a trailing newline is left off."),
});

export const kafka = section({
  brokers: list(
    text({
      what: "a host and a port such as kafka-1.example:9092",
      type: "host:port",
      max: 300,
      parse: parseBroker,
    }),
    { min: 1, max: 100 },
  )
    .optional()
    .describe(
      "Some brokers of the cluster, from which the others are found. Without them there is no Kafka.",
    ),
  prefix: text({
    what: "a prefix of letters, digits, dots, - and _",
    type: "name",
    bounds: "letters, digits, `.`, `-`, `_`; up to 100",
    max: 100,
    pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
  })
    .prefault("keyheat")
    .describe("Names of topics and groups begin with it: who shares it works together, and nobody else."),
  buckets: count({ min: 1, max: 1024 })
    .prefault(12)
    .describe("Into how many buckets the slots of a cluster are split; the same in every process."),
  partitions: count({ min: 1, max: 1024 })
    .prefault(12)
    .describe("Partitions of each topic: so many aggregators can share the work; the same in every process."),
  replication: count({ min: -1, max: 32 })
    .prefault(-1)
    .describe(
      "Copies of each topic that `keyheat topics` creates; -1: as many as the brokers' default says.",
    ),
  sessionTimeout: duration({ min: "1s", max: "5m" })
    .prefault("10s")
    .describe("An aggregator that was not heard of for so long gives its partitions to the others."),
  ssl: ssl.optional().describe("Use TLS; `{}` trusts the system's authorities."),
  sasl: sasl.optional().describe("Who this process is to the brokers."),
})
  .prefault({})
  .describe("How agents and aggregators reach each other.");

export type FileKafka = z.output<typeof kafka>;
