import { EventEmitter } from "node:events";
import type { Facts } from "../model/target.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Pause } from "../runtime/pause.ts";
import { LiveSession } from "./live-session.ts";
import { readNotificationFlags, writeNotificationFlags } from "./notification-flags.ts";
import type { TargetAccess } from "./options.ts";
import { OwnReads } from "./own-reads.ts";
import type { TargetPoll } from "./poll.ts";
import { type ProblemCode, retryMaxMs, TargetError, type TargetProblem } from "./problem.ts";
import type { Topology } from "./topology.ts";

export type { TargetPoll } from "./poll.ts";
export { TargetError, type TargetProblem } from "./problem.ts";

export type TargetState = "connecting" | "up" | "down";

export interface TargetConnectionOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly connectTimeoutMs?: number;
  readonly commandTimeoutMs?: number;
}

interface TargetEvents {
  /** The target answers; with its state. */
  up: [poll: TargetPoll];
  down: [problem: TargetProblem];
  /** Another role, or another server process at the address. */
  role: [poll: TargetPoll];
}

const FIRST_RETRY_MS = 100;
/** Without polls from outside it looks by itself, so that a half-open connection is noticed within 5 s. */
const HEARTBEAT_MS = 2000;
/** Less than the heartbeat, so that one of its own looks is never the reason to leave the next one out. */
const JUST_ANSWERED_MS = 1500;

/** Of these the connection stays open: the server answers, just not what was asked. */
const KEEPS_CONNECTION: ReadonlySet<ProblemCode> = new Set(["LOADING", "BUSY", "MASTERDOWN", "NOPERM"]);

const NOT_YET: TargetProblem = { code: "UNREACHABLE", message: "not connected yet", retryable: true };
const IS_CLOSED: TargetProblem = { code: "CLOSED", message: "the connection is closed", retryable: false };

/**
 * The control connection to one target: it connects at once, comes back by itself for ever, and never throws out of
 * its own callbacks. Everything but the subscription's events goes over it.
 */
export class TargetConnection extends EventEmitter<TargetEvents> {
  readonly address: string;
  readonly #target: TargetAccess;
  readonly #options: Required<TargetConnectionOptions>;
  readonly #ownReads = new OwnReads();
  /** Before the next attempt or look; ended by the end of the connection, or by `close`. */
  readonly #pause: Pause;
  #state: TargetState = "connecting";
  #problem: TargetProblem | null = null;
  #live: LiveSession | null = null;
  #lastPoll: TargetPoll | null = null;
  #attempt = 0;
  readonly #closing = new AbortController();
  #limits: readonly string[] = [];
  readonly #running: Promise<void>;

  constructor(target: TargetAccess, options: TargetConnectionOptions) {
    super();
    this.address = target.address;
    this.#target = target;
    this.#options = { connectTimeoutMs: 3000, commandTimeoutMs: 1000, ...options };
    this.#pause = new Pause(options.clock);
    this.#running = this.#run();
  }

  state(): TargetState {
    return this.#state;
  }

  /** What the target's name resolved to, `10.0.0.1:6379`; `null`: not connected now, or by a path. */
  get peer(): string | null {
    return this.#live?.session.peer ?? null;
  }

  /** What the target last said of itself; `null`: it has not answered yet. */
  get latestPoll(): TargetPoll | null {
    return this.#lastPoll;
  }

  /** Why the target is not up: one line with what to do; `null` while it is up or was not tried yet. */
  problem(): TargetProblem | null {
    return this.#problem;
  }

  /** What this user or server does not allow, one line each with what to run: the parts concerned are unknown. */
  limits(): readonly string[] {
    return this.#limits;
  }

  /** Asks the target for its state in one round. Throws: `TargetError`, at once while the target is not up. */
  poll(): Promise<TargetPoll> {
    return this.#withLive((live) => this.#look(live));
  }

  /** Who belongs to the target's cluster, as it sees it. Throws: `TargetError`, at once while the target is not up. */
  topology(): Promise<Topology> {
    return this.#withLive((live) => live.topology());
  }

  /** The target's slots are known to have moved: the next poll asks for them. */
  forgetSlots(): void {
    this.#live?.forgetSlots();
  }

  /** Value of `notify-keyspace-events`; `null`: CONFIG cannot be read. Throws: `TargetError`. */
  notificationFlags(): Promise<string | null> {
    return this.#withLive((live) =>
      readNotificationFlags(live.session, live.refusals, this.#options.clock.monotonic()),
    );
  }

  /** Sets `notify-keyspace-events`. Throws: `TargetError` with the line to run. */
  setNotificationFlags(flags: string): Promise<void> {
    return this.#withLive(({ session }) => writeNotificationFlags(session, flags, this.#target.username));
  }

  /**
   * What the server says of a key.
   *
   * `null`: there is no such key; then the server has published exactly one `keymiss` of it, where it publishes those.
   * Its own reads are not in `poll().reads`. Throws: `TargetError`.
   */
  facts(db: number, key: Uint8Array): Promise<Facts | null> {
    return this.#withLive((live) => live.facts(db, key));
  }

