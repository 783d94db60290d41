import { viewOf } from "../../panes/key-words.ts";
import {
  type CommandShape,
  hasSubcommands,
  isOptionWord,
  type KeyKind,
  shapeOf,
  useOfNext,
  visitKeys,
  type WordUse,
} from "../../redis/command-keys.ts";
import { digitOf, escapedByte } from "./escapes.ts";
import { KeptWord } from "./kept-word.ts";
import { LineHead } from "./line-head.ts";

/** Takes what commands did. */
export interface AccessSink {
  /** `command` used the key `keys[start, end)` (its kept form) of database `db`; the bytes are valid during the call. */
  access(db: number, command: string, kind: KeyKind, keys: DataView, start: number, end: number): void;
}

const HEAD = 0;
const WORD = 1;
const AFTER_WORD = 2;
const BEFORE_WORD = 3;
const BEFORE_LF = 4;
const REST_OF_LINE = 5;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

const NO_ESCAPE = 0;
const ESCAPE = 1;
const FIRST_DIGIT = 2;
const SECOND_DIGIT = 3;
const NAME_BYTES_MAX = 40;
const CONTROL_BYTES_MAX = 9;
/** Three for each of the keys that a command is looked into for. */
const WORDS_MAX = 30_010;
/** Where a key follows an option, all words before are looked at again for each. */
const OPTION_WORDS_MAX = 1000;
/** What is kept of one line. */
const LINE_BYTES_MAX = 4 * 2 ** 20;
/** Stands for a word that is no key: neither empty, nor a number, nor an option. */
const LEFT_OUT = Buffer.from("-");
const COUNT = /^\d+$/;

/** What their scripts do comes in lines of its own. */
const SCRIPT_COMMANDS: ReadonlySet<string> = new Set([
  "eval",
  "eval_ro",
  "evalsha",
  "evalsha_ro",
  "fcall",
  "fcall_ro",
]);
/** Commands by which Keyheat itself watches the server. */
const OWN_COMMANDS: ReadonlySet<string> = new Set(["info", "ping", "client", "role", "cluster"]);

export interface MonitorDecoderOptions {
  /** Address of Keyheat's other connection, as the server names it: what it asks is not counted. `null`: not known. */
  readonly ownAddress?: string | null;
}

/**
 * Reads the stream of MONITOR from any pieces, in memory that depends neither on the length of a line nor on their
 * number. Of a line it keeps the command's name and the words that may be keys, until the line ends: no values, no
 * passwords. Garbage is counted; nothing makes it throw.
 *
 * Source: Redis `replicationFeedMonitors`, `sdscatrepr`.
 */
export class MonitorDecoder {
  /** Commands that ran, those of scripts too, without Keyheat's own. */
  commands = 0;
  /** Lines that are none of MONITOR's. */
  garbage = 0;
  /** Commands with too many words or keys, or too long ones, to be looked into, or to their end. */
  unread = 0;
  readonly #sink: AccessSink;
  readonly #head: LineHead;
  readonly #word = new KeptWord();
  /** Words of the present line behind its name, as far as they are of use. */
  readonly #args: Buffer[] = [];
  #argBytes = 0;
  #state = HEAD;
  #escape = NO_ESCAPE;
  #digit = 0;
  /** Of the present word: what it is to be kept for, how long it may be for that, how long it is. */
  #use: WordUse = "none";
  #bytesMax = 0;
  #wordBytes = 0;
  /** `null`: the present word is it. */
  #name: string | null = null;
  #shape: CommandShape | null = null;

  constructor(sink: AccessSink, { ownAddress = null }: MonitorDecoderOptions = {}) {
    this.#sink = sink;
    this.#head = new LineHead(ownAddress);
  }

  /** When the latest command ran by the server's clock, ms since 1970; 0: there was none. */
  get latestMs(): number {
    return this.#head.timeMs;
  }

  /** Takes `bytes[start, end)`, the next of the stream. */
  push(bytes: Uint8Array, start = 0, end = bytes.length): void {
    let at = start;
    while (at < end) at = this.#step(bytes, at, end);
  }

