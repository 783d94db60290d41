import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { wallMs } from "./paced-writes.ts";
import { PIPELINE_DEPTH } from "./pipelined-sets.ts";
import type { PackedNames } from "./zipf-keys.ts";

const BEAT_MS = 1;
const ANSWERS_BYTES = PIPELINE_DEPTH * "+OK\r\n".length;

export interface PacedSetsOptions {
  readonly port: number;
  /** By `packedSets`; sent over and over. */
  readonly sets: PackedNames;
  /** Commands, not bursts. */
  readonly perSecond: number;
  /** Each burst goes to the next one in turn. */
  readonly connections: number;
  /** A burst was answered: the number of it from 0 on, and when it was sent and answered (wall clock, ms). */
  readonly onAnswered?: (burst: number, sentMs: number, answeredMs: number) => void;
}

interface Line {
  readonly socket: Socket;
  /** Bursts without an answer, oldest first, with the times when they left. */
  readonly pending: { readonly burst: number; readonly sentMs: number }[];
  unreadBytes: number;
}

/**
 * SETs at an even pace, in bursts of 16: each ms those leave that are due, whether earlier ones are answered or not.
 *
 * Such a load is the same however fast the subscriber is, where the next of an as-fast-as-possible one waits for answers.
 */
export class PacedSets {
  readonly #options: PacedSetsOptions;
  readonly #lines: readonly Line[];
  #sent = 0;
  #answered = 0;
  #burstsMax = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #finish: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  /** How far the load was behind its pace at worst, in ms. */
  worstLagMs = 0;
  /** Resolves when all bursts are answered. Rejects for a lost connection or an error reply. */
  readonly finished: Promise<void>;

  private constructor(options: PacedSetsOptions, sockets: readonly Socket[]) {
    this.#options = options;
    this.#lines = sockets.map((socket) => ({ socket, pending: [], unreadBytes: 0 }));
    this.finished = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    // Whoever started the load looks at it at its end; without this a failure counts as unhandled before that.
    this.finished.catch(() => {});
    for (const line of this.#lines) {
      line.socket.on("data", (bytes: Buffer) => this.#take(line, bytes));
      line.socket.once("error", (error) => this.#end(error));
      line.socket.once("close", () => this.#end(new Error("the server closed a connection of the load")));
    }
  }

  static async open(options: PacedSetsOptions): Promise<PacedSets> {
    const sockets = Array.from({ length: options.connections }, () =>
      connect({ port: options.port, host: "127.0.0.1", noDelay: true }),
    );
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    return new PacedSets(options, sockets);
  }

  start(commands = Number.POSITIVE_INFINITY): void {
    this.#burstsMax = Math.ceil(commands / PIPELINE_DEPTH);
    this.#startMs = wallMs();
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** Sends no more. Resolves as `finished` does. */
  async stop(): Promise<void> {
    this.#burstsMax = this.#sent;
    if (this.#answered === this.#sent) this.#end(null);
    await this.finished;
  }

  #beat(): void {
    const { perSecond } = this.#options;
    const nowMs = wallMs();
    const due = Math.floor(((nowMs - this.#startMs) * perSecond) / 1000 / PIPELINE_DEPTH);
    const last = Math.min(due, this.#burstsMax);
    const behindMs = ((last - this.#sent) * PIPELINE_DEPTH * 1000) / perSecond - BEAT_MS;
    this.worstLagMs = Math.max(this.worstLagMs, behindMs);
    while (this.#sent < last) this.#send(this.#sent++, nowMs);
  }

  #send(burst: number, nowMs: number): void {
    const line = this.#lines[burst % this.#lines.length];
    if (!line) throw new RangeError("no connections");
    const { bytes, offsets } = this.#options.sets;
    const first = firstCommandOf(burst, this.#options.sets);
    line.socket.write(bytes.subarray(offsets[first], offsets[first + PIPELINE_DEPTH]));
    line.pending.push({ burst, sentMs: nowMs });
  }

  #take(line: Line, bytes: Buffer): void {
    if (bytes.includes("-")) {
      this.#end(new Error(`the server refused a SET: ${bytes.toString("latin1", 0, 200)}`));
      return;
    }
    line.unreadBytes += bytes.length;
    const nowMs = wallMs();
    for (; line.unreadBytes >= ANSWERS_BYTES; line.unreadBytes -= ANSWERS_BYTES) {
      const oldest = line.pending.shift();
      if (!oldest) break;
      this.#answered += 1;
      this.#options.onAnswered?.(oldest.burst, oldest.sentMs, nowMs);
    }
    if (this.#answered === this.#burstsMax) this.#end(null);
  }

  #end(error: Error | null): void {
    if (this.#timer) clearInterval(this.#timer);
    if (error) this.#fail(error);
    else this.#finish();
    for (const { socket } of this.#lines) {
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.destroy();
    }
  }
}

/** Index of the first of the 16 commands of a burst. */
export function firstCommandOf(burst: number, { offsets }: PackedNames): number {
  const known = (offsets.length - 1) / PIPELINE_DEPTH;
  return (burst % known) * PIPELINE_DEPTH;
}
