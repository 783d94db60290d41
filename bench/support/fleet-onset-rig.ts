import { setTimeout as sleep } from "node:timers/promises";
import { Kafka, logLevel } from "kafkajs";
import { registerCodecs } from "../../src/transport/kafka/compression.ts";
import { applyCures } from "../../src/transport/kafka/cures.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { decodeMessage } from "../../src/wire/message-codec.ts";
import { decodeState } from "../../src/wire/state-codec.ts";
import type { Fleet } from "../../test/support/fleet.ts";
import { type TestServer, waitFor } from "../../test/support/redis.ts";
import type { TestWebhook } from "../../test/support/webhook.ts";
import { PacedWrites, wallMs } from "./paced-writes.ts";

/** When, by the wall clock in ms, one onset passed each stage. */
export interface FleetOnset {
  readonly key: string;
  /** The command left that brought the count in the window to the threshold. */
  readonly crossedMs: number;
  /** The agent gave the part that says so to its producer: the timestamp of its record. */
  readonly publishedMs: number;
  /** That record was read back from the broker by a consumer that stands beside the aggregator. */
  readonly consumedMs: number;
  /** The aggregator wrote the incident: the timestamp of its record. */
  readonly writtenMs: number;
  readonly notifiedMs: number;
}

export interface FleetOnsetOptions {
  readonly fleet: Fleet;
  readonly brokers: readonly string[];
  readonly redis: TestServer;
  readonly hook: TestWebhook;
  /** The count in the rule's window at which it holds. */
  readonly crossingCount: number;
}

interface Growth {
  readonly count: number;
  readonly publishedMs: number;
  readonly consumedMs: number;
}

const PAGE_MS_MAX = 15_000;

/** Heats keys of a fleet one after the other, and reads the topics beside it, to see where the time goes. */
export class FleetOnsetRig implements AsyncDisposable {
  readonly #options: FleetOnsetOptions;
  readonly #disconnect: () => Promise<void>;
  /** Of each key, how its count grew part by part. */
  readonly #growth = new Map<string, Growth[]>();
  readonly #writtenMs = new Map<string, number>();

  private constructor(options: FleetOnsetOptions, disconnect: () => Promise<void>) {
    this.#options = options;
    this.#disconnect = disconnect;
  }

  static async start(options: FleetOnsetOptions): Promise<FleetOnsetRig> {
    applyCures();
    registerCodecs();
    const kafka = new Kafka({ brokers: [...options.brokers], logLevel: logLevel.NOTHING });
    const { prefix } = options.fleet;
    const { panes, state } = topicNames(prefix);
    const consumer = kafka.consumer({ groupId: `${prefix}-onsets`, maxWaitTimeInMs: 100, minBytes: 1 });
    const rig = new FleetOnsetRig(options, () => consumer.disconnect());
    const reading = new Promise<void>((resolve) => {
      consumer.on(consumer.events.FETCH, () => resolve());
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [panes, state], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, message: { value, timestamp } }) => {
        if (value === null) return;
        if (topic === panes) rig.#notePart(value, Number(timestamp));
        else rig.#noteIncident(value, Number(timestamp));
      },
    });
    await reading;
    return rig;
  }

  /** Heats a cold key until its page has come. Starts at a random phase of the second. */
  async onset(key: string, perSecond: number): Promise<FleetOnset> {
    const { redis, crossingCount } = this.#options;
    await sleep(Math.random() * 1000);
    const writes = await PacedWrites.open({
      port: redis.port,
      keys: [key],
      perSecond,
      watched: crossingCount,
    });
    writes.start();
    try {
      const { sentMs } = await writes.watched;
      const notifiedMs = await waitFor(`the page of ${key}`, () => this.#pagedMs(key), PAGE_MS_MAX, 2);
      const part = await waitFor(`the part of ${key}`, () => this.#crossing(key), PAGE_MS_MAX);
      const writtenMs = await waitFor(`the incident of ${key}`, () => this.#writtenMs.get(key), PAGE_MS_MAX);
      const { publishedMs, consumedMs } = part;
      return { key, crossedMs: sentMs, publishedMs, consumedMs, writtenMs, notifiedMs };
    } finally {
      await writes.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect();
  }

  #pagedMs(key: string): number | undefined {
    const name = `"key":${JSON.stringify(key)}`;
    return this.#options.hook.requests.find(({ body }) => body.includes(name))?.atMs;
  }

  /** The part with which the count reached the threshold. */
  #crossing(key: string): Growth | undefined {
    return this.#growth.get(key)?.find(({ count }) => count >= this.#options.crossingCount);
  }

  #notePart(value: Buffer, publishedMs: number): void {
    const decoded = decodeMessage(value);
    if ("problem" in decoded || decoded.value.type !== "part") return;
    const { length, keyBytes, keyOffsets, writes } = decoded.value.entries;
    for (let i = 0; i < length; i++) {
      const key = Buffer.from(keyBytes.subarray(keyOffsets[i], keyOffsets[i + 1])).toString();
      const growth = this.#growth.get(key) ?? [];
      const count = (growth.at(-1)?.count ?? 0) + writes[i]!;
      this.#growth.set(key, [...growth, { count, publishedMs, consumedMs: wallMs() }]);
    }
  }

  #noteIncident(value: Buffer, writtenMs: number): void {
    const decoded = decodeState(value);
    if ("problem" in decoded || decoded.value.type !== "incident") return;
    const key = Buffer.from(decoded.value.incident.key?.bytes ?? "").toString();
    if (decoded.value.incident.status === "firing" && !this.#writtenMs.has(key))
      this.#writtenMs.set(key, writtenMs);
  }
}
