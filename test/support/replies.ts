import type { Socket } from "node:net";

/** A reply of RESP2. Bulk strings stay bytes. */
export type Reply = Buffer | string | number | null | ReplyError | Reply[];

/** An error reply: `code` is its first word (`NOPERM`). */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  readonly code: string;

  constructor(text: string) {
    super(text);
    this.code = text.split(" ", 1)[0] ?? "";
  }
}

type Waiter = { resolve(reply: Reply): void; reject(error: Error): void };

const REPLY_TIMEOUT_MS = 10_000;

/** Reads the replies of one connection, in order. */
export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0);
  readonly #ready: Reply[] = [];
  readonly #waiting: Waiter[] = [];
  #failure: Error | null = null;

  constructor(socket: Socket) {
    socket.on("data", (piece: Buffer) => this.#take(piece));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
    socket.on("timeout", () => socket.destroy(new Error(`no reply for ${REPLY_TIMEOUT_MS} ms`)));
    socket.setTimeout(REPLY_TIMEOUT_MS);
  }

  /** The next reply; an error reply is returned, not thrown. Throws: Error when the connection is lost. */
  next(): Promise<Reply> {
    const reply = this.#ready.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #take(piece: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? piece : Buffer.concat([this.#bytes, piece]);
    let at = 0;
    for (let read = readReply(this.#bytes, at); read !== null; read = readReply(this.#bytes, at)) {
      at = read.end;
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#ready.push(read.reply);
      else waiter.resolve(read.reply);
    }
    this.#bytes = this.#bytes.subarray(at);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

/** The reply that starts at `start`, with where it ends; `null` while it is not whole. */
export function readReply(bytes: Buffer, start: number): { reply: Reply; end: number } | null {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd === -1) return null;
  const line = bytes.toString("latin1", start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case "+":
      return { reply: line, end };
    case "-":
      return { reply: new ReplyError(line), end };
    case ":":
      return { reply: Number(line), end };
    case "$":
      return readBulk(bytes, end, Number(line));
    case "*":
      return readArray(bytes, end, Number(line));
    default:
      throw new Error(`not a reply: ${bytes.toString("latin1", start, lineEnd)}`);
  }
}

function readBulk(bytes: Buffer, start: number, length: number): { reply: Reply; end: number } | null {
  if (length < 0) return { reply: null, end: start };
  if (bytes.length < start + length + 2) return null;
  return { reply: Buffer.from(bytes.subarray(start, start + length)), end: start + length + 2 };
}

function readArray(bytes: Buffer, start: number, length: number): { reply: Reply; end: number } | null {
  if (length < 0) return { reply: null, end: start };
  const reply: Reply[] = [];
  let end = start;
  for (let i = 0; i < length; i++) {
    const read = readReply(bytes, end);
    if (read === null) return null;
    reply.push(read.reply);
    end = read.end;
  }
  return { reply, end };
}
