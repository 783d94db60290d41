import {
  type Admin,
  type Consumer,
  type ConsumerConfig,
  Kafka,
  type KafkaConfig as KafkajsConfig,
  logLevel,
  Partitioners,
  type Producer,
  type SASLOptions,
} from "kafkajs";
import type { KafkaConfig } from "../../config/schema.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { registerCodecs } from "./compression.ts";
import { applyCures } from "./cures.ts";
import { KafkaLog } from "./log.ts";
import { type TopicNames, topicNames } from "./names.ts";
import { type KafkaAttempt, KafkaError, type KafkaProblem, kafkaProblem } from "./problem.ts";

/** A config that names brokers. */
export type KafkaSettings = KafkaConfig & { readonly brokers: readonly string[] };

export interface KafkaConnectionOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Name of this process in the brokers' logs and quotas. */
  readonly clientId: string;
}

/** A few quick tries: whoever produces has its own backoff, and knows what to do meanwhile. */
const FEW_RETRIES = { retries: 2, initialRetryTime: 100, maxRetryTime: 1000 };
/** A consumer that gives up loses its place, and needs seconds to come back. */
const MANY_RETRIES = { retries: 1000, initialRetryTime: 100, maxRetryTime: 1000 };
const HEARTBEAT_MS_MAX = 2000;
const REBALANCE_MS = 15_000;
/** How long an idle fetch waits at the broker. */
export const FETCH_WAIT_MS = 1000;

/**
 * The way to one Kafka, as one tenant (`kafka.prefix`): makes kafkajs's clients with the settings and cures that they
 * need, and says in one line what is wrong.
 *
 * There are two instances of kafkajs inside, since a client's own retries also rule the connect inside of a send.
 */
export class KafkaConnection {
  readonly settings: KafkaSettings;
  readonly topics: TopicNames;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly #quick: Kafka;
  readonly #patient: Kafka;
  readonly #log: KafkaLog;

  constructor(settings: KafkaSettings, { logger, clock, clientId }: KafkaConnectionOptions) {
    applyCures();
    registerCodecs();
    this.settings = settings;
    this.topics = topicNames(settings.prefix);
    this.logger = logger;
    this.clock = clock;
    this.#log = new KafkaLog(logger);
    const common = { ...clientSettings(settings, clientId), logCreator: () => this.#log.write };
    this.#quick = new Kafka({ ...common, retry: FEW_RETRIES });
    this.#patient = new Kafka({ ...common, retry: MANY_RETRIES });
  }

  /** Why no broker is reached at the moment, in one line; `null`: one answered last, or none was asked yet. */
  problem(): string | null {
    const { lost } = this.#log;
    return lost === null ? null : `Kafka cannot be reached at ${this.settings.brokers.join(", ")} (${lost})`;
  }

  problemOf(error: unknown, what: Pick<KafkaAttempt, "topic" | "operation" | "group"> = {}): KafkaProblem {
    const { brokers, ssl, sasl } = this.settings;
    const attempt = { brokers, usesTls: ssl !== undefined, username: sasl?.username ?? null };
    return kafkaProblem(error, { ...attempt, ...what });
  }

  producer(): Producer {
    const producer = this.#quick.producer({
      retry: FEW_RETRIES,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    producer.on(producer.events.REQUEST, () => this.#log.answered());
    return producer;
  }

  /** Never restarts itself after a crash: whoever makes it does that. */
  consumer({
    groupId,
    partitionAssigners,
  }: Pick<ConsumerConfig, "groupId" | "partitionAssigners">): Consumer {
    const { sessionTimeout } = this.settings;
    const consumer = this.#patient.consumer({
      groupId,
      ...(partitionAssigners === undefined ? {} : { partitionAssigners }),
      retry: { ...MANY_RETRIES, restartOnFailure: async () => false },
      allowAutoTopicCreation: false,
      sessionTimeout,
      heartbeatInterval: Math.min(HEARTBEAT_MS_MAX, Math.floor(sessionTimeout / 5)),
      rebalanceTimeout: Math.max(REBALANCE_MS, sessionTimeout),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      minBytes: 1,
    });
    consumer.on(consumer.events.REQUEST, () => this.#log.answered());
    return consumer;
  }

  /**
   * Does something with a client of its own for administration, which is gone afterwards.
   *
   * Throws: KafkaError with the one line that says why it failed.
   */
  async withAdmin<T>(
    task: (admin: Admin) => Promise<T>,
    what: Pick<KafkaAttempt, "topic" | "operation" | "group"> = {},
  ): Promise<T> {
    const admin = this.#quick.admin({ retry: FEW_RETRIES });
    try {
      await admin.connect();
      const result = await task(admin);
      this.#log.answered();
      return result;
    } catch (cause) {
      throw new KafkaError(this.problemOf(cause, what), { cause });
    } finally {
      // Not waited for: it can take as long as a request may.
      admin.disconnect().catch(() => {});
    }
  }
}

function clientSettings({ brokers, ssl, sasl }: KafkaSettings, clientId: string): KafkajsConfig {
  return {
    clientId,
    brokers: [...brokers],
    connectionTimeout: 3000,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    logLevel: logLevel.INFO,
    ...(ssl === undefined ? {} : { ssl: { ...ssl } }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  };
}

/** One case each: kafkajs's type wants to know which mechanism it is. */
function saslOptions({ mechanism, username, password }: NonNullable<KafkaSettings["sasl"]>): SASLOptions {
  switch (mechanism) {
    case "plain":
      return { mechanism, username, password };
    case "scram-sha-256":
      return { mechanism, username, password };
    case "scram-sha-512":
      return { mechanism, username, password };
  }
}

/** What a config says of Kafka. Throws: Error where it names no brokers, as that of a standalone need not. */
export function kafkaSettings(config: KafkaConfig): KafkaSettings {
  const { brokers } = config;
  if (brokers === undefined) throw new Error("kafka.brokers is missing");
  return { ...config, brokers };
}
