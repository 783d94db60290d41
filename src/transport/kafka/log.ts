import { type LogEntry, logLevel } from "kafkajs";
import type { Logger } from "../../runtime/logger.ts";

/** ERROR lines of kafkajs that are part of any rebalance, retry or restart: told at debug only. */
const ROUTINE = [
  /rebalanc/i,
  /re-?joining/i,
  /not aware of this member/i,
  /^Response /,
  /^Failed to send messages/,
  /^Failed to connect to/,
  /^Crash: /,
  /^Restarting the consumer/,
  /timed out/i,
  // Whoever asked hears of it, and says so in one line of ours.
  /^SASL|authentication failed|not authorized/i,
];
const CONNECTION_LOST = /^Connection (error|timeout)|^Closed connection|no broker|not connected/i;

/** Turns what kafkajs says into our own log: changes of state once, all else at debug. */
export class KafkaLog {
  readonly #logger: Logger;
  #lostSince: string | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why no broker is reached at the moment; `null`: one answered last. */
  get lost(): string | null {
    return this.#lostSince;
  }

  /** A broker has answered something. */
  answered(): void {
    if (this.#lostSince === null) return;
    this.#lostSince = null;
    this.#logger.info("kafka is back");
  }

  /** For kafkajs's `logCreator`. */
  readonly write = ({ namespace, level, log }: LogEntry): void => {
    const { message, broker, groupId, topic, partition, error } = log;
    const about = { namespace, broker, groupId, topic, partition, error };
    if (level === logLevel.ERROR && CONNECTION_LOST.test(message)) {
      this.#lose(message, broker);
      return;
    }
    if (/^Offset out of range/.test(message)) {
      this.#logger.warn(
        { topic, partition },
        "what was to be read next is gone from kafka, going on with the oldest record there",
      );
      return;
    }
    const isRoutine = ROUTINE.some((pattern) => pattern.test(message) || pattern.test(String(error ?? "")));
    if (level === logLevel.ERROR && !isRoutine) this.#logger.warn(about, `kafkajs: ${message}`);
    else this.#logger.debug(about, `kafkajs: ${message}`);
  };

  #lose(reason: string, broker: unknown): void {
    if (this.#lostSince === null)
      this.#logger.warn({ reason, broker }, "kafka cannot be reached, trying again");
    else this.#logger.debug({ reason, broker }, "kafka cannot be reached");
    this.#lostSince = reason;
  }
}
