import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type Logger, pino } from "pino";
import { defaultConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { KafkaConnection, type KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { applyTopics } from "../../src/transport/kafka/topic-admin.ts";
import type { TopicRecord } from "../../src/transport/kafka/topic-record.ts";
import type { TestKafka } from "./kafka.ts";

/** What a test's config says of Kafka beside the brokers. */
export type SettingsFields = Readonly<Record<string, unknown>>;

/** Settings of a prefix that nobody else uses; sessions are short, so that tests are. */
export function tenantSettings(
  { brokers }: Pick<TestKafka, "brokers">,
  fields: SettingsFields = {},
): KafkaSettings {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const { kafka } = defaultConfig({
    kafka: { brokers, prefix, partitions: 3, sessionTimeout: "3s", ...fields },
  });
  assert.ok(kafka.brokers);
  return { ...kafka, brokers: kafka.brokers };
}

/** Such settings, and their topics made. */
export async function newTenant(kafka: TestKafka, fields: SettingsFields = {}): Promise<KafkaSettings> {
  const settings = tenantSettings(kafka, fields);
  const inner = { ...settings, brokers: kafka.innerBrokers };
  await applyTopics(connectionOf(withoutSecurity(inner)));
  return settings;
}

function withoutSecurity({ ssl: _ssl, sasl: _sasl, ...settings }: KafkaSettings): KafkaSettings {
  return settings;
}

/** What was logged, line by line. */
export class LogLines {
  readonly lines: { readonly level: number; readonly msg: string; readonly [field: string]: unknown }[] = [];
  readonly logger: Logger = pino(
    { level: "debug" },
    { write: (line: string) => void this.lines.push(JSON.parse(line)) },
  );

  /** Those of level `warn` and above. */
  get loud(): string[] {
    return this.lines
      .filter(({ level }) => level >= 40)
      .map(({ msg, reason }) => `${msg}: ${String(reason)}`);
  }
}

/** A process's own way to Kafka: members of one group in one process need one each. */
export function connectionOf(settings: KafkaSettings, log = new LogLines()): KafkaConnection {
  return new KafkaConnection(settings, { logger: log.logger, clock: systemClock, clientId: "keyheat-test" });
}

export function textOf({ value }: TopicRecord): string | null {
  return value === null ? null : Buffer.from(value).toString("utf8");
}
