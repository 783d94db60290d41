import type { TargetConfig } from "../config/schema.ts";
import { LiveSession } from "../redis/live-session.ts";
import { OwnReads } from "../redis/own-reads.ts";
import type { TargetPoll } from "../redis/poll.ts";
import { TargetError } from "../redis/problem.ts";
import { isTurnedAway, refusalReason } from "../redis/reply-problem.ts";
import type { Answer, CommandLine, Session } from "../redis/session.ts";
import { backoffMs } from "../runtime/backoff.ts";
import { type Clock, delayUnless } from "../runtime/clock.ts";
import { Pace } from "./pace.ts";

export interface ScanServerOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Commands a second that this server may be asked. */
  readonly budget: number;
}

const TIMEOUTS = { connectTimeoutMs: 3000, commandTimeoutMs: 5000 };
/** A lost connection is tried again so often: a scan of an hour must not end with one cut. */
const ATTEMPTS_MAX = 6;
const RETRY = { firstMs: 100, maxMs: 2000 };
/** Of a PING sent alone, to know how fast the server answers. */
const PING_EVERY_MS = 100;
const FIRST_PINGS = 5;

/** One server that is scanned: a connection that comes back, and the pace at which it may be asked. */
export class ScanServer {
  readonly target: TargetConfig;
  /** What it said of itself when it was found. */
  readonly poll: TargetPoll;
  readonly pace: Pace;
  readonly #options: ScanServerOptions;
  #live: LiveSession;
  #db = 0;
  #pingedMs = Number.NEGATIVE_INFINITY;
  #ran = 0;

  private constructor(target: TargetConfig, live: LiveSession, poll: TargetPoll, options: ScanServerOptions) {
    this.target = target;
    this.poll = poll;
    this.#live = live;
    this.#options = options;
    this.pace = new Pace({ clock: options.clock, commandsPerSecondMax: options.budget });
  }

  /** Connects, logs in and asks what it is. Throws: `TargetError`. */
  static async open(target: TargetConfig, options: ScanServerOptions): Promise<ScanServer> {
    const live = await openSession(target, options);
    try {
      return new ScanServer(target, live, await live.poll(), options);
    } catch (err) {
      live.session.close();
      throw err;
    }
  }

  get address(): string {
    return this.target.address;
  }

  /** The present connection, for who asks more than commands: topology, polls. It may be lost and replaced. */
  get live(): LiveSession {
    return this.#live;
  }

  /** Commands of this scan that it ran so far, and so are among those that it says it ran. */
  get ran(): number {
    return this.#ran;
  }

  /** Whose keys the next commands see. */
  async select(db: number): Promise<void> {
    if (db === this.#db) return;
    await this.need("select", [["SELECT", db]]);
    this.#db = db;
  }

  /**
   * Values of the answers to commands that all need the right `right` (as in an ACL: `memory|usage`), at the server's
   * pace. Strings in them are Buffers. `cost`: how many commands of the budget they count as.
   *
   * Throws: `TargetError` where one is refused, with the line to run; where the connection is lost and does not come back.
   */
  async need(right: string, lines: readonly CommandLine[], cost = lines.length): Promise<readonly unknown[]> {
    const answers = await this.ask(lines, cost);
    return answers.map((answer) => {
      if ("value" in answer) return answer.value;
      throw this.refused(right, answer.error);
    });
  }

  /** Answers to commands, at the server's pace; error replies are answers. They only read: they may be sent twice. */
  async ask(lines: readonly CommandLine[], cost = lines.length): Promise<readonly Answer[]> {
    await this.#measure();
    await this.#wait(this.pace.reserve(cost));
    const answers = await this.#retried((session) => session.askForBytes(lines));
    this.#note(answers);
    return answers;
  }

  /** The error for a command that the server refused. */
  refused(right: string, reply: string): TargetError {
    const message = refusalReason(right, reply, this.target.username);
    return new TargetError({ code: "REFUSED", message, retryable: false });
  }

  close(): void {
    this.#live.session.close();
  }

  /** Looks each 100 ms how long a PING takes: from time to time also a scan has to hear that it disturbs. */
  async #measure(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#pingedMs < PING_EVERY_MS) return;
    const pings = this.#pingedMs < 0 ? FIRST_PINGS : 1;
    for (let i = 0; i < pings; i++) {
      const startMs = clock.monotonic();
      this.#note(await this.#retried((session) => session.ask([["PING"]])));
      this.#pingedMs = clock.monotonic();
      this.pace.heard(this.#pingedMs - startMs);
    }
  }

  /** What the user may not run, or the server does not know, it does not count. */
  #note(answers: readonly Answer[]): void {
    this.#ran += answers.filter((answer) => "value" in answer || !isTurnedAway(answer.error)).length;
  }

  async #retried<T>(act: (session: Session) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        if (this.#live.session.ended) await this.#reopen();
        return await act(this.#live.session);
      } catch (err) {
        const isFinal = attempt + 1 >= ATTEMPTS_MAX || this.#options.signal.aborted;
        if (isFinal || !(err instanceof TargetError) || !err.retryable) throw err;
        await this.#wait(backoffMs(attempt, RETRY));
      }
    }
  }

  async #reopen(): Promise<void> {
    this.#live = await openSession(this.target, this.#options);
    if (this.#db !== 0) await this.#live.session.ask([["SELECT", this.#db]]);
  }

  async #wait(delayMs: number): Promise<void> {
    const { clock, signal } = this.#options;
    // A timer is wrong by about as much.
    if (delayMs >= 1) await delayUnless(signal, delayMs, clock);
  }
}

function openSession(target: TargetConfig, { clock, signal }: ScanServerOptions): Promise<LiveSession> {
  return LiveSession.open(target, { clock, ownReads: new OwnReads(), timeouts: TIMEOUTS, signal });
}
