import type { Argument } from "../../redis/command-keys.ts";
import { countError, countReply, isServerError } from "../command-reply.ts";
import type { CommandObserver, Place, Tally } from "../observer.ts";
import { socketTarget } from "./socket-target.ts";

/** What is used of a command of ioredis. Its reply comes by `resolve`, raw: Buffers, integers, nil, lists. */
export interface SentCommand {
  readonly name: string;
  readonly args: readonly Argument[];
  /** Has been written before: it is sent again, after MOVED or on a new connection. */
  readonly isTraced?: boolean;
  resolve(reply: unknown): unknown;
  reject(error: unknown): unknown;
  [SAMPLE]?: Sample;
}

/** What is used of a connection of ioredis, the class `Redis`. */
export interface Connection {
  status: string;
  stream?: object | null;
  condition?: { readonly select?: number } | null;
  readonly options?: { readonly path?: string };
}

/** One call of `attachIoredis`: it covers several connections, and a command may be sent again on another of them. */
export interface Attachment {
  readonly observer: CommandObserver;
  isOn: boolean;
}

const SAMPLE = Symbol("keyheat.sample");
const SAMPLES_OF_TRANSACTION_MAX = 100_000;

/** Watches what is sent on one connection, and counts the sampled commands when they are answered. */
export class ConnectionWatch {
  readonly #redis: Connection;
  readonly #attachment: Attachment;
  #stream: object | null | undefined = null;
  #place: Place = { target: null, db: 0 };
  #transaction: Transaction | null = null;

  constructor(redis: Connection, attachment: Attachment) {
    this.#redis = redis;
    this.#attachment = attachment;
  }

  /** To be called before ioredis sends the command, which it may put off or refuse. */
  sending(command: SentCommand): void {
    const redis = this.#redis;
    // Before that it waits in ioredis's own queue, and is sent again from there.
    if (redis.status !== "ready" || !this.#attachment.isOn) return;
    if (redis.stream !== this.#stream) this.#isConnected(redis.stream);
    const sample = this.#sampleOf(command);
    if (this.#transaction !== null || isNamed(command, "multi")) this.#sendingInTransaction(command, sample);
    else if (sample !== null) sample.sending(this.#placeNow(), null, 0);
  }

  /** Decides once a command, however often it is sent. */
  #sampleOf(command: SentCommand): Sample | null {
    const earlier = command[SAMPLE];
    if (earlier?.attachment === this.#attachment) return earlier;
    if (command.isTraced === true) return null;
    const tally = this.#attachment.observer.take();
    if (tally === null) return null;
    const sample = new Sample(this.#attachment, command, tally);
    command[SAMPLE] = sample;
    return sample;
  }

  #sendingInTransaction(command: SentCommand, sample: Sample | null): void {
    const transaction = this.#transaction;
    if (transaction === null) this.#transaction = new Transaction();
    else if (isNamed(command, "exec")) {
      this.#transaction = null;
      if (transaction.samples > 0) listen(command, transaction);
    } else if (isNamed(command, "discard") || isNamed(command, "reset") || isNamed(command, "quit"))
      this.#transaction = null;
    // These two are refused at once, and the transaction goes on without them.
    else if (!isNamed(command, "multi") && !isNamed(command, "watch")) {
      const index = transaction.commands++;
      if (sample === null || transaction.samples >= SAMPLES_OF_TRANSACTION_MAX) return;
      transaction.samples++;
      sample.sending(this.#placeNow(), transaction, index);
    }
  }

  #isConnected(stream: object | null | undefined): void {
    this.#stream = stream;
    this.#transaction = null;
    this.#place = { target: socketTarget(stream, this.#redis.options?.path), db: this.#place.db };
  }

  #placeNow(): Place {
    const db = this.#redis.condition?.select ?? 0;
    if (db !== this.#place.db) this.#place = { target: this.#place.target, db };
    return this.#place;
  }
}

function isNamed({ name }: SentCommand, lowerCase: string): boolean {
  return name === lowerCase || (name.length === lowerCase.length && name.toLowerCase() === lowerCase);
}

/** A command that was sampled. */
class Sample implements Listener {
  readonly attachment: Attachment;
  readonly #command: SentCommand;
  readonly #tally: Tally;
  #place: Place | null = null;
  #transaction: Transaction | null = null;
  #index = 0;
  listening: SentCommand["resolve"] | null = null;

  constructor(attachment: Attachment, command: SentCommand, tally: Tally) {
    this.attachment = attachment;
    this.#command = command;
    this.#tally = tally;
  }

  sending(place: Place, transaction: Transaction | null, index: number): void {
    this.#place = place;
    this.#transaction = transaction;
    this.#index = index;
    listen(this.#command, this);
  }

  replied(reply: unknown): void {
    if (this.#transaction !== null && String(reply) === "QUEUED")
      this.#transaction.queued.push({ index: this.#index, sample: this });
    else this.count(reply);
  }

  failed(error: Error): void {
    this.count(error);
  }

  count(reply: unknown): void {
    if (this.#place === null || !this.attachment.isOn) return;
    const { name, args } = this.#command;
    const countIt = reply instanceof Error ? countError : countReply;
    countIt(this.#tally, this.#place, name, args, reply);
  }
}

/** Between MULTI and EXEC commands answer QUEUED; they run at EXEC, if at all, and its reply is a list of theirs. */
class Transaction implements Listener {
  /** Sent so far: the place of the next one in EXEC's reply. */
  commands = 0;
  samples = 0;
  readonly queued: { readonly index: number; readonly sample: Sample }[] = [];
  listening: SentCommand["resolve"] | null = null;

  replied(reply: unknown): void {
    if (!Array.isArray(reply)) return;
    for (const { index, sample } of this.queued) if (index < reply.length) sample.count(reply[index]);
  }

  failed(): void {}
}

interface Listener {
  /** What stands in for the command's `resolve` meanwhile. */
  listening: SentCommand["resolve"] | null;
  replied(reply: unknown): void;
  failed(error: Error): void;
}

/** Tells the listener of the command's answer, once, before the app learns of it. */
function listen(command: SentCommand, listener: Listener): void {
  // Sent again before it was answered.
  if (listener.listening !== null && listener.listening === command.resolve) return;
  const { resolve, reject } = command;
  let isAnswered = false;
  /** Whether the answer is told now: once, and from then on the command is as it was. */
  const isFirst = () => {
    if (isAnswered) return false;
    isAnswered = true;
    if (command.resolve === resolveListened) command.resolve = resolve;
    if (command.reject === rejectListened) command.reject = reject;
    return true;
  };
  const resolveListened = (reply: unknown) => {
    if (isFirst()) tellReply(listener, reply);
    return resolve.call(command, reply);
  };
  const rejectListened = (error: unknown) => {
    // After an error of the client's own (a timeout) the answer may still come.
    if (isServerError(error) && isFirst()) tellError(listener, error);
    return reject.call(command, error);
  };
  command.resolve = resolveListened;
  command.reject = rejectListened;
  listener.listening = resolveListened;
}

/** Counting must not get in the app's way. */
function tellReply(listener: Listener, reply: unknown): void {
  try {
    listener.replied(reply);
  } catch {
    // What could not be counted is not.
  }
}

function tellError(listener: Listener, error: Error): void {
  try {
    listener.failed(error);
  } catch {
    // What could not be counted is not.
  }
}
