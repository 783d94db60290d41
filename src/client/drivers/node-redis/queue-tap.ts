import { countError, countReply } from "../../command-reply.ts";
import type { CommandObserver, Place, Tally } from "../../observer.ts";
import type { ConnectionWatcher } from "./connections.ts";
import { override } from "./override.ts";
import type { CommandOptions, CommandQueue, Word } from "./shapes.ts";

/** Entries kept of a transaction that a caller composes by single commands: it need never come to an EXEC. */
const LOOSE_ENTRIES_MAX = 10_000;

/** A command whose reply is to be looked at. */
interface Followed {
  readonly name: string;
  readonly args: readonly Word[];
  /** null: only for what it does to the connection. */
  readonly tally: Tally | null;
}

/** What was sent since a MULTI; the replies come with the EXEC. */
interface Transaction {
  readonly chainId: symbol | undefined;
  readonly entries: (Followed & { readonly index: number })[];
  size: number;
}

/** Counts the commands of one connection by their replies. */
export class QueueTap implements ConnectionWatcher {
  readonly #clientId: string | undefined;
  readonly #observer: CommandObserver;
  readonly #restore: () => void;
  /** Replaced, never changed: replies that were counted keep theirs. */
  #place: Place;
  #transaction: Transaction | null = null;
  #isOpen = true;

  constructor(queue: CommandQueue, clientId: string | undefined, place: Place, observer: CommandObserver) {
    this.#clientId = clientId;
    this.#place = place;
    this.#observer = observer;
    const { addCommand } = queue;
    this.#restore = override(queue, "addCommand", (words, options) => {
      const reply = addCommand.call(queue, words, options);
      if (this.#isOpen) this.#follow(words, options, reply);
      return reply;
    });
  }

  onReady(clientId: string, target: string | null): void {
    if (clientId === this.#clientId && target !== null) this.#place = { ...this.#place, target };
  }

  onClosed(clientId: string): void {
    if (clientId !== this.#clientId) return;
    this.#transaction = null;
    // The next connection begins there; the handshake's own SELECT is seen as any other.
    this.#selected(0);
  }

  close(): void {
    this.#isOpen = false;
    this.#transaction = null;
    this.#restore();
  }

  #follow(words: readonly Word[], options: CommandOptions | undefined, reply: Promise<unknown>): void {
    try {
      const chainId = options?.chainId;
      const control = controlOf(words[0]);
      if (control !== null) this.#control(control, words, chainId, reply);
      else {
        const tally = this.#observer.take();
        if (this.#isInTransaction(chainId)) this.#queued(words, tally);
        else if (tally !== null) this.#count(followed(words, tally), reply);
      }
    } catch {
      // The app's command must not suffer from being counted.
    }
  }

  #control(
    control: Control,
    words: readonly Word[],
    chainId: symbol | undefined,
    reply: Promise<unknown>,
  ): void {
    const transaction = this.#isInTransaction(chainId) ? this.#transaction : null;
    switch (control) {
      case "multi":
        if (transaction === null) this.#begin(chainId, reply);
        return;
      case "select":
        if (transaction !== null) this.#queued(words, null);
        else reply.then(() => this.#selected(Number(words[1])), ignore);
        return;
      case "exec":
        if (transaction === null) return;
        this.#transaction = null;
        reply.then((replies) => this.#executed(transaction, replies), ignore);
        return;
      case "discard":
        if (transaction !== null) this.#transaction = null;
        return;
      case "reset":
        this.#transaction = null;
        reply.then(() => this.#selected(0), ignore);
        return;
    }
  }

  #isInTransaction(chainId: symbol | undefined): boolean {
    return this.#transaction !== null && this.#transaction.chainId === chainId;
  }

  #begin(chainId: symbol | undefined, reply: Promise<unknown>): void {
    const transaction: Transaction = { chainId, entries: [], size: 0 };
    this.#transaction = transaction;
    reply.then(ignore, () => {
      if (this.#transaction === transaction) this.#transaction = null;
    });
  }

  /** A command whose own reply only says that it was queued. */
  #queued(words: readonly Word[], tally: Tally | null): void {
    const transaction = this.#transaction;
    if (transaction === null) return;
    const index = transaction.size++;
    if (tally === null && controlOf(words[0]) !== "select") return;
    if (transaction.chainId === undefined && transaction.entries.length >= LOOSE_ENTRIES_MAX) return;
    transaction.entries.push({ ...followed(words, tally), index });
  }

  /** nil in place of the replies: a watched key had changed, and nothing was run. */
  #executed({ entries, size }: Transaction, replies: unknown): void {
    // Another number: one was refused on the way here, and which reply is whose cannot be told.
    if (!Array.isArray(replies) || replies.length !== size) return;
    for (const entry of entries) {
      const reply: unknown = replies[entry.index];
      if (entry.tally !== null) this.#answered(entry, entry.tally, reply, reply instanceof Error);
      else if (!(reply instanceof Error)) this.#selected(Number(entry.args[0]));
    }
  }

  #count(command: Followed & { readonly tally: Tally }, reply: Promise<unknown>): void {
    // Replies come in the order of commands, so the place is still that in which this one was run.
    reply.then(
      (answer) => this.#answered(command, command.tally, answer, false),
      (error: unknown) => this.#answered(command, command.tally, error, true),
    );
  }

  #answered({ name, args }: Followed, tally: Tally, answer: unknown, isError: boolean): void {
    if (!this.#isOpen) return;
    try {
      if (isError) countError(tally, this.#place, name, args, answer);
      else countReply(tally, this.#place, name, args, answer);
    } catch {
      // Thrown here it would be a rejection that nobody handles.
    }
  }

  #selected(db: number): void {
    if (Number.isInteger(db) && db >= 0) this.#place = { ...this.#place, db };
  }
}

/** Copies the words: callers may use their array again once it is written. */
function followed<T extends Tally | null>(
  words: readonly Word[],
  tally: T,
): Followed & { readonly tally: T } {
  return { name: String(words[0]), args: words.slice(1), tally };
}

function ignore(): void {}

/** Commands that change how those after them are to be understood. */
type Control = "multi" | "exec" | "discard" | "select" | "reset";

/** By the first letter, from `a`. */
const CONTROLS: readonly (Control | undefined)[] = Array.from("abcdefghijklmnopqrstuvwxyz", (letter) =>
  (["multi", "exec", "discard", "select", "reset"] as const).find((name) => name.startsWith(letter)),
);

/** On every command's way: most are told by a letter and a length. */
function controlOf(word: Word | undefined): Control | null {
  if (word === undefined) return null;
  const letter = typeof word === "string" ? word.charCodeAt(0) : (word[0] ?? 0);
  const control = CONTROLS[(letter | 0x20) - 0x61];
  if (control === undefined || control.length !== word.length) return null;
  return word.toString().toLowerCase() === control ? control : null;
}
