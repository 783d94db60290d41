import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand } from "../../src/redis/resp.ts";

/** Commands leave in one write each so many ms: the load is smooth against a window, and costs few system calls. */
const BEAT_MS = 5;
/** One key's command this many times over is held as bytes, so that its load needs no copying. */
const REPEATS = 512;
const OK_BYTES = "+OK\r\n".length;

/** When one command of a load was sent and answered: wall clock, ms with fractions. */
export interface CommandTimes {
  readonly sentMs: number;
  readonly answeredMs: number;
}

export interface PacedWritesOptions {
  readonly port: number;
  /** Written in turn, one SET each. */
  readonly keys: readonly string[];
  readonly perSecond: number;
  /** The (1-based) command of which the times are wanted. */
  readonly watched?: number;
}

/**
 * SETs at an even pace on one connection, from `start` to `stop`.
 *
 * Never ahead of the pace: after a stall of the process it catches up, which a trailing window sees as at most
 * `perSecond * (window + worstLagMs)` commands.
 */
export class PacedWrites {
  readonly #options: PacedWritesOptions;
  readonly #socket: Socket;
  readonly #commands: readonly Buffer[];
  readonly #repeated: Buffer;
  #sent = 0;
  #answeredBytes = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #watchedSentMs: number | null = null;
  #watchedSeen: (times: CommandTimes) => void = () => {};
  #failed: (error: Error) => void = () => {};
  /** How far the load was behind its pace at worst. */
  worstLagMs = 0;
  /** Times of the watched command, once it is answered. Rejects when the load fails. */
  readonly watched: Promise<CommandTimes>;

  private constructor(socket: Socket, options: PacedWritesOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#commands = options.keys.map((key) => encodeCommand(["SET", key, "x"]));
    const [first] = this.#commands;
    if (!first) throw new RangeError("no keys");
    this.#repeated = Buffer.concat(Array.from({ length: REPEATS }, () => first));
    this.watched = new Promise((resolve, reject) => {
      this.#watchedSeen = resolve;
      this.#failed = reject;
    });
    this.watched.catch(() => {});
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("error", (error) => this.#failed(error));
  }

  static async open(options: PacedWritesOptions): Promise<PacedWrites> {
    const socket = connect({ port: options.port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new PacedWrites(socket, options);
  }

  get sent(): number {
    return this.#sent;
  }

  start(): void {
    this.#startMs = wallMs();
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** Ends the load; resolves with the number of commands sent, all of them answered. */
  async stop(): Promise<number> {
    if (this.#timer) clearInterval(this.#timer);
    const closed = once(this.#socket, "close");
    while (this.#answered < this.#sent && !this.#socket.destroyed) {
      await Promise.race([once(this.#socket, "data"), closed]);
    }
    this.#socket.destroy();
    return this.#sent;
  }

  get #answered(): number {
    return Math.floor(this.#answeredBytes / OK_BYTES);
  }

  #beat(): void {
    const { perSecond, watched = 0 } = this.#options;
    const nowMs = wallMs();
    const due = Math.floor(((nowMs - this.#startMs) * perSecond) / 1000);
    const count = due - this.#sent;
    if (count <= 0) return;
    this.worstLagMs = Math.max(this.worstLagMs, (count * 1000) / perSecond - BEAT_MS);
    for (let left = count; left > 0; ) left -= this.#write(left);
    if (this.#watchedSentMs === null && watched > 0 && this.#sent >= watched) this.#watchedSentMs = nowMs;
  }

  #write(wanted: number): number {
    const count = this.#commands.length > 1 ? wanted : Math.min(wanted, REPEATS);
    if (this.#commands.length > 1) {
      const batch = Array.from({ length: count }, (_, i) => this.#commandAt(this.#sent + i));
      this.#socket.write(Buffer.concat(batch));
    } else {
      this.#socket.write(this.#repeated.subarray(0, (this.#repeated.length / REPEATS) * count));
    }
    this.#sent += count;
    return count;
  }

  #commandAt(index: number): Buffer {
    return this.#commands[index % this.#commands.length] ?? Buffer.alloc(0);
  }

  #take(bytes: Buffer): void {
    // Whole or in pieces, an answer to SET is +OK: anything else would shift the count.
    if (bytes.includes("-")) {
      this.#socket.destroy(new Error(`the server refused a SET: ${bytes.toString("latin1", 0, 200)}`));
      return;
    }
    this.#answeredBytes += bytes.length;
    const { watched = 0 } = this.#options;
    if (this.#watchedSentMs === null || this.#answered < watched) return;
    this.#watchedSeen({ sentMs: this.#watchedSentMs, answeredMs: wallMs() });
    this.#watchedSeen = () => {};
  }
}

/** The wall clock with fractions of a ms, in step with `Date.now()` of other processes of this machine. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
