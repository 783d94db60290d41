import { randomUUID } from "node:crypto";
import type { PastBatch } from "../../backtest.ts";
import { type RecordedMessage, RecordingReader } from "../../recording/reader.ts";
import { systemClock } from "../../runtime/clock.ts";
import { silentLogger } from "../../runtime/logger.ts";
import { KafkaConnection, type KafkaSettings } from "../../transport/kafka/connection.ts";
import type { PastRecord } from "../../transport/kafka/panes-merge.ts";
import { PanesRange } from "../../transport/kafka/panes-range.ts";
import type { Message } from "../../transport/transport.ts";
import { decodeMessage } from "../../wire/message-codec.ts";

/** Where messages of the past come from. */
export interface Past {
  readonly batches: AsyncIterable<PastBatch>;
  /** How much of it has been read, 0 to 1. */
  progress(): number;
  /** What is missing of it, a line each; known when it has been read. */
  notes(): readonly string[];
  close(): Promise<void>;
}

/** What `--record` wrote. Throws: RecordingError. */
export async function recordedPast(file: string): Promise<Past> {
  const reader = await RecordingReader.open(file);
  const ends = {
    whole: [],
    torn: ["the recording was torn off: what came last is not in it"],
    damaged: ["the recording is damaged: what is behind the damage was not read"],
  };
  return {
    batches: byTime(reader.blocks()),
    progress: () => reader.progress,
    notes: () => [...ends[reader.end], ...unreadableNote(reader.unreadable)],
    close: () => reader.close(),
  };
}

export interface KafkaSpan {
  /** Where what is reported begins, ms since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  /** So much before that is read to fill the windows. */
  readonly warmUpMs: number;
}

/** Wider than what brokers and agents disagree by on what time it is. */
const SLACK_MS = 5000;
const CLOSE_MS = 3000;

/** What the panes topic holds of a time. Throws: KafkaError. */
export async function kafkaPast(
  settings: KafkaSettings,
  span: KafkaSpan,
  signal: AbortSignal,
): Promise<Past> {
  const connection = new KafkaConnection(settings, {
    logger: silentLogger,
    clock: systemClock,
    clientId: `keyheat-backtest-${randomUUID()}`,
  });
  const range = await PanesRange.open({
    connection,
    fromMs: span.fromMs - span.warmUpMs,
    toMs: span.toMs,
  });
  const decoding = new Decoding();
  return {
    batches: untilEnd(byTime(decoding.messages(range.records(signal))), span),
    progress: () => range.progress,
    notes: () => [
      ...startNotes(range, connection.topics.panes, span),
      ...unreadableNote(decoding.unreadable),
    ],
    close: () => range.close(CLOSE_MS),
  };
}

/** Counts what cannot be read. */
class Decoding {
  unreadable = 0;

  async *messages(pieces: AsyncIterable<readonly PastRecord[]>): AsyncGenerator<readonly RecordedMessage[]> {
    for await (const records of pieces) yield records.flatMap((record) => this.#messageOf(record));
  }

  #messageOf({ atMs, record: { value } }: PastRecord): RecordedMessage[] {
    const decoded = value === null ? { problem: "no value" } : decodeMessage(value);
    if ("value" in decoded) return [{ atMs, message: decoded.value }];
    this.unreadable++;
    return [];
  }
}

/** What came at one time makes one batch. */
async function* byTime(pieces: AsyncIterable<readonly RecordedMessage[]>): AsyncGenerator<PastBatch> {
  let atMs = 0;
  let messages: Message[] = [];
  for await (const piece of pieces) {
    for (const one of piece) {
      if (one.atMs !== atMs && messages.length > 0) {
        yield { atMs, messages };
        messages = [];
      }
      atMs = one.atMs;
      messages.push(one.message);
    }
  }
  if (messages.length > 0) yield { atMs, messages };
}

/** Time goes on to the end of the span, also where nothing arrives any more: that may be what a rule is about. */
async function* untilEnd(batches: AsyncIterable<PastBatch>, { toMs }: KafkaSpan): AsyncGenerator<PastBatch> {
  let isAny = false;
  for await (const batch of batches) {
    isAny = true;
    yield batch;
  }
  if (isAny) yield { atMs: toMs, messages: [] };
}

function startNotes({ start }: PanesRange, topic: string, { fromMs, warmUpMs }: KafkaSpan): string[] {
  const { oldestMs, lostUntilMs } = start;
  const notes: string[] = [];
  if (lostUntilMs !== null && lostUntilMs > fromMs - warmUpMs + SLACK_MS) {
    const since = new Date(lostUntilMs).toISOString();
    notes.push(`${topic} is complete only from ${since} on: what was older has been deleted`);
  } else if (oldestMs !== null && oldestMs > fromMs + SLACK_MS) {
    notes.push(`${topic} has nothing before ${new Date(oldestMs).toISOString()}`);
  }
  return notes;
}

function unreadableNote(count: number): string[] {
  return count === 0 ? [] : [`${count} records could not be read and were left out`];
}
