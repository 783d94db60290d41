import { type Argument, shapeOf, visitKeys } from "../../redis/command-keys.ts";

/** A key as the slow log has it: of longer ones the first 128 bytes and how long they are. */
export interface LoggedKey {
  readonly head: Buffer;
  /** Of the whole key, in bytes. */
  readonly length: number;
}

/** An entry of the slow log, without what are no keys. */
export interface SlowEntry {
  readonly id: number;
  /** Wall clock, ms since 1970; the server tells whole seconds. */
  readonly atMs: number;
  readonly tookMs: number;
  /** In lower case, `xgroup|create` for subcommands. */
  readonly command: string;
  /** Each once, however often the command names it. */
  readonly keys: readonly LoggedKey[];
}

/** The log keeps so many words of a command (the last one then says how many more there were), and of each so many bytes. */
const WORDS_MAX = 32;
const WORD_BYTES_MAX = 128;
const MORE_WORDS = /^\.\.\. \((\d+) more arguments\)$/;
const MORE_BYTES = /\.\.\. \((\d+) more bytes\)$/;
/** A server takes no more words at once. */
const LEFT_OUT_MAX = 1024 * 1024;
/** Stands for a word that the log left out. */
const LEFT_OUT: Argument = Buffer.alloc(0);
const NAME_CHARACTERS_MAX = 64;
const MICROSECONDS_PER_MS = 1000;
/** A date ends there. */
const SECONDS_MAX = 8.64e12;

/**
 * Entries of an answer to SLOWLOG GET (strings as Buffers), but for those of the client `own`, as the server names it;
 * what has not their form is left out.
 *
 * Source: Redis command reference, SLOWLOG GET; the limits are `SLOWLOG_ENTRY_MAX_ARGC` and `SLOWLOG_ENTRY_MAX_STRING`.
 */
export function slowEntriesOf(reply: unknown, own: string | null = null): SlowEntry[] {
  if (!Array.isArray(reply)) return [];
  return (reply as unknown[]).flatMap((row) => (isOf(row, own) ? [] : (entryOf(row) ?? [])));
}

function isOf(row: unknown, own: string | null): boolean {
  const client: unknown = Array.isArray(row) ? row[4] : null;
  return Buffer.isBuffer(client) && client.toString("latin1") === own;
}

function entryOf(row: unknown): SlowEntry | null {
  if (!Array.isArray(row)) return null;
  const [id, seconds, microseconds, logged] = row as unknown[];
  if (typeof id !== "number" || typeof seconds !== "number" || typeof microseconds !== "number") return null;
  if (Math.abs(seconds) > SECONDS_MAX) return null;
  const words = Array.isArray(logged) ? (logged as unknown[]).filter((word) => Buffer.isBuffer(word)) : [];
  const [name, ...args] = words;
  if (name === undefined) return null;
  return {
    id,
    atMs: seconds * 1000,
    tookMs: microseconds / MICROSECONDS_PER_MS,
    ...usageOf(nameOf(name), words.length < WORDS_MAX ? args : withLeftOut(args)),
  };
}

function usageOf(name: string, args: readonly Argument[]): Pick<SlowEntry, "command" | "keys"> {
  const shape = shapeOf(name, args);
  if (shape === undefined) return { command: name, keys: [] };
  const keys = new Map<string, LoggedKey>();
  visitKeys(shape, args, (index) => {
    const word = args[index];
    if (!Buffer.isBuffer(word) || word === LEFT_OUT) return;
    const key = loggedKey(word);
    keys.set(loggedKeyId(key), key);
  });
  return { command: shape.name, keys: [...keys.values()] };
}

function nameOf(word: Buffer): string {
  return word.subarray(0, NAME_CHARACTERS_MAX).toString("latin1").toLowerCase();
}

/** Places of keys may be counted from the end: so many words have to stand there as were left out. */
function withLeftOut(args: readonly Buffer[]): Argument[] {
  const count = MORE_WORDS.exec(args.at(-1)?.toString("latin1") ?? "")?.[1];
  if (count === undefined) return [...args];
  const leftOut = Math.min(Number(count), LEFT_OUT_MAX);
  return args.slice(0, -1).concat(new Array(leftOut).fill(LEFT_OUT));
}

/** Only words that were cut are longer than 128 bytes, since they end in how much is missing. */
function loggedKey(word: Buffer): LoggedKey {
  if (word.length <= WORD_BYTES_MAX) return { head: word, length: word.length };
  const missing = MORE_BYTES.exec(word.subarray(WORD_BYTES_MAX).toString("latin1"))?.[1];
  return { head: word.subarray(0, WORD_BYTES_MAX), length: WORD_BYTES_MAX + Number(missing ?? 0) };
}

/** Identity of a key as far as the log tells: keys that begin alike and are as long are one. */
export function loggedKeyId({ head, length }: LoggedKey): string {
  return `${length}:${head.toString("latin1")}`;
}
