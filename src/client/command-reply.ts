import { type Argument, type CommandShape, type KeyKind, shapeOf, visitKeys } from "../redis/command-keys.ts";
import type { Place, Tally } from "./observer.ts";

/**
 * Counts what a command did to each of its keys, once the server has answered it.
 *
 * Of a read, nil is a miss: per key where the reply has one element for each (MGET). Bytes are those of the words and
 * of the reply, shared out over the keys.
 */
export function countReply(
  tally: Tally,
  place: Place,
  name: string,
  args: readonly Argument[],
  reply: unknown,
): void {
  const shape = shapeOf(name, args);
  if (shape === undefined) return;
  if (shape.single !== null && !shape.perKeyReply) {
    countSingle(tally, place, shape, shape.single, args, reply);
    return;
  }
  if (shape.perKeyReply && Array.isArray(reply)) {
    const replies: readonly unknown[] = reply;
    const isMiss = (i: number) => isNil(replies[i]);
    count(tally, place, shape, args, { isMiss, bytes: 0, bytesOfKey: (i) => sizeOf(replies[i]) });
    return;
  }
  const isMiss = isNil(reply) && !NIL_TELLS_NOTHING.has(shape.name);
  count(tally, place, shape, args, { isMiss: () => isMiss, bytes: sizeOf(reply), bytesOfKey: () => 0 });
}

/**
 * Counts a command that the server answered with an error after it had begun to run it (WRONGTYPE, a script's own).
 * One that was kept from running (MOVED, NOPERM, a wrong number of words) and errors of the client's own (closed, timed
 * out) count nothing.
 */
export function countError(
  tally: Tally,
  place: Place,
  name: string,
  args: readonly Argument[],
  error: unknown,
): void {
  if (!isServerError(error) || KEPT_FROM_RUNNING.test(error.message)) return;
  const shape = shapeOf(name, args);
  if (shape === undefined) return;
  count(tally, place, shape, args, { isMiss: () => false, bytes: 0, bytesOfKey: () => 0 });
}

/** Whether the error came from the server: such messages begin with a code in capitals. */
export function isServerError(error: unknown): error is Error {
  return error instanceof Error && (error.name === "ReplyError" || ERROR_CODE.test(error.message));
}

const ERROR_CODE = /^[A-Z][A-Z0-9_]+(?: |$)/;

const KEPT_FROM_RUNNING = new RegExp(
  [
    "^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|REDIRECT|NOSCRIPT|NOAUTH|NOPERM|WRONGPASS|READONLY|LOADING|BUSY|OOM",
    "|MASTERDOWN|MISCONF|NOREPLICAS|EXECABORT|DENIED)(?: |$)",
    "|^ERR (?:unknown (?:sub)?command|wrong number of arguments|Can't execute |Command not allowed inside a transaction)",
  ].join(""),
  "i",
);

/** XREAD: nothing new. Scripts: whatever they mean by it. */
const NIL_TELLS_NOTHING: ReadonlySet<string> = new Set(["xread", "eval_ro", "evalsha_ro", "fcall_ro"]);

/** Most commands have one key, in the first place: they need no more objects than the one that is told. */
function countSingle(
  tally: Tally,
  place: Place,
  shape: CommandShape,
  kind: KeyKind,
  args: readonly Argument[],
  reply: unknown,
): void {
  const key = args[0];
  if (key === undefined) return;
  let bytes = sizeOf(reply);
  if (args.length > WORDS_MAX) bytes += sizeOf(args);
  else for (let i = 0; i < args.length; i++) bytes += sizeOf(args[i]);
  const isMiss = kind === "read" && isNil(reply) && !NIL_TELLS_NOTHING.has(shape.name);
  tally.add(place, key, { kind, isMiss, command: shape.name, bytes });
}

interface Outcome {
  isMiss(nthKey: number): boolean;
  /** Of the reply, shared by all keys. */
  readonly bytes: number;
  /** Of the part of the reply that is one key's own. */
  bytesOfKey(nthKey: number): number;
}

function count(
  tally: Tally,
  place: Place,
  shape: CommandShape,
  args: readonly Argument[],
  outcome: Outcome,
): void {
  const shared = sizeOf(args) + outcome.bytes;
  const add = (nthKey: number, position: number, kind: KeyKind, share: number) => {
    const key = args[position];
    if (key === undefined) return;
    const isMiss = kind === "read" && outcome.isMiss(nthKey);
    const bytes = share + outcome.bytesOfKey(nthKey);
    tally.add(place, key, { kind, isMiss, command: shape.name, bytes });
  };
  if (shape.single !== null) {
    add(0, 0, shape.single, shared);
    return;
  }
  const keys: { position: number; kind: KeyKind }[] = [];
  visitKeys(shape, args, (position, kind) => keys.push({ position, kind }));
  for (const [i, { position, kind }] of keys.entries()) {
    // Whole numbers whose sum is `shared`.
    const before = Math.floor((i * shared) / keys.length);
    add(i, position, kind, Math.floor(((i + 1) * shared) / keys.length) - before);
  }
}

function isNil(reply: unknown): boolean {
  return reply === null || reply === undefined;
}

/** So many values of a reply are looked at; the rest of a longer list or map is taken to be like those. */
const VALUES_MAX = 1000;
/** Longer commands are looked at like replies. */
const WORDS_MAX = 16;

/** Bytes of the strings and buffers in a reply, an estimate where there are many. */
function sizeOf(reply: unknown): number {
  if (typeof reply === "string") return Buffer.byteLength(reply);
  if (reply instanceof Uint8Array) return reply.length;
  return reply === null || typeof reply !== "object" ? 0 : sizeOfNested(reply, { values: VALUES_MAX });
}

function sizeOfNested(reply: object, left: { values: number }): number {
  if (Array.isArray(reply)) return sizeOfEach(reply, reply.length, left);
  if (reply instanceof Map) return sizeOfEach(reply, reply.size, left);
  const entries = Object.entries(reply);
  return sizeOfEach(entries, entries.length, left);
}

function sizeOfEach(values: Iterable<unknown>, count: number, left: { values: number }): number {
  let bytes = 0;
  let looked = 0;
  for (const value of values) {
    if (left.values-- <= 0) break;
    const isNested = typeof value === "object" && value !== null && !(value instanceof Uint8Array);
    bytes += isNested ? sizeOfNested(value, left) : sizeOf(value);
    looked++;
  }
  return looked === 0 ? 0 : Math.round((bytes * count) / looked);
}
