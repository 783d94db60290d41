import type { OnReadOpts, Socket } from "node:net";
import { encodeCommand } from "../../redis/resp.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ReplySink } from "./frame-sink.ts";
import { OwnPause } from "./own-pause.ts";
import { ProtocolError } from "./protocol-error.ts";
import { StreamLag } from "./stream-lag.ts";

const HANDSHAKE_MS_MAX = 3000;
const PING_EVERY_MS = 1000;
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
  readonly code:
    | "closed"
    | "refused"
    | "unresponsive"
    | "paused"
    | "protocol"
    | "denied"
    | "auth"
    | "stopped";
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
  readonly #lag: StreamLag;
  readonly #pause: OwnPause;
  /** When the target first answered elsewhere since that PING. */
  #answeredMs: number | null = null;
  #isListening = true;
  #turnBytes = 0;
  #cancelTimer: () => void = () => {};
  #cancelRest: () => void = () => {};

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#lag = new StreamLag(options.clock);
    this.#pause = new OwnPause(options.clock);
    this.#connect();
  }

  /** Subscribed, and the server answers, or sends at least: what is late only because it is read late is no stall. */
  get isUp(): boolean {
    return this.#isUp && this.#lag.silentMs < STALLED_AFTER_MS;
  }

  /** Age of the oldest PING without an answer, in ms; 0 when all were answered. */
  get lagMs(): number {
    return this.#lag.lagMs;
  }

  /** The longest that an answer took since the last call, in ms: events were at most so late. */
  takeWorstLagMs(): number {
    return this.#lag.takeWorstMs();
  }

  /** All that the server sent before this time (monotonic, ms) has been read; `null`: all that there is. */
  get readToMs(): number | null {
    return this.#lag.readToMs;
  }

  /** For how long it has not caught up with what the server sends, in ms. */
  get behindMs(): number {
    return this.#lag.behindMs;
  }

  /** Lets the server send events, or not; the connection stays. */
  listen(isOn: boolean): void {
    if (isOn === this.#isListening) return;
    this.#isListening = isOn;
    if (this.#isUp) this.#sendListen();
  }

  /** The target has answered on another connection. */
  noteAnswer(): void {
    if (this.#lag.isPinging) this.#answeredMs ??= this.#options.clock.monotonic();
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
    else if (first === "psubscribe" || first === "punsubscribe") this.#lag.noteAnswer();
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
    if (socket !== this.#socket || this.#dropsBacklog()) return false;
    this.#lag.noteRead();
    try {
      reader.read(length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop({ code: "protocol", message: error.message });
      return false;
    }
    this.#lag.noteBytes(length, length === reader.input.length);
    if (this.#isUp && this.#lag.isPingDue) this.#sendPing();
    if (!this.#isUp || length <= PONG_BYTES) return true;
    this.#options.onRead();
    return this.#goesOn(socket, length);
  }

  /**
   * After a pause of this process, whether it looks by its timer or because there is something to read: counted now, what
   * happened in half a minute would be the heat of this second. It is a gap instead.
   */
  #dropsBacklog(): boolean {
    const pausedMs = this.#pause.look();
    if (!this.#isUp || pausedMs === 0) return false;
    const seconds = Math.round(pausedMs / 1000);
    this.#drop({
      code: "paused",
      message: `this process stood still for ${seconds} s: what happened meanwhile is not counted`,
    });
    return true;
  }

  /** Whether the next read may follow at once; else the socket is resumed when it is time. */
  #goesOn(socket: Socket, length: number): boolean {
    this.#turnBytes += length;
    const isTurnOver = this.#turnBytes >= TURN_BYTES;
    if (length >= REST_BELOW_BYTES && !isTurnOver) return true;
    this.#turnBytes = 0;
    const resume = () => socket.resume();
    if (isTurnOver) setImmediate(resume);
    else this.#cancelRest = this.#options.clock.after(this.isHurried ? LONG_REST_MS : REST_MS, resume);
    return false;
  }

  #sendListen(): void {
    const { patterns } = this.#options;
    this.#socket?.write(encodeCommand([this.#isListening ? "PSUBSCRIBE" : "PUNSUBSCRIBE", ...patterns]));
    // Each pattern is confirmed by itself.
    for (let i = 0; i < patterns.length; i++) this.#lag.noteQuestion();
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
    if (this.#dropsBacklog()) return;
    if (this.#isDead) {
      const seconds = Math.round(this.lagMs / 1000);
      this.#drop({ code: "unresponsive", message: `no answer to PING for ${seconds} s` });
      return;
    }
    if (!this.#lag.isPinging) this.#sendPing();
    this.#schedulePing();
  }

  get #isDead(): boolean {
    if (this.#lag.silentMs <= DEAD_AFTER_MS) return false;
    const answersElsewhere =
      this.#answeredMs !== null && this.#options.clock.monotonic() - this.#answeredMs > ANSWER_MS_MAX;
    return answersElsewhere || this.#lag.silentMs > ABANDONED_AFTER_MS;
  }

  #sendPing(): void {
    const socket = this.#socket;
    if (!socket || socket.writableLength >= BUFFERED_WRITE_BYTES_MAX) return;
    this.#lag.notePing();
    this.#answeredMs = null;
    socket.write(PING);
  }

  #pong(): void {
    this.#lag.notePong();
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
    this.#lag.drop();
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