  /** Returns the position behind what it took. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    if (this.#state === WORD) return this.#takeWord(bytes, at, end);
    if (this.#state === HEAD) return this.#takeHead(bytes, at, end);
    if (this.#state === REST_OF_LINE) return this.#skip(bytes, at, end);
    return this.#takeBetween(bytes[at]!, at);
  }

  #takeHead(bytes: Uint8Array, at: number, end: number): number {
    const head = this.#head;
    const position = head.take(bytes, at, end);
    if (head.isDone) {
      if (head.parse()) this.#beginName();
      else this.#fail();
    } else if (position < end || head.isFull) this.#fail();
    return position;
  }

  #beginName(): void {
    this.#name = null;
    this.#shape = null;
    this.#args.length = 0;
    this.#argBytes = 0;
    this.#beginWord("control", NAME_BYTES_MAX);
  }

  #beginArgument(): void {
    if (this.#shape === null) this.#beginWord("control", NAME_BYTES_MAX);
    else {
      const use = useOfNext(this.#shape, this.#args);
      this.#beginWord(use, use === "key" ? Number.POSITIVE_INFINITY : CONTROL_BYTES_MAX);
    }
  }

  #beginWord(use: WordUse, bytesMax: number): void {
    this.#state = WORD;
    this.#use = use;
    this.#bytesMax = bytesMax;
    this.#wordBytes = 0;
    this.#word.begin();
  }

  #takeWord(bytes: Uint8Array, at: number, end: number): number {
    if (this.#escape !== NO_ESCAPE) return this.#takeEscape(bytes[at]!, at);
    let position = at;
    for (; position < end; position++) {
      const byte = bytes[position]!;
      if (byte === QUOTE || byte === BACKSLASH || byte === LF) break;
    }
    this.#wordBytes += position - at;
    if (this.#isKept) this.#word.push(bytes, at, position);
    if (position === end) return position;
    if (bytes[position] === LF) return this.#failAt(position);
    if (bytes[position] === QUOTE) this.#finishWord();
    else this.#escape = ESCAPE;
    return position + 1;
  }

  #takeEscape(byte: number, at: number): number {
    if (this.#escape === ESCAPE) {
      if (byte === LF) return this.#failAt(at);
      this.#escape = byte === LETTER_X ? FIRST_DIGIT : NO_ESCAPE;
      if (byte !== LETTER_X) this.#keepByte(escapedByte(byte));
      return at + 1;
    }
    const digit = digitOf(byte);
    if (digit < 0) return this.#failAt(at);
    if (this.#escape === FIRST_DIGIT) {
      this.#digit = digit;
      this.#escape = SECOND_DIGIT;
    } else {
      this.#escape = NO_ESCAPE;
      this.#keepByte(16 * this.#digit + digit);
    }
    return at + 1;
  }

  #keepByte(byte: number): void {
    this.#wordBytes++;
    if (this.#isKept) this.#word.pushByte(byte);
  }

  get #isKept(): boolean {
    return this.#use !== "none" && this.#wordBytes <= this.#bytesMax;
  }

  #finishWord(): void {
    this.#state = AFTER_WORD;
    const isKept = this.#isKept;
    if (isKept) this.#word.finish();
    if (this.#name === null) this.#takeName(isKept ? this.#word.text() : "");
    else if (this.#shape === null) this.#takeSubcommand(this.#name, isKept ? this.#word.copy() : LEFT_OUT);
    else if (this.#shape.single !== null) this.#finishSingle(this.#shape.name, this.#shape.single);
    else this.#takeArgument(this.#use === "key" || (isKept && this.#isControl));
  }

  #takeName(name: string): void {
    this.#name = name;
    const canonical = name.toLowerCase();
    const isOwn = this.#head.isOwn && OWN_COMMANDS.has(canonical);
    if (!isOwn) this.commands++;
    if (!isOwn && !SCRIPT_COMMANDS.has(canonical)) this.#shape = shapeOf(name, []) ?? null;
    if (this.#shape === null && !hasSubcommands(name)) this.#state = REST_OF_LINE;
  }

  #takeSubcommand(name: string, word: Buffer): void {
    this.#args.push(word);
    this.#shape = shapeOf(name, this.#args) ?? null;
    if (this.#shape === null) this.#state = REST_OF_LINE;
  }

  /** What follows the only key is of no use. */
  #finishSingle(command: string, kind: KeyKind): void {
    this.#state = REST_OF_LINE;
    this.#sink.access(this.#head.db, command, kind, this.#word.view, 0, this.#word.length);
  }

  /** Whether the word says where keys stand. */
  get #isControl(): boolean {
    const text = this.#word.text();
    return COUNT.test(text) || isOptionWord(text);
  }

  #takeArgument(isOfUse: boolean): void {
    this.#args.push(isOfUse ? this.#word.copy() : LEFT_OUT);
    if (isOfUse) this.#argBytes += this.#word.length;
    else if (this.#use === "control") this.#word.forget();
    const wordsMax = this.#use === "control" ? OPTION_WORDS_MAX : WORDS_MAX;
    if (this.#args.length < wordsMax && this.#argBytes < LINE_BYTES_MAX) return;
    this.unread++;
    this.#state = REST_OF_LINE;
  }

  #takeBetween(byte: number, at: number): number {
    if (this.#state === AFTER_WORD && byte === SPACE) this.#state = BEFORE_WORD;
    else if (this.#state === AFTER_WORD && byte === CR) this.#state = BEFORE_LF;
    else if (this.#state === BEFORE_WORD && byte === QUOTE) this.#beginArgument();
    else if (this.#state === BEFORE_LF && byte === LF) this.#finishLine();
    else return this.#failAt(at);
    return at + 1;
  }

  #finishLine(): void {
    this.#beginLine();
    if (this.#shape === null || this.#shape.single !== null) return;
    const { name } = this.#shape;
    const isWhole = visitKeys(this.#shape, this.#args, (index, kind) => {
      const key = this.#args[index]!;
      this.#sink.access(this.#head.db, name, kind, viewOf(key), 0, key.length);
    });
    if (!isWhole) this.unread++;
  }

  #skip(bytes: Uint8Array, at: number, end: number): number {
    const found = bytes.indexOf(LF, at);
    if (found === -1 || found >= end) return end;
    this.#beginLine();
    return found + 1;
  }

  #beginLine(): void {
    this.#state = HEAD;
    this.#head.clear();
  }

  #fail(): void {
    this.garbage++;
    this.#escape = NO_ESCAPE;
    this.#state = REST_OF_LINE;
  }

  /** The byte at `at` may be the line's end. */
  #failAt(at: number): number {
    this.#fail();
    return at;
  }
}
