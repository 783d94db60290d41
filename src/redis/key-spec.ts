/** How a command uses a key. Taking an element out, or changing how long a key lives, is a write. */
export type KeyKind = "read" | "write";

/** A word after the command's name. Buffers are Uint8Arrays. */
export type Argument = string | Uint8Array;

/** Where some keys of a command stand. Positions are as servers count them: the command's name is 0. */
export interface KeySpec {
  readonly kind: KeyKind;
  /** Keys follow this option (one of these, in capitals), looked for from `begin` on; none: they begin at `begin`. */
  readonly options: readonly string[];
  readonly begin: number;
  /** The word at `begin` says how many keys follow it. */
  readonly counted: boolean;
  /** How many positions the last key lies after the first one; negative: from the end of the words. */
  readonly last: number;
  readonly step: number;
  /** 2: keys are the first half of the words that are left. */
  readonly share: number;
}

const FORM = /^([rw])(?:([A-Z|]+)@)?(\d+)(#)?(?:\.\.(-?\d+))?(?:\/(\d+))?(?:%(\d+))?$/;

/**
 * Reads the short form of the command table: kind, `OPTION@`, first position, `#` for a counted one, `..last`, `/step`,
 * `%share`. `w1` is a write of the first word, `rSTREAMS@1..-1%2` reads the first half of the words after STREAMS.
 *
 * Throws: SyntaxError.
 */
export function parseKeySpec(text: string): KeySpec {
  const match = FORM.exec(text);
  if (match === null) throw new SyntaxError(`not a key specification: ${text}`);
  const [, kind, options, begin, counted, last = "0", step = "1", share = "1"] = match;
  return {
    kind: kind === "r" ? "read" : "write",
    options: options?.split("|") ?? [],
    begin: Number(begin),
    counted: counted !== undefined,
    last: Number(last),
    step: Number(step),
    share: Number(share),
  };
}

/** Of `firstKey`: these words name no such key. */
export const NO_KEY = -1;
/** Of `lastKey`: the server refuses these words, it runs nothing. */
export const REFUSED = -2;

/** Index in `args` of the first key of a specification, or `NO_KEY`. */
export function firstKey(spec: KeySpec, args: readonly Argument[]): number {
  if (spec.options.length > 0) return afterOption(spec, args);
  return spec.counted ? spec.begin : spec.begin - 1;
}

/** Index in `args` of the last key, where the first one is at `first`, or `REFUSED`. */
export function lastKey(spec: KeySpec, first: number, args: readonly Argument[]): number {
  const last = first + distance(spec, first, args);
  return last >= first && last < args.length ? last : REFUSED;
}

function distance(spec: KeySpec, first: number, args: readonly Argument[]): number {
  if (spec.counted) return (countIn(args[first - 1]) - 1) * spec.step;
  if (spec.last >= 0) return spec.last;
  const left = args.length - first;
  return left % spec.share === 0 ? left / spec.share + spec.last : Number.NaN;
}

/** What is needed of one word to find keys: all of it, since it may be one; its few digits or letters; nothing. */
export type WordUse = "key" | "control" | "none";

/** What the word at `index` is to this specification, from the words before it. */
export function useFor(spec: KeySpec, index: number, before: readonly Argument[]): WordUse {
  if (spec.options.length > 0) return useAfterOption(spec, index, before);
  const first = firstKey(spec, before);
  if (index < first) return spec.counted && index === first - 1 ? "control" : "none";
  return isKeyPlace(spec, index - first, before[first - 1]) ? "key" : "none";
}

function useAfterOption(spec: KeySpec, index: number, before: readonly Argument[]): WordUse {
  const first = firstKey(spec, before);
  if (first === NO_KEY) return index >= spec.begin - 1 ? "control" : "none";
  if (spec.last < 0) return "key";
  return index === first ? "key" : "control";
}

/** Whether a key may stand so many words behind the first one; how many words there will be is not known yet. */
function isKeyPlace(spec: KeySpec, distance: number, count: Argument | undefined): boolean {
  if (distance % spec.step !== 0) return false;
  if (spec.counted) return distance < countIn(count) * spec.step;
  return spec.last < 0 || distance <= spec.last;
}

/** How many values follow an option where they may be any text; numbers are never taken for options. */
const VALUES_OF_OPTION: readonly (readonly [option: string, values: number])[] = [
  ["BY", 1],
  ["GET", 1],
  ["AUTH", 1],
  ["AUTH2", 2],
  ["GROUP", 2],
];

/**
 * Walks the options, as `STREAMS` may also be the name of a consumer and `STORE` a pattern of GET.
 * Where an option with a single key stands twice, the last one holds, as in the servers.
 */
function afterOption(spec: KeySpec, args: readonly Argument[]): number {
  let found = NO_KEY;
  for (let index = spec.begin - 1; index < args.length; index++) {
    const word = args[index];
    if (spec.options.some((option) => isOption(word, option))) {
      found = index + 1;
      if (spec.last < 0) return found;
      index++;
    } else index += VALUES_OF_OPTION.find(([option]) => isOption(word, option))?.[1] ?? 0;
  }
  return found;
}

/** Whether a word is an option (given in capitals), in any case. */
export function isOption(word: Argument | undefined, option: string): boolean {
  if (!isArgument(word) || word.length !== option.length) return false;
  for (let i = 0; i < option.length; i++) {
    const code = codeAt(word, i);
    const isLowerCase = code >= 0x61 && code <= 0x7a;
    if ((isLowerCase ? code - 0x20 : code) !== option.charCodeAt(i)) return false;
  }
  return true;
}

const OPTION_WORDS = [
  "STORE",
  "STOREDIST",
  "STREAMS",
  "KEYS",
  "BY",
  "GET",
  "AUTH",
  "AUTH2",
  "GROUP",
  "OVERFLOW",
];

/** Whether a word is an option, of any command, that says where keys stand or what is done to them. */
export function isOptionWord(word: Argument): boolean {
  return OPTION_WORDS.some((option) => isOption(word, option));
}

const COUNT_DIGITS_MAX = 9;

/** The number of keys that a word says, read as strictly as the servers do; NaN for anything else. */
function countIn(word: Argument | undefined): number {
  if (!isArgument(word) || word.length === 0 || word.length > COUNT_DIGITS_MAX) return Number.NaN;
  let count = 0;
  for (let i = 0; i < word.length; i++) {
    const digit = codeAt(word, i) - 0x30;
    if (digit < 0 || digit > 9 || (count === 0 && i > 0)) return Number.NaN;
    count = count * 10 + digit;
  }
  return count;
}

function codeAt(word: Argument, index: number): number {
  return typeof word === "string" ? word.charCodeAt(index) : (word[index] ?? 0);
}

/** Apps in plain JavaScript pass all sorts of things. */
export function isArgument(word: unknown): word is Argument {
  return typeof word === "string" || word instanceof Uint8Array;
}
