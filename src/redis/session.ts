import { Socket } from "node:net";
import { Redis } from "ioredis";
import { authArguments, connectionOptions, type TargetAccess, type Timeouts } from "./options.ts";
import { ownEndOf, peerOf } from "./peer.ts";
import { TargetError, type TargetProblem } from "./problem.ts";
import { type Asker, connectionProblem } from "./reply-problem.ts";
import { socketProblem } from "./socket-problem.ts";

/** A command's name and arguments. */
export type CommandLine = readonly (string | number | Buffer)[];

/** What the server answered to one command: a value, or the text of an error reply. */
export type Answer = { readonly value: unknown } | { readonly error: string };

const TIMED_OUT: TargetProblem = {
  code: "TIMEOUT",
  message: "connected, but commands are not answered; it hangs, is paused, or the connection is half-open",
  retryable: true,
};

/** One connection from its login to its end. It never comes back: a new one takes its place. */
export class Session {
  readonly #redis: Redis;
  readonly #target: TargetAccess;
  readonly #asker: Asker;
  #socketError: unknown = null;
  #isReached = false;
  #hasAnswered = false;
  #problem: TargetProblem | null = null;
  #onEnd: () => void = () => {};

  private constructor(target: TargetAccess, timeouts: Timeouts) {
    this.#target = target;
    this.#asker = { username: target.username, hasPassword: target.password !== undefined };
    this.#redis = new Redis(connectionOptions(target, timeouts));
    this.#redis.on("error", (err) => {
      this.#socketError ??= err;
    });
    this.#redis.on("end", () => {
      this.#problem ??= this.#lossOf(null);
      this.#onEnd();
    });
  }

  /** Connects and logs in, unless `signal` aborts it. Throws: `TargetError`. */
  static async open(target: TargetAccess, timeouts: Timeouts, signal: AbortSignal): Promise<Session> {
    const session = new Session(target, timeouts);
    const abort = () => session.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await session.#connect();
      const auth = authArguments(target);
      if (auth) await session.#logIn(auth);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return session;
  }

  /** Why the connection has ended; `null` while it lives. */
  get ended(): TargetProblem | null {
    return this.#problem;
  }

  /** Address of the server as it was resolved; `null`: by a path, or not connected. */
  get peer(): string | null {
    return this.#socket && peerOf(this.#socket);
  }

  /** Address of this end, as the server names it unless a proxy stands in between; `null`: by a path, or not connected. */
  get ownEnd(): string | null {
    return this.#socket && ownEndOf(this.#socket);
  }

  get #socket(): Socket | null {
    // Before it connects there is none, whatever the type says.
    const stream: Redis["stream"] | undefined = this.#redis.stream;
    return stream instanceof Socket ? stream : null;
  }

  /** Calls `listener` once when the connection has ended by itself. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  /**
   * Sends commands in one go and waits for all answers. Error replies that concern one command are answers.
   *
   * Throws: `TargetError` where the server answers nobody or not this user, such as LOADING; the connection is closed
   * as well where it is lost or answers too late.
   */
  ask(lines: readonly CommandLine[]): Promise<readonly Answer[]> {
    return this.#send("call", lines);
  }

  /** The same; strings in values are Buffers, as keys may be no text. */
  askForBytes(lines: readonly CommandLine[]): Promise<readonly Answer[]> {
    return this.#send("callBuffer", lines);
  }

  /** Closes the connection. `problem` says more than the end of the socket, which may have come first. */
  close(problem?: TargetProblem): void {
    this.#problem = problem ?? this.#problem ?? CLOSED_BY_US;
    this.#redis.disconnect();
  }

  async #send(method: "call" | "callBuffer", lines: readonly CommandLine[]): Promise<readonly Answer[]> {
    if (this.#problem) throw new TargetError(this.#problem);
    const pipeline = this.#redis.pipeline(lines.map((line) => [method, ...line]));
    const results: [Error | null, unknown][] = await pipeline.exec().then(
      (all) => all ?? [],
      (err: Error) => [[err, null]],
    );
    // First of all: a server that turns a client away answers one command and closes.
    for (const [err] of results) {
      const problem = err?.name === "ReplyError" ? connectionProblem(err.message, this.#asker) : null;
      if (problem) throw new TargetError(problem);
    }
    const answers = results.map(([err, value]) => (err ? this.#answerOf(err) : { value }));
    this.#hasAnswered = true;
    return answers;
  }

  async #connect(): Promise<void> {
    try {
      const connected = this.#redis.connect();
      this.#watchReach();
      await connected;
    } catch (err) {
      const problem = this.#problem ?? this.#lossOf(err);
      this.close(problem);
      throw new TargetError(problem);
    }
  }

  async #logIn(auth: readonly string[]): Promise<void> {
    try {
      const [answer] = await this.ask([["AUTH", ...auth]]);
      // "ERR ... without any password configured": nothing to log in to, and commands will show what may be done.
      if (answer && "error" in answer && !/no password|without any password/i.test(answer.error)) {
        throw new TargetError({
          code: "AUTH",
          message: /wrong number of arguments/i.test(answer.error)
            ? "the server knows no users (Redis before 6); set only the target's password"
            : "the server refused to log in; check the target's username and password",
          retryable: false,
        });
      }
    } catch (err) {
      if (err instanceof TargetError) this.close(err.problem);
      throw err;
    }
  }

  /** Error replies are answers; all else ends the connection. */
  #answerOf(err: Error): Answer {
    if (err.name === "ReplyError") return { error: err.message };
    const problem = err.message.includes("timed out") ? TIMED_OUT : (this.#problem ?? this.#lossOf(err));
    this.close(problem);
    throw new TargetError(problem);
  }

  /** Notes when the server's host has taken the connection: with TLS the handshake is still to come. */
  #watchReach(): void {
    setImmediate(() => {
      const { stream } = this.#redis;
      if (stream?.connecting) stream.once("connect", () => (this.#isReached = true));
      else this.#isReached = stream !== undefined;
    });
  }

  #lossOf(err: unknown): TargetProblem {
    const cause = this.#socketError ?? err;
    const { tls, endpoint } = this.#target;
    // A server that turns clients away says so unasked; ioredis reports it as an answer to no command.
    const unasked = cause instanceof Error ? /Last error: (.*)/.exec(cause.message)?.[1] : undefined;
    return (
      (unasked === undefined ? null : connectionProblem(unasked, this.#asker)) ??
      socketProblem(cause, {
        usesTls: tls !== undefined,
        isUnixSocket: "path" in endpoint,
        isReached: this.#isReached,
        hasAnswered: this.#hasAnswered,
      })
    );
  }
}

const CLOSED_BY_US: TargetProblem = { code: "CLOSED", message: "closed", retryable: true };
