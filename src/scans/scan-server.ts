import type { TargetConfig } from "../config/schema.ts";
import { LiveSession } from "../redis/live-session.ts";
import { OwnReads } from "../redis/own-reads.ts";
import type { TargetPoll } from "../redis/poll.ts";
import { TargetError, type TargetProblem } from "../redis/problem.ts";
import { isElsewhere, isTurnedAway, refusalReason } from "../redis/reply-problem.ts";
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
/** A server that is lost, loads or runs a script is waited for: a scan of an hour must not end with one cut. */
const PATIENCE_MS = 30_000;
const RETRY = { firstMs: 100, maxMs: 2000 };
/** Of a PING sent alone, to know how fast the server answers. */
const PING_EVERY_MS = 100;
const FIRST_PINGS = 5;
/** What is on its way at Ctrl-C may still come: a server that hangs is given up after so long. */
const LAST_ANSWERS_MS = 1000;
const GIVEN_UP: TargetProblem = {
  code: "TIMEOUT",
  message: "it did not answer when the scan was stopped",
  retryable: false,
};

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
  #hasRestarted = false;
  #hasMovedKeys = false;
  readonly #release: () => void;

  private constructor(target: TargetConfig, live: LiveSession, poll: TargetPoll, options: ScanServerOptions) {
    this.target = target;
    this.poll = poll;
    this.#live = live;
    this.#options = options;
    this.pace = new Pace({ clock: options.clock, commandsPerSecondMax: options.budget });
    this.#release = givenUpAfterAbort(() => this.#live, options);
  }

  /** Connects, logs in and asks what it is. Throws: `TargetError`. */
  static async open(target: TargetConfig, options: ScanServerOptions): Promise<ScanServer> {
    const live = await openSession(target, options);
    const release = givenUpAfterAbort(() => live, options);
    try {
      return new ScanServer(target, live, await live.poll(), options);
    } catch (err) {
      live.session.close();
      throw err;
    } finally {
      release();
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

  /** Another process answers than at the start: a restart, or another server took its place. */
  get hasRestarted(): boolean {
    return this.#hasRestarted;
  }

  /** Some of its keys were on another node of the cluster when they were asked for. */
  get hasMovedKeys(): boolean {
    return this.#hasMovedKeys;
  }

  /** Whose keys the next commands see. */
  async select(db: number): Promise<void> {
    if (db === this.#db) return;
    const [answer] = await this.ask([["SELECT", db]]);
    if (answer && "error" in answer) throw this.#unselected(db, answer.error);
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

  #unselected(db: number, reply: string): TargetError {
    const isAbsent = /out of range|cluster mode/i.test(reply);
    if (!isAbsent) return this.refused("select", reply);
    const message = `it has no database ${db}${/cluster/i.test(reply) ? ": in Redis Cluster there is only 0" : ""}`;
    return new TargetError({ code: "REFUSED", message, retryable: false });
  }

  close(): void {
    this.#release();
    this.#live.session.close();
  }

  /** Looks each 100 ms how long a PING takes: from time to time also a scan has to hear that it disturbs. */
  async #measure(): Promise<void> {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#pingedMs < PING_EVERY_MS) return;
    const pings = this.#pingedMs < 0 ? FIRST_PINGS : 1;
    for (let i = 0; i < pings; i++) {
      this.pace.reserve(1);
      const startMs = clock.monotonic();
      this.#note(await this.#retried((session) => session.ask([["PING"]])));
      this.#pingedMs = clock.monotonic();
      this.pace.heard(this.#pingedMs - startMs);
    }
  }

  /** What the user may not run, or the server does not know, it does not count. */
  #note(answers: readonly Answer[]): void {
    this.#hasMovedKeys ||= answers.some((answer) => "error" in answer && isElsewhere(answer.error));
    this.#ran += answers.filter((answer) => "value" in answer || !isTurnedAway(answer.error)).length;
  }

  async #retried<T>(act: (session: Session) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    const startMs = clock.monotonic();
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#reopenIfEnded();
        return await act(this.#live.session);
      } catch (err) {
        const isFinal = signal.aborted || clock.monotonic() - startMs >= PATIENCE_MS;
        if (isFinal || !(err instanceof TargetError) || !err.retryable) throw err;
        await this.#wait(backoffMs(attempt, RETRY));
      }
    }
  }

  async #reopenIfEnded(): Promise<void> {
    const { ended } = this.#live.session;
    if (ended === null) return;
    if (this.#options.signal.aborted) throw new TargetError(ended);
    const live = await openSession(this.target, this.#options);
    try {
      const { runId } = await live.poll();
      this.#hasRestarted ||= runId !== this.poll.runId;
      await this.#selectAgain(live);
    } catch (err) {
      live.session.close();
      throw err;
    }
    this.#live = live;
  }

  /** Before anything else is asked: the answers would be those of another database. */
  async #selectAgain({ session }: LiveSession): Promise<void> {
    if (this.#db === 0) return;
    const [answer] = await session.ask([["SELECT", this.#db]]);
    if (answer && "error" in answer) throw this.refused("select", answer.error);
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

/** Closes the session that `live` gives some time after Ctrl-C. Returns a function that ends this. */
function givenUpAfterAbort(live: () => LiveSession, { clock, signal }: ScanServerOptions): () => void {
  let cancel = () => {};
  const abort = () => {
    cancel = clock.after(LAST_ANSWERS_MS, () => live().session.close(GIVEN_UP));
  };
  signal.addEventListener("abort", abort, { once: true });
  return () => {
    signal.removeEventListener("abort", abort);
    cancel();
  };
}
