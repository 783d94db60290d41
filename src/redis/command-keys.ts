import { COMMAND_TABLE } from "./command-table.ts";

/** How a command uses a key. Taking an element out, or changing how long a key lives, is a write. */
export type KeyKind = "read" | "write";

/** How a command uses keys, by its name and, for containers, its subcommand. */
export interface CommandShape {
  /** Canonical: lower case, "xgroup|create" for subcommands. */
  readonly name: string;
  /** Of the command as a whole, as the server flags it; single keys may differ (the sources of SINTERSTORE). */
  readonly kind: KeyKind;
  /** The kind of the key where the command has exactly one, always `args[0]`. */
  readonly single: KeyKind | null;
  /** `reply[i]` speaks of the i-th key. */
  readonly perKeyReply: boolean;
}

/** A word after the command's name. Buffers are Uint8Arrays. */
export type Argument = string | Uint8Array;

export type KeyVisitor = (index: number, kind: KeyKind) => void;

const KEYS_MAX = 10_000;
const NAME_LENGTH_MAX = 40;

/** Where keys stand: positions as servers count them, the command's name being 0. */
interface KeySpec {
  readonly kind: KeyKind;
  /** Keys begin after this word (in capitals), wherever it first stands from `begin` on; null: they begin at `begin`. */
  readonly keyword: string | null;
  readonly begin: number;
  /** The word at `begin` says how many keys follow it. */
  readonly counted: boolean;
  /** How many positions the last key lies after the first one; negative: from the end of the words. */
  readonly last: number;
  readonly step: number;
  /** Keys are the first one in so many of the words that are left. */
  readonly share: number;
}

class KnownShape implements CommandShape {
  readonly name: string;
  readonly kind: KeyKind;
  readonly single: KeyKind | null;
  readonly perKeyReply: boolean;
  readonly specs: readonly KeySpec[];

  constructor(name: string, kind: KeyKind, specs: readonly KeySpec[]) {
    const [first] = specs;
    const isSingle = specs.length === 1 && first?.keyword === null && !first.counted && first.begin === 1;
    this.name = name;
    this.kind = kind;
    this.single = isSingle && first.last === 0 ? first.kind : null;
    this.perKeyReply = name === "mget" || name === "json.mget";
    this.specs = specs;
  }
}

const shapes = new Map<string, KnownShape>();
const containers = new Map<string, Map<string, KnownShape>>();
for (const [how, names] of Object.entries(COMMAND_TABLE)) {
  const [kind, ...specs] = how.split(" ");
  const keySpecs = specs.map(parseKeySpec);
  for (const name of names.split(" "))
    know(new KnownShape(name, kind === "write" ? "write" : "read", keySpecs));
}

function know(shape: KnownShape): void {
  const [name = "", subcommand] = shape.name.split("|");
  // Drivers send names in lower or in upper case: both are found at once.
  for (const written of [name, name.toUpperCase()]) {
    if (subcommand === undefined) {
      shapes.set(written, shape);
      continue;
    }
    const subcommands = containers.get(written) ?? new Map<string, KnownShape>();
    subcommands.set(subcommand, shape);
    subcommands.set(subcommand.toUpperCase(), shape);
    containers.set(written, subcommands);
  }
}

