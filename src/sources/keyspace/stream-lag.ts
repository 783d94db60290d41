import type { Clock } from "../../runtime/clock.ts";

/** Where so much comes, it is asked more often how late it is. */
const BUSY_PING = { everyMs: 200, bytes: 128 * 1024 };
/** Less is no backlog: the panes of what is read so little late are whole. */
const BEHIND_MS_MIN = 300;
/** How late events were a moment ago still says something. */
const LAG_FRESH_MS = 400;

/**
 * How late the stream of one subscription is read, by questions whose answers stand in it: TCP keeps the order, so an
 * answer says that all that was sent before its question has come. Times are monotonic, in ms.
 */
export class StreamLag {
  readonly #clock: Clock;
  /** When the PING was sent that has no answer yet. */
  #pingSentMs: number | null = null;
  /** When each question was asked that has no answer yet, oldest first: PINGs, and what begins or ends the events. */
  #askedMs: number[] = [];
  #readToMs = 0;
  #worstMs = 0;
  #lastPong = { atMs: 0, lagMs: 0 };
  /** Since when each read was full, so there is more; `null`: the socket was emptied. */
  #fullSinceMs: number | null = null;
  #bytesSincePing = 0;
  #lastReadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a PING has no answer yet. */
  get isPinging(): boolean {
    return this.#pingSentMs !== null;
  }

  /** Age of the PING without an answer; 0 when it was answered. */
  get lagMs(): number {
    return this.#pingSentMs === null ? 0 : this.#clock.monotonic() - this.#pingSentMs;
  }

  /** For how long nothing at all has come although something was asked. */
  get silentMs(): number {
    return Math.min(this.lagMs, this.#clock.monotonic() - this.#lastReadMs);
  }

  /** For how long the reader has not caught up with what the server sends. */
  get behindMs(): number {
    const nowMs = this.#clock.monotonic();
    const fullMs = this.#fullSinceMs === null ? 0 : nowMs - this.#fullSinceMs;
    // A socket that is emptied now and then may still be fed from a backlog of the server's. Where nothing comes, it is
    // the server that is slow.
    const askedMs = this.#isBusy ? this.lagMs : 0;
    const { atMs, lagMs } = this.#lastPong;
    return Math.max(fullMs, askedMs, nowMs - atMs < LAG_FRESH_MS ? lagMs : 0);
  }

  /** All that the server sent before this time has been read; `null`: all that there is. */
  get readToMs(): number | null {
    const isBehind = this.#askedMs.length > 0 && this.behindMs >= BEHIND_MS_MIN;
    return isBehind ? this.#readToMs : null;
  }

  /** Whether so much has come since the last PING that another one should say how late it is. */
  get isPingDue(): boolean {
    const sinceMs = this.#clock.monotonic() - this.#lastPong.atMs;
    return this.#isBusy && this.#pingSentMs === null && sinceMs >= BUSY_PING.everyMs;
  }

  /** The longest that an answer took since the last call: events were at most so late. */
  takeWorstMs(): number {
    const worst = Math.max(this.#worstMs, this.lagMs);
    this.#worstMs = 0;
    return worst;
  }

  /** Bytes have come; they are yet to be looked at. */
  noteRead(): void {
    this.#lastReadMs = this.#clock.monotonic();
  }

  /** They were looked at. `isFull`: there was no room for more of them. */
  noteBytes(length: number, isFull: boolean): void {
    this.#bytesSincePing += length;
    if (!isFull) this.#fullSinceMs = null;
    else this.#fullSinceMs ??= this.#clock.monotonic();
  }

  /** Something is asked whose answer will stand in the stream. */
  noteQuestion(): void {
    this.#askedMs.push(this.#clock.monotonic());
  }

  notePing(): void {
    this.noteQuestion();
    this.#pingSentMs = this.#clock.monotonic();
    this.#bytesSincePing = 0;
  }

  /** The answer to the oldest question. */
  noteAnswer(): void {
    const askedMs = this.#askedMs.shift();
    if (askedMs === undefined) return;
    this.#readToMs = askedMs;
    this.#worstMs = Math.max(this.#worstMs, this.#clock.monotonic() - askedMs);
  }

  notePong(): void {
    this.noteAnswer();
    // A slow server answers late too, but then little has come meanwhile.
    this.#lastPong = { atMs: this.#clock.monotonic(), lagMs: this.#isBusy ? this.lagMs : 0 };
    this.#pingSentMs = null;
  }

  /** The connection is gone, and with it the answers. */
  drop(): void {
    this.#pingSentMs = null;
    this.#fullSinceMs = null;
    this.#askedMs = [];
  }

  get #isBusy(): boolean {
    return this.#bytesSincePing >= BUSY_PING.bytes;
  }
}
