import type { OnReadOpts, Socket } from "node:net";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ReplySink } from "./frame-sink.ts";
import { ProtocolError } from "./protocol-error.ts";

const HANDSHAKE_MS_MAX = 3000;
const PING_EVERY_MS = 1000;
/** Where so much comes, it is asked more often how late it is. */
const BUSY_PING = { everyMs: 200, bytes: 128 * 1024 };
/** Less is no backlog: the panes of what is read so little late are whole. */
const BEHIND_MS_MIN = 300;
/** How late events were a moment ago still says something. */
const LAG_FRESH_MS = 400;
/** No PONG for so long: what happens meanwhile may be lost, so nobody may rely on it. */
const STALLED_AFTER_MS = 2500;
/** No PONG for so long, and the target answers elsewhere: the connection is taken for dead and made anew. */
const DEAD_AFTER_MS = 6000;
/** It answers elsewhere, so its PONG should come within this. */
const ANSWER_MS_MAX = 1000;
/** No PONG for so long, and the target answers nowhere. A server that hangs delivers what it held back, if it is let. */
const ABANDONED_AFTER_MS = 30_000;
const RECONNECT = { firstMs: 100, maxMs: 5000 };
/** A refused password or permission is asked again rarely: each try is a line in the server's ACL LOG. */
const RECONNECT_REFUSED = { firstMs: 5000, maxMs: 30_000 };
/**
 * Once a read has emptied the socket, nobody looks for so long: what comes meanwhile is read in one go. A wake-up for
 * each of the server's small writes costs the agent most of its time, and the server some of its own.
 */
const REST_MS = 8;
/** The same while not every event is counted, for want of time. */
const LONG_REST_MS = 32;
/** After a read of so many bytes there is more to come at once. */
const REST_BELOW_BYTES = 32 * 1024;
/** After so much the rest of the process gets its turn. */
const TURN_BYTES = 512 * 1024;
/** The answer to a PING of a connection that is subscribed. */
const PONG_BYTES = "*2\r\n$4\r\npong\r\n$0\r\n\r\n".length;
const BUFFERED_WRITE_BYTES_MAX = 64 * 1024;
/** Refusals of a PING by a server that lives and goes on publishing: it loads its data, or runs a long script. */
const ALIVE = /^(LOADING|BUSY|MASTERDOWN)\b/;
const NO_PASSWORD_NEEDED = /no password|without any password/i;

/** Why a subscription is not up. `code` counts the gap; `message` is what the server or the socket said. */
export interface SubscriptionLoss {
  readonly code: "closed" | "refused" | "unresponsive" | "protocol" | "denied" | "auth" | "stopped";
  readonly message: string;
}

export interface SubscriptionOptions {
  /** Arguments of AUTH; `null`: there is no password. */
  readonly login: readonly string[] | null;
  readonly patterns: readonly string[];
  readonly clock: Clock;
  /** Opens the socket; TLS and unix sockets are its business. */
  readonly connect: (onread: OnReadOpts) => Socket;
  /** A reader of the bytes of one connection, which hands what is no event to `replies`. */
  readonly newReader: (replies: ReplySink) => SubscriptionReader;
  /** More than a PONG has come. */
  readonly onRead: () => void;
  readonly onUp: () => void;
  /** Once for each loss of a subscription that was up, and for each attempt that failed. */
  readonly onDown: (loss: SubscriptionLoss, wasUp: boolean) => void;
}

/** Takes the bytes of one connection: they are put into `input`, then `read` is called with how many there are. */
export interface SubscriptionReader {
  readonly input: Uint8Array;
  /** Throws: `ProtocolError`. */
  read(length: number): void;
}

/**
 * One connection that is subscribed to keyspace events, for as long as it is not stopped.
 *
 * A PING each second goes through the same connection: TCP keeps the order, so its PONG says that all before it has
 * come. Without one the subscription is stalled (half-open, or a paused server), later made anew. It is up from the
 * first PONG on: a right to subscribe without one to PING would go up and down for ever.
 */
export class Subscription implements ReplySink {
  /** Time is short: it is read less often. */
  isHurried = false;
  readonly #options: SubscriptionOptions;
  #socket: Socket | null = null;
  #isUp = false;
  #isStopped = false;
  #confirmed = 0;
  #attempt = 0;
  #pingSentMs: number | null = null;
  /** When the target first answered elsewhere since that PING. */
  #answeredMs: number | null = null;
  #worstLagMs = 0;
  #isListening = true;
  /** Since when each read was full, so there is more (monotonic); `null`: the socket was emptied. */
  #fullSinceMs: number | null = null;
  #bytesSincePing = 0;
  #turnBytes = 0;
  #lastReadMs = 0;
  /** When each question was asked that has no answer yet, oldest first (monotonic). */
  #markersMs: number[] = [];
  #readToMs = 0;
  #lastPong = { atMs: 0, lagMs: 0 };
  #cancelTimer: () => void = () => {};
  #cancelRest: () => void = () => {};

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Subscribed, and the server answers, or sends at least: what is late only because it is read late is no stall. */
  get isUp(): boolean {
    return this.#isUp && this.#silentMs < STALLED_AFTER_MS;
  }