function parseKeySpec(text: string): KeySpec {
  const match = /^([rw])(?:([A-Z]+)@)?(\d+)(#)?(?:\.\.(-?\d+))?(?:\/(\d+))?(?:%(\d+))?$/.exec(text);
  if (match === null) throw new SyntaxError(`not a key specification: ${text}`);
  const [, kind, keyword = null, begin, counted, last = "0", step = "1", share = "1"] = match;
  return {
    kind: kind === "r" ? "read" : "write",
    keyword,
    begin: Number(begin),
    counted: counted !== undefined,
    last: Number(last),
    step: Number(step),
    share: Number(share),
  };
}

/**
 * The shape of a command; its name in any case.
 *
 * Returns: undefined when it is unknown or names no keys. Cost: no allocation for known names in lower or upper case.
 */
export function shapeOf(name: string, args: readonly Argument[]): CommandShape | undefined {
  const shape = shapes.get(name);
  if (shape !== undefined) return shape;
  const subcommands = containers.get(name);
  if (subcommands !== undefined) return subcommandOf(subcommands, args[0]);
  if (name.length > NAME_LENGTH_MAX) return undefined;
  const canonical = name.toLowerCase();
  return canonical === name ? undefined : shapeOf(canonical, args);
}

function subcommandOf(
  subcommands: Map<string, KnownShape>,
  word: Argument | undefined,
): KnownShape | undefined {
  if (!isArgument(word) || word.length > NAME_LENGTH_MAX) return undefined;
  const name = typeof word === "string" ? word : String.fromCharCode(...word);
  return subcommands.get(name) ?? subcommands.get(name.toLowerCase());
}

/**
 * Calls `visit` with the index in `args` and the kind of each key, in order of position, for at most 10,000 keys.
 * A key that is named twice is visited twice. Words that the server would refuse have no keys. Never throws.
 */
export function visitKeys(shape: CommandShape, args: readonly Argument[], visit: KeyVisitor): void {
  if (shape.single !== null) {
    if (args.length > 0) visit(0, shape.single);
    return;
  }
  if (!(shape instanceof KnownShape)) return;
  for (const spec of shape.specs) if (lastKey(spec, firstKey(spec, args), args) === REFUSED) return;
  let left = KEYS_MAX;
  for (const spec of shape.specs) {
    const first = firstKey(spec, args);
    const last = lastKey(spec, first, args);
    for (let index = first; index <= last && left > 0; index += spec.step, left--) visit(index, spec.kind);
  }
}

const REFUSED = -2;
const NONE = -1;

/** Index in `args` of the first key. */
function firstKey(spec: KeySpec, args: readonly Argument[]): number {
  if (spec.keyword === null) return spec.counted ? spec.begin : spec.begin - 1;
  for (let index = spec.begin - 1; index < args.length; index++) {
    if (isWord(args[index], spec.keyword)) return index + 1;
  }
  return Number.POSITIVE_INFINITY;
}

function lastKey(spec: KeySpec, first: number, args: readonly Argument[]): number {
  if (first === Number.POSITIVE_INFINITY) return NONE;
  let last: number;
  if (spec.counted) {
    const count = countIn(args[first - 1]);
    if (count === 0) return NONE;
    last = first + (count - 1) * spec.step;
  } else if (spec.last >= 0) last = first + spec.last;
  else if (spec.share > 1) {
    if ((args.length - first) % spec.share !== 0) return REFUSED;
    last = first + (args.length - first) / spec.share + spec.last;
  } else last = args.length + spec.last;
  return last >= first && last < args.length ? last : REFUSED;
}

/** The number of keys that a word says, as strict as the servers are; NaN for anything else. */
function countIn(word: Argument | undefined): number {
  if (!isArgument(word) || word.length === 0 || word.length > 9) return Number.NaN;
  let count = 0;
  for (let i = 0; i < word.length; i++) {
    const digit = codeAt(word, i) - 0x30;
    if (digit < 0 || digit > 9 || (count === 0 && i > 0)) return Number.NaN;
    count = count * 10 + digit;
  }
  return count;
}

/** Whether a word is `keyword` (in capitals, letters only), in any case. */
function isWord(word: Argument | undefined, keyword: string): boolean {
  if (!isArgument(word) || word.length !== keyword.length) return false;
  for (let i = 0; i < keyword.length; i++) {
    if ((codeAt(word, i) & ~0x20) !== keyword.charCodeAt(i)) return false;
  }
  return true;
}

function codeAt(word: Argument, index: number): number {
  return typeof word === "string" ? word.charCodeAt(index) : (word[index] ?? 0);
}

/** Callers in plain JavaScript pass all sorts of things. */
function isArgument(word: unknown): word is Argument {
  return typeof word === "string" || word instanceof Uint8Array;
}
