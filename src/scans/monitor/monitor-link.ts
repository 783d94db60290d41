import type { Socket } from "node:net";
import { authArguments } from "../../redis/options.ts";
import { TargetError, type TargetProblem } from "../../redis/problem.ts";
import { connectionProblem } from "../../redis/reply-problem.ts";
import { encodeCommand } from "../../redis/resp.ts";
import { socketProblem } from "../../redis/socket-problem.ts";
import type { Clock } from "../../runtime/clock.ts";
import { openSocket } from "../../sources/keyspace/connect.ts";
import type { ScanServer } from "../scan-server.ts";

const READ_BYTES = 64 * 1024;
const ANSWER_MS_MAX = 3000;
/** Answers to AUTH, CLIENT ID and MONITOR are one short line each. */
const REPLY_CHARACTERS_MAX = 4096;
const NO_PASSWORD_NEEDED = /no password|without any password/i;
const LF = 0x0a;
const SILENT: TargetProblem = { code: "TIMEOUT", message: "no answer within 3 s", retryable: true };

/** Takes the bytes of MONITOR: `bytes[start, end)` are valid during the call. */
export type MonitorStream = (bytes: Uint8Array, start: number, end: number) => void;

/** One connection for one MONITOR. All is read into one buffer and handed on at once: nothing piles up here. */
export class MonitorLink {
  readonly #server: ScanServer;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);
  readonly #end = new AbortController();
  #problem: TargetProblem | null = null;
  #reply = "";
  #onReply: (reply: string) => void = () => {};
  #stream: MonitorStream | null = null;
  #isReached = false;

  private constructor(server: ScanServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.#socket = openSocket(server.target, {
      buffer: this.#buffer,
      callback: (length) => this.#read(length),
    });
    this.#socket.setNoDelay(true);
    this.#socket.once("connect", () => {
      this.#isReached = true;
    });
    this.#socket.on("error", (err) => this.#lose(err));
    this.#socket.on("close", () => this.#lose(null));
  }

  /** Connects and logs in. Throws: `TargetError`. */
  static async open(server: ScanServer, clock: Clock): Promise<MonitorLink> {
    const link = new MonitorLink(server, clock);
    try {
      await link.#logIn();
      return link;
    } catch (err) {
      link.close();
      throw err;
    }
  }

  /** Aborts when the connection has ended. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Why it has ended by itself; `null`: it lives, or was closed. */
  get problem(): TargetProblem | null {
    return this.#problem;
  }

  /** By which number CLIENT LIST knows it; `null`: the server does not say. Throws: `TargetError`. */
  async clientId(): Promise<number | null> {
    const id = /^:(\d+)$/.exec(await this.#ask(["CLIENT", "ID"]))?.[1];
    return id === undefined ? null : Number(id);
  }

  /** Begins: from now on `stream` is called. Throws: `TargetError`, with the line to run, where it is refused. */
  async start(stream: MonitorStream): Promise<void> {
    const reply = await this.#ask(["MONITOR"], () => {
      this.#stream = stream;
    });
    if (!reply.startsWith("-")) return;
    throw this.#refusal(reply.slice(1)) ?? this.#server.refused("monitor", reply.slice(1));
  }

  /** The server forgets the client at once: what it has sent and nobody read goes with the connection. */
  close(): void {
    this.#end.abort();
    this.#socket.destroy();
  }

  async #logIn(): Promise<void> {
    const auth = authArguments(this.#server.target);
    if (auth === null) return;
    const reply = await this.#ask(["AUTH", ...auth]);
    if (!reply.startsWith("-") || NO_PASSWORD_NEEDED.test(reply)) return;
    throw this.#refusal(reply.slice(1)) ?? this.#server.refused("auth", reply.slice(1));
  }

  #refusal(reply: string): TargetError | null {
    const { username, password } = this.#server.target;
    const problem = connectionProblem(reply, { username, hasPassword: password !== undefined });
    return problem && new TargetError(problem);
  }

  /** `onAccepted` is called before another byte is looked at. */
  async #ask(words: readonly string[], onAccepted: () => void = () => {}): Promise<string> {
    const answer = Promise.withResolvers<string>();
    const fail = () => answer.reject(new TargetError(this.#problem ?? SILENT));
    const cancel = this.#clock.after(ANSWER_MS_MAX, fail);
    this.ended.addEventListener("abort", fail, { once: true });
    this.#onReply = (reply) => {
      if (!reply.startsWith("-")) onAccepted();
      answer.resolve(reply);
    };
    if (this.ended.aborted) fail();
    else this.#socket.write(encodeCommand(words));
    try {
      return await answer.promise;
    } finally {
      cancel();
      this.ended.removeEventListener("abort", fail);
    }
  }

  #read(length: number): boolean {
    let at = 0;
    while (this.#stream === null && at < length) {
      const byte = this.#buffer[at++]!;
      if (byte !== LF) this.#reply += String.fromCharCode(byte);
      else this.#takeReply();
      if (this.#reply.length > REPLY_CHARACTERS_MAX) this.#socket.destroy();
    }
    if (at < length && !this.ended.aborted) this.#stream?.(this.#buffer, at, length);
    return true;
  }

  #takeReply(): void {
    const reply = this.#reply.trimEnd();
    this.#reply = "";
    this.#onReply(reply);
  }

  #lose(err: Error | null): void {
    if (this.ended.aborted) return;
    this.#problem = socketProblem(err, {
      usesTls: this.#server.target.tls !== undefined,
      isUnixSocket: "path" in this.#server.target.endpoint,
      isReached: this.#isReached,
      hasAnswered: true,
    });
    this.#end.abort();
  }
}
