import type { KafkaMessage } from "kafkajs";

/** A record as it was read. */
export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
  readonly timestampMs: number;
}

export function topicRecord(partition: number, { offset, key, value, timestamp }: KafkaMessage): TopicRecord {
  return {
    partition,
    offset: Number(offset),
    key: key === null ? null : key.toString("utf8"),
    value,
    timestampMs: Number(timestamp),
  };
}
