import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { Ledger, type StageBooks } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Pause } from "../runtime/pause.ts";
import { encodeMessage, type WireMessage } from "../wire/message-codec.ts";
import { BLOCK_BYTES_MIN, entryOf, MAGIC, packBlock } from "./format.ts";
import { RecordingError, systemReason } from "./problem.ts";

export interface RecordingOptions {
  /** The file ends before it would be larger. */
  readonly bytesMax: number;
  /** Whether a file that is there may be replaced. */
  readonly overwrite: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What was published is in the file at the latest after so long. */
const FLUSH_MS = 1000;
/** So much may wait for a disk that is slow. */
const WAITING_BYTES_MAX = 32 * 2 ** 20;

interface Block {
  readonly bytes: Buffer;
  readonly messages: number;
}

/**
 * Everything that agents publish, written to a file with its time, so that rules can be tried on it later.
 *
 * It never holds up or harms the watch: where the file is full, or cannot be written, it ends with one warning. The
 * ledger receives messages; kept are those that the system took.
 */
export class Recording {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #options: RecordingOptions;
  readonly #ledger = new Ledger("recording");
  readonly #untilIdle: Pause;
  #entries: Buffer[] = [];
  #entryBytes = 0;
  readonly #blocks: Block[] = [];
  #waitingBytes = 0;
  /** Of the file, with what waits to be written. */
  #fileBytes = MAGIC.length;
  #isWriting = false;
  /** `null`: it goes on. */
  #ended: "closed" | "full" | "failed" | null = null;
  #cancelFlush: () => void = () => {};

  private constructor(path: string, file: FileHandle, options: RecordingOptions) {
    this.#path = path;
    this.#file = file;
    this.#options = options;
    this.#untilIdle = new Pause(options.clock);
  }

  /** Begins a recording that only its owner can read. Throws: RecordingError. */
  static async open(path: string, options: RecordingOptions): Promise<Recording> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_TRUNC } = constants;
    const flags = O_WRONLY | O_CREAT | (options.overwrite ? O_TRUNC : O_EXCL);
    const file = await open(path, flags, 0o600).catch((cause: unknown) => {
      throw openError(path, cause);
    });
    try {
      // One that was there before may have had other rights; what is no file (/dev/null) keeps them.
      if ((await file.stat()).isFile()) await file.chmod(0o600);
      await file.appendFile(MAGIC);
    } catch (cause) {
      await file.close();
      throw openError(path, cause);
    }
    return new Recording(path, file, options);
  }

  books(): StageBooks {
    return this.#ledger.books();
  }

  /** Takes note of what is published now. Never throws, never waits. */
  add(messages: readonly WireMessage[]): void {
    this.#ledger.receive(messages.length);
    const atMs = this.#options.clock.now();
    for (const message of messages) this.#addOne(message, atMs);
  }

  /** Writes what there is, for at most `deadlineMs`, and ends. A file of which nothing came is removed again. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#ended === null) this.#cut();
    this.#end("closed");
    if (this.#isWriting) await this.#untilIdle.upTo(deadlineMs);
    this.#drop("closed");
    // A write that hangs holds the file, and is not waited for.
    if (this.#isWriting) return;
    await this.#file.close().catch(() => {});
    const isEmpty = this.#fileBytes === MAGIC.length;
    // It would only stand in the way of the next start.
    if (isEmpty && !this.#options.overwrite) await unlink(this.#path).catch(() => {});
  }

  #addOne(message: WireMessage, atMs: number): void {
    if (this.#ended !== null) {
      this.#ledger.drop(this.#ended);
      return;
    }
    const entry = this.#entryOf(message, atMs);
    if (entry === null) {
      this.#ledger.drop("unencodable");
      return;
    }
    this.#entries.push(entry);
    this.#entryBytes += entry.length;
    if (this.#entryBytes >= BLOCK_BYTES_MIN) this.#cut();
    else if (this.#entries.length === 1) this.#flushLater();
  }

  /** `null`: it cannot be encoded, which must not stop what comes after it. */
  #entryOf(message: WireMessage, atMs: number): Buffer | null {
    try {
      return entryOf({ atMs, record: encodeMessage(message) });
    } catch (err) {
      this.#options.logger.error({ err, type: message.type }, "a message cannot be recorded");
      return null;
    }
  }

  #flushLater(): void {
    this.#cancelFlush = this.#options.clock.after(FLUSH_MS, () => this.#cut());
  }

  /** What there is becomes a block. */
  #cut(): void {
    this.#cancelFlush();
    if (this.#entries.length === 0) return;
    const block = { bytes: packBlock(this.#entries), messages: this.#entries.length };
    this.#entries = [];
    this.#entryBytes = 0;
    const { bytesMax } = this.#options;
    const isFull = this.#fileBytes + block.bytes.length > bytesMax;
    if (isFull || this.#waitingBytes + block.bytes.length > WAITING_BYTES_MAX) {
      this.#ledger.drop(isFull ? "full" : "failed", block.messages);
      if (isFull) this.#warn("full", { bytesMax }, "the recording has reached its size and ends");
      else this.#warn("failed", {}, "the recording ends: its disk is too slow");
      return;
    }
    this.#blocks.push(block);
    this.#fileBytes += block.bytes.length;
    this.#waitingBytes += block.bytes.length;
    if (!this.#isWriting) void this.#write();
  }

  /** Block by block, until none waits or one fails. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    for (let block = this.#blocks.shift(); block !== undefined; block = this.#blocks.shift()) {
      try {
        await this.#file.appendFile(block.bytes);
        this.#ledger.keep(block.messages);
      } catch (error) {
        this.#ledger.drop("failed", block.messages);
        this.#warn("failed", { reason: systemReason(error) }, "the recording ends: it cannot be written");
        this.#drop("failed");
      }
      this.#waitingBytes -= block.bytes.length;
    }
    this.#isWriting = false;
    this.#untilIdle.end();
  }

  #warn(reason: "full" | "failed", facts: Readonly<Record<string, unknown>>, text: string): void {
    if (this.#ended === null || this.#ended === "closed") {
      this.#options.logger.warn({ file: this.#path, ...facts }, text);
    }
    this.#end(reason);
  }

  #end(reason: "closed" | "full" | "failed"): void {
    this.#ended ??= reason;
    this.#cancelFlush();
    const { length } = this.#entries;
    if (length > 0) this.#ledger.drop(reason, length);
    this.#entries = [];
    this.#entryBytes = 0;
  }

  /** Gives up what has not been tried. */
  #drop(reason: string): void {
    for (const { bytes, messages } of this.#blocks.splice(0)) {
      this.#waitingBytes -= bytes.length;
      this.#ledger.drop(reason, messages);
    }
  }
}

function openError(path: string, cause: unknown): RecordingError {
  const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
  const reason = isThere
    ? "it exists already; name another file, or give --record-overwrite"
    : systemReason(cause);
  return new RecordingError(`the recording ${path} cannot be written: ${reason}`, { cause });
}