  /** For how long nothing at all has come although something was asked, in ms. */
  get #silentMs(): number {
    return Math.min(this.lagMs, this.#options.clock.monotonic() - this.#lastReadMs);
  }

  /** Age of the oldest PING without an answer, in ms; 0 when all were answered. */
  get lagMs(): number {
    return this.#pingSentMs === null ? 0 : this.#options.clock.monotonic() - this.#pingSentMs;
  }

  /** The longest that an answer took since the last call, in ms: events were at most so late. */
  takeWorstLagMs(): number {
    const worst = Math.max(this.#worstLagMs, this.lagMs);
    this.#worstLagMs = 0;
    return worst;
  }

  /** All that the server sent before this time (monotonic, ms) has been read; `null`: all that there is. */
  get readToMs(): number | null {
    const isBehind = this.#markersMs.length > 0 && this.behindMs >= BEHIND_MS_MIN;
    return isBehind ? this.#readToMs : null;
  }

  /** For how long it has not caught up with what the server sends, in ms. */
  get behindMs(): number {
    const nowMs = this.#options.clock.monotonic();
    const fullMs = this.#fullSinceMs === null ? 0 : nowMs - this.#fullSinceMs;
    // A socket that is emptied now and then may still be fed from a backlog of the server's. Where nothing comes, it is
    // the server that is slow.
    const askedMs = this.#bytesSincePing >= BUSY_PING.bytes ? this.lagMs : 0;
    const { atMs, lagMs } = this.#lastPong;
    return Math.max(fullMs, askedMs, nowMs - atMs < LAG_FRESH_MS ? lagMs : 0);
  }

  /** Lets the server send events, or not; the connection stays. */
  listen(isOn: boolean): void {
    if (isOn === this.#isListening) return;
    this.#isListening = isOn;
    if (this.#isUp) this.#sendListen();
  }

  /** The target has answered on another connection. */
  noteAnswer(): void {
    if (this.#pingSentMs !== null) this.#answeredMs ??= this.#options.clock.monotonic();
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    // Between two attempts there is no connection to drop, but the next one is waited for.
    this.#cancelTimer();
    this.#drop({ code: "stopped", message: "stopped" });
  }

  reply(items: readonly string[]): void {
    const [first = ""] = items;
    if (first === "psubscribe" && !this.#isConfirmed) this.#confirm();
    else if (first === "psubscribe" || first === "punsubscribe") this.#passMarker();
    else if (first === "pong" || first === "PONG") this.#pong();
  }

  error(message: string): void {
    if (NO_PASSWORD_NEEDED.test(message)) return;
    if (this.#isConfirmed && ALIVE.test(message)) {
      this.#pong();
      return;
    }
    const code = /^(WRONGPASS|NOAUTH|ERR invalid password|ERR Client sent AUTH|ERR AUTH)/i.test(message)
      ? "auth"
      : /^NOPERM/.test(message)
        ? "denied"
        : "refused";
    this.#drop({ code, message });
  }

  #connect(): void {
    const { connect, newReader, clock } = this.#options;
    const reader = newReader(this);
    const socket = connect({
      buffer: reader.input,
      callback: (length) => this.#read(socket, reader, length),
    });
    this.#socket = socket;
    this.#confirmed = 0;
    this.#pingSentMs = null;
    this.#answeredMs = null;
    socket.setNoDelay(true);
    const established = "encrypted" in socket ? "secureConnect" : "connect";
    socket.once(established, () => this.#handshake(socket));
    socket.once("error", (error) =>
      this.#lost(socket, { code: this.#isUp ? "closed" : "refused", message: error.message }),
    );
    socket.once("close", () =>
      this.#lost(socket, { code: "closed", message: "the server closed the connection" }),
    );
    this.#cancelTimer = clock.after(HANDSHAKE_MS_MAX, () => {
      this.#lost(socket, {
        code: "unresponsive",
        message: `no answer to PSUBSCRIBE and PING within ${HANDSHAKE_MS_MAX} ms`,
      });
    });
  }

  #handshake(socket: Socket): void {
    const { login, patterns } = this.#options;
    if (login) socket.write(encodeCommand(["AUTH", ...login]));
    socket.write(encodeCommand(["PSUBSCRIBE", ...patterns]));
  }

