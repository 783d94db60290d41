import { type FileHandle, open } from "node:fs/promises";
import { decodeMessage, type WireMessage } from "../wire/message-codec.ts";
import {
  BLOCK_HEAD_BYTES,
  MAGIC,
  magicProblem,
  type RecordedBytes,
  readBlockHead,
  unpackBlock,
} from "./format.ts";
import { RecordingError, systemReason } from "./problem.ts";

/** A message, and when it was published, ms since 1970: never before the one that precedes it. */
export interface RecordedMessage {
  readonly atMs: number;
  readonly message: WireMessage;
}

/** How a recording ends. `torn`: inside of a block; `damaged`: at one that makes no sense. */
export type RecordingEnd = "whole" | "torn" | "damaged";

/** Reads a recording from its beginning to its end, or to where it was torn off. */
export class RecordingReader {
  readonly #file: FileHandle;
  /** Of the whole file. */
  readonly bytes: number;
  #readBytes = MAGIC.length;
  #lastMs = 0;
  #unreadable = 0;
  #end: RecordingEnd = "whole";

  private constructor(file: FileHandle, bytes: number) {
    this.#file = file;
    this.bytes = bytes;
  }

  /** Throws: RecordingError where the file cannot be read or is no recording. */
  static async open(path: string): Promise<RecordingReader> {
    const file = await open(path, "r").catch((cause: unknown) => {
      throw new RecordingError(`the recording ${path} cannot be read: ${systemReason(cause)}`, { cause });
    });
    try {
      const problem = magicProblem(await readUpTo(file, MAGIC.length));
      if (problem !== null) throw new RecordingError(`${path} ${problem}`);
      return new RecordingReader(file, (await file.stat()).size);
    } catch (cause) {
      await file.close();
      if (cause instanceof RecordingError) throw cause;
      throw new RecordingError(`the recording ${path} cannot be read: ${systemReason(cause)}`, { cause });
    }
  }

  /** How much of the file has been read, 0 to 1. */
  get progress(): number {
    return this.bytes === 0 ? 1 : Math.min(1, this.#readBytes / this.bytes);
  }

  /** Records in whole blocks that say nothing to this version. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Known when all has been read. */
  get end(): RecordingEnd {
    return this.#end;
  }

  /** Its messages, a block at a time. Throws: RecordingError where the system fails. */
  async *blocks(): AsyncGenerator<readonly RecordedMessage[]> {
    for (let block = await this.#next(); block !== null; block = await this.#next()) {
      const messages = block.flatMap((entry) => this.#decoded(entry));
      if (messages.length > 0) yield messages;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #next(): Promise<RecordedBytes[] | null> {
    const headBytes = await this.#read(BLOCK_HEAD_BYTES);
    if (headBytes.length === 0) return null;
    const head = readBlockHead(headBytes);
    if (head === null) return this.#stop(headBytes.length < BLOCK_HEAD_BYTES ? "torn" : "damaged");
    const packed = await this.#read(head.packedBytes);
    if (packed.length < head.packedBytes) return this.#stop("torn");
    return unpackBlock(head, packed) ?? this.#stop("damaged");
  }

  #stop(end: RecordingEnd): null {
    this.#end = end;
    return null;
  }

  async #read(length: number): Promise<Buffer> {
    try {
      const bytes = await readUpTo(this.#file, length);
      this.#readBytes += bytes.length;
      return bytes;
    } catch (cause) {
      throw new RecordingError(`the recording cannot be read further: ${systemReason(cause)}`, { cause });
    }
  }

  #decoded({ atMs, record }: RecordedBytes): RecordedMessage[] {
    const decoded = decodeMessage(record);
    if ("problem" in decoded) {
      this.#unreadable++;
      return [];
    }
    // The wall clock may have been set back.
    this.#lastMs = Math.max(this.#lastMs, atMs);
    return [{ atMs: this.#lastMs, message: decoded.value }];
  }
}

/** The next `length` bytes; fewer at the end of the file. */
async function readUpTo(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
