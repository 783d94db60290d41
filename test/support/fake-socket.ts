import { EventEmitter } from "node:events";
import type { OnReadOpts, Socket } from "node:net";
import { readReply } from "./replies.ts";

/**
 * The near end of a connection whose far end is the test: what is written is kept, and what the far end sends is handed
 * to `onread` as a real socket does, in the memory given and not while it is paused.
 */
export class FakeSocket extends EventEmitter {
  writableLength = 0;
  isPaused = false;
  isDestroyed = false;
  /** How many bytes each read gave. */
  readonly reads: number[] = [];
  readonly #onread: OnReadOpts;
  readonly #commands: string[] = [];
  #sent: Buffer = Buffer.alloc(0);

  constructor(onread: OnReadOpts) {
    super();
    this.#onread = onread;
  }

  /** As what the code under test takes it for. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  /** Bytes that were sent and not read yet. */
  get unreadBytes(): number {
    return this.#sent.length;
  }

  /** Commands written since the last call, words joined by spaces. */
  takeCommands(): string[] {
    return this.#commands.splice(0);
  }

  /** The far end accepts the connection. */
  accept(): void {
    this.emit("connect");
  }

  /** The far end sends. */
  send(...pieces: readonly Uint8Array[]): void {
    this.#sent = Buffer.concat([this.#sent, ...pieces]);
    this.#pump();
  }

  setNoDelay(): void {}

  write(bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length; ) {
      const read = readReply(bytes, at);
      if (read === null || !Array.isArray(read.reply)) throw new Error(`half a command: ${bytes}`);
      this.#commands.push(read.reply.join(" "));
      at = read.end;
    }
    return true;
  }

  resume(): void {
    if (this.isDestroyed) throw new Error("a destroyed socket is resumed");
    this.isPaused = false;
    this.#pump();
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  #pump(): void {
    const { buffer, callback } = this.#onread;
    if (typeof buffer === "function") throw new Error("one buffer was expected");
    while (this.#sent.length > 0 && !this.isPaused && !this.isDestroyed) {
      const length = this.#sent.copy(buffer, 0, 0, buffer.length);
      this.#sent = this.#sent.subarray(length);
      this.reads.push(length);
      this.isPaused = !callback(length, buffer);
    }
  }
}