  /** Whether to go on reading. */
  #read(socket: Socket, reader: SubscriptionReader, length: number): boolean {
    if (socket !== this.#socket) return false;
    this.#lastReadMs = this.#options.clock.monotonic();
    try {
      reader.read(length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop({ code: "protocol", message: error.message });
      return false;
    }
    this.#noteFullness(length === reader.input.length);
    this.#bytesSincePing += length;
    if (this.#bytesSincePing >= BUSY_PING.bytes) this.#askHowLate();
    if (!this.#isUp || length <= PONG_BYTES) return true;
    this.#options.onRead();
    this.#turnBytes += length;
    if (length >= REST_BELOW_BYTES && this.#turnBytes < TURN_BYTES) return true;
    const isResting = this.#turnBytes < TURN_BYTES;
    this.#turnBytes = 0;
    if (!isResting) {
      setImmediate(() => socket.resume());
      return false;
    }
    this.#cancelRest = this.#options.clock.after(this.isHurried ? LONG_REST_MS : REST_MS, () =>
      socket.resume(),
    );
    return false;
  }

  #noteFullness(isFull: boolean): void {
    if (!isFull) this.#fullSinceMs = null;
    else this.#fullSinceMs ??= this.#options.clock.monotonic();
  }

  #sendListen(): void {
    const { patterns, clock } = this.#options;
    this.#socket?.write(encodeCommand([this.#isListening ? "PSUBSCRIBE" : "PUNSUBSCRIBE", ...patterns]));
    // Each pattern is confirmed by itself.
    for (let i = 0; i < patterns.length; i++) this.#markersMs.push(clock.monotonic());
  }

  get #isConfirmed(): boolean {
    return this.#confirmed === this.#options.patterns.length;
  }

  #confirm(): void {
    this.#confirmed++;
    if (this.#isConfirmed) this.#sendPing();
  }

  #goUp(): void {
    this.#cancelTimer();
    this.#isUp = true;
    this.#attempt = 0;
    this.#schedulePing();
    if (!this.#isListening) this.#sendListen();
    this.#options.onUp();
  }

  #schedulePing(): void {
    this.#cancelTimer = this.#options.clock.after(PING_EVERY_MS, () => this.#ping());
  }

  #ping(): void {
    if (this.#isDead) {
      const seconds = Math.round(this.lagMs / 1000);
      this.#drop({ code: "unresponsive", message: `no answer to PING for ${seconds} s` });
      return;
    }
    if (this.#pingSentMs === null) this.#sendPing();
    this.#schedulePing();
  }

  get #isDead(): boolean {
    if (this.#silentMs <= DEAD_AFTER_MS) return false;
    const answersElsewhere =
      this.#answeredMs !== null && this.#options.clock.monotonic() - this.#answeredMs > ANSWER_MS_MAX;
    return answersElsewhere || this.#silentMs > ABANDONED_AFTER_MS;
  }

  /** The answer stands behind all that the server has yet to send. */
  #askHowLate(): void {
    const sinceMs = this.#options.clock.monotonic() - this.#lastPong.atMs;
    if (this.#isUp && this.#pingSentMs === null && sinceMs >= BUSY_PING.everyMs) this.#sendPing();
  }

  #sendPing(): void {
    const socket = this.#socket;
    if (!socket || socket.writableLength >= BUFFERED_WRITE_BYTES_MAX) return;
    this.#pingSentMs = this.#options.clock.monotonic();
    this.#answeredMs = null;
    this.#bytesSincePing = 0;
    this.#markersMs.push(this.#pingSentMs);
    socket.write(PING);
  }

  /** What stands before an answer in the stream was sent before it was asked. */
  #passMarker(): void {
    const askedMs = this.#markersMs.shift();
    if (askedMs === undefined) return;
    this.#readToMs = askedMs;
    this.#worstLagMs = Math.max(this.#worstLagMs, this.#options.clock.monotonic() - askedMs);
  }

  #pong(): void {
    this.#passMarker();
    const { lagMs } = this;
    // A slow server answers late too, but then little has come meanwhile.
    const isBacklog = this.#bytesSincePing >= BUSY_PING.bytes;
    this.#lastPong = { atMs: this.#options.clock.monotonic(), lagMs: isBacklog ? lagMs : 0 };
    this.#pingSentMs = null;
    this.#answeredMs = null;
    if (!this.#isUp) this.#goUp();
  }

  #lost(socket: Socket, loss: SubscriptionLoss): void {
    if (socket === this.#socket) this.#drop(loss);
  }

  #drop(loss: SubscriptionLoss): void {
    const socket = this.#socket;
    if (!socket) return;
    const wasUp = this.#isUp;
    this.#cancelTimer();
    this.#cancelRest();
    this.#socket = null;
    this.#isUp = false;
    this.#pingSentMs = null;
    this.#fullSinceMs = null;
    this.#markersMs = [];
    socket.removeAllListeners();
    // A late error of a dropped socket has nobody to tell.
    socket.on("error", () => {});
    socket.destroy();
    this.#options.onDown(loss, wasUp);
    if (this.#isStopped) return;
    const isRefused = loss.code === "auth" || loss.code === "denied";
    const delayMs = backoffMs(this.#attempt++, isRefused ? RECONNECT_REFUSED : RECONNECT);
    this.#cancelTimer = this.#options.clock.after(delayMs, () => this.#connect());
  }
}

const PING = encodeCommand(["PING"]);

function encodeCommand(words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}