  /** Ends the connection; nothing is reported afterwards. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#live?.session.close();
    this.#pause.end();
    await this.#running;
    this.removeAllListeners();
  }

  async #withLive<T>(act: (live: LiveSession) => Promise<T>): Promise<T> {
    const live = this.#live;
    if (this.#closing.signal.aborted) throw new TargetError(IS_CLOSED);
    if (this.#state !== "up" || !live) throw new TargetError(this.#problem ?? NOT_YET);
    const result = await act(live).catch((err: unknown) => {
      this.#noteEnd(live);
      throw err;
    });
    this.#noteLimits(live);
    return result;
  }

  /** Connects, serves a connection until its end, waits, and again. */
  async #run(): Promise<void> {
    // The constructor returns first, so that listeners are in place.
    await Promise.resolve();
    while (!this.#closing.signal.aborted) {
      const live = await this.#open();
      if (live) await this.#serve(live);
      if (!this.#closing.signal.aborted) await this.#pause.upTo(this.#retryMs());
    }
  }

  async #open(): Promise<LiveSession | null> {
    const { clock, connectTimeoutMs, commandTimeoutMs } = this.#options;
    try {
      const live = await LiveSession.open(this.#target, {
        clock,
        ownReads: this.#ownReads,
        timeouts: { connectTimeoutMs, commandTimeoutMs },
        signal: this.#closing.signal,
      });
      if (this.#closing.signal.aborted) live.session.close();
      return live;
    } catch (err) {
      this.#goDown(problemOf(err));
      return null;
    }
  }

  async #serve(live: LiveSession): Promise<void> {
    this.#live = live;
    // Only while it is served: its end may come late, in the wait before the next attempt.
    live.session.onEnd(() => {
      if (this.#live === live) this.#pause.end();
    });
    while (!this.#closing.signal.aborted && !live.session.ended) {
      if (!this.#hasJustAnswered) await this.#look(live).catch(() => {});
      if (live.session.ended || this.#closing.signal.aborted) break;
      await this.#pause.upTo(this.#state === "up" ? HEARTBEAT_MS : this.#retryMs());
    }
    this.#live = null;
    this.#noteEnd(live);
  }

  /** Whoever polls it keeps its state up to date too. */
  get #hasJustAnswered(): boolean {
    const tookMs = this.#options.clock.monotonic() - (this.#lastPoll?.takenAtMs ?? Number.NEGATIVE_INFINITY);
    return this.#state === "up" && tookMs < JUST_ANSWERED_MS;
  }

  /** One round; whatever comes of it is the state from now on. */
  async #look(live: LiveSession): Promise<TargetPoll> {
    try {
      const poll = await live.poll();
      if (live === this.#live) this.#goUp(poll);
      this.#noteLimits(live);
      return poll;
    } catch (err) {
      const problem = problemOf(err);
      if (!KEEPS_CONNECTION.has(problem.code)) live.session.close(problem);
      if (live === this.#live) this.#goDown(problem);
      throw err;
    }
  }

  #noteEnd(live: LiveSession): void {
    const { ended } = live.session;
    if (ended && (this.#live === live || this.#live === null)) this.#goDown(ended);
  }

  #goUp(poll: TargetPoll): void {
    const before = this.#lastPoll;
    this.#lastPoll = poll;
    this.#attempt = 0;
    if (this.#closing.signal.aborted) return;
    const { role, flavor, version } = poll;
    const target = this.address;
    if (this.#state !== "up") {
      this.#state = "up";
      this.#problem = null;
      this.#options.logger.info({ target, role, flavor, version }, "target up");
      this.#tell("up", poll);
    }
    if (before && (before.role !== role || before.runId !== poll.runId)) {
      this.#options.logger.info(
        { target, from: before.role, to: role },
        "target has another role or process",
      );
      this.#tell("role", poll);
    }
  }

  #goDown(problem: TargetProblem): void {
    if (this.#closing.signal.aborted) return;
    const isNews = this.#state !== "down" || this.#problem?.code !== problem.code;
    this.#state = "down";
    this.#problem = problem;
    if (!isNews) return;
    const { code, message } = problem;
    this.#options.logger.warn({ target: this.address, code, reason: message }, "target down");
    this.#tell("down", problem);
  }

  #noteLimits(live: LiveSession): void {
    const limits = live.refusals.reasons();
    const news = limits.filter((reason) => !this.#limits.includes(reason));
    this.#limits = limits;
    for (const reason of news) {
      this.#options.logger.warn({ target: this.address, reason }, "target seen in part");
    }
  }

  /** A listener that throws must not end the connection's own loop. */
  #tell<K extends "up" | "role">(event: K, poll: TargetPoll): void;
  #tell(event: "down", problem: TargetProblem): void;
  #tell(event: "up" | "role" | "down", value: TargetPoll | TargetProblem): void {
    try {
      if (event === "down") this.emit("down", value as TargetProblem);
      else this.emit(event, value as TargetPoll);
    } catch (err) {
      this.#options.logger.error({ target: this.address, err }, "a listener of a target failed");
    }
  }

  #retryMs(): number {
    const maxMs = retryMaxMs(this.#problem?.code ?? "UNREACHABLE");
    return backoffMs(this.#attempt++, { firstMs: FIRST_RETRY_MS, maxMs });
  }
}

function problemOf(err: unknown): TargetProblem {
  if (err instanceof TargetError) return err.problem;
  return { code: "PROTOCOL", message: "the connection failed in an unexpected way", retryable: true };
}
