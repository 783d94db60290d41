import { COMMAND_TABLE } from "./command-table.ts";
import {
  type Argument,
  firstKey,
  isArgument,
  isOption,
  type KeyKind,
  type KeySpec,
  lastKey,
  NO_KEY,
  parseKeySpec,
  REFUSED,
  useFor,
  type WordUse,
} from "./key-spec.ts";

export { type Argument, isOptionWord, type KeyKind, type WordUse } from "./key-spec.ts";

/** How a command uses keys, by its name and, for containers, its subcommand. */
export interface CommandShape {
  /** Canonical: lower case, "xgroup|create" for subcommands. */
  readonly name: string;
  /** Of the command as a whole, as the server flags it; its keys may differ (the sources of SINTERSTORE are read). */
  readonly kind: KeyKind;
  /** The kind of the key where the command has exactly one, always `args[0]`. */
  readonly single: KeyKind | null;
  /** `reply[i]` speaks of the i-th key. */
  readonly perKeyReply: boolean;
}

export type KeyVisitor = (index: number, kind: KeyKind) => void;

const KEYS_MAX = 10_000;
/** Longer words are no names: an app's mistake must not cost the lower case of a megabyte. */
const NAME_LENGTH_MAX = 40;
const PER_KEY_REPLIES: ReadonlySet<string> = new Set(["mget", "json.mget"]);

class KnownShape implements CommandShape {
  readonly name: string;
  readonly kind: KeyKind;
  readonly single: KeyKind | null;
  readonly perKeyReply: boolean;
  readonly specs: readonly KeySpec[];

  constructor(name: string, kind: KeyKind, specs: readonly KeySpec[]) {
    this.name = name;
    this.kind = kind;
    this.single = name === "bitfield" ? null : singleKind(specs);
    this.perKeyReply = PER_KEY_REPLIES.has(name);
    this.specs = specs;
  }
}

function singleKind([spec, ...others]: readonly KeySpec[]): KeyKind | null {
  if (spec === undefined || others.length > 0 || spec.options.length > 0 || spec.counted) return null;
  return spec.begin === 1 && spec.last === 0 ? spec.kind : null;
}

const shapes = new Map<string, KnownShape>();
const containers = new Map<string, Map<string, KnownShape>>();
for (const [usage, names] of Object.entries(COMMAND_TABLE)) {
  const [kind, ...specs] = usage.split(" ");
  const keySpecs = specs.map(parseKeySpec);
  for (const name of names.split(" "))
    know(new KnownShape(name, kind === "read" ? "read" : "write", keySpecs));
}

/** Drivers send names in lower or in upper case: both are found without a further step. */
function know(shape: KnownShape): void {
  const [name = "", subcommand] = shape.name.split("|");
  for (const written of [name, name.toUpperCase()]) {
    if (subcommand === undefined) {
      shapes.set(written, shape);
      continue;
    }
    const subcommands = containers.get(written) ?? new Map<string, KnownShape>();
    containers.set(written, subcommands.set(subcommand, shape).set(subcommand.toUpperCase(), shape));
  }
}

/**
 * The shape of a command; its name in any case.
 *
 * Returns: undefined when it is unknown or names no keys. WATCH and the channels of SSUBSCRIBE and SPUBLISH access none.
 * Cost: no allocation for known names in lower or in upper case.
 */
export function shapeOf(name: string, args: readonly Argument[]): CommandShape | undefined {
  return shapes.get(name) ?? subcommandOf(name, args) ?? shapeOfAnyCase(name, args);
}

function shapeOfAnyCase(name: string, args: readonly Argument[]): CommandShape | undefined {
  if (typeof name !== "string" || name.length > NAME_LENGTH_MAX) return undefined;
  const canonical = name.toLowerCase();
  return canonical === name ? undefined : (shapes.get(canonical) ?? subcommandOf(canonical, args));
}

function subcommandOf(name: string, args: readonly Argument[]): KnownShape | undefined {
  const subcommands = containers.get(name);
  const word = args[0];
  if (subcommands === undefined || !isArgument(word) || word.length > NAME_LENGTH_MAX) return undefined;
  const subcommand = typeof word === "string" ? word : String.fromCharCode(...word);
  return subcommands.get(subcommand) ?? subcommands.get(subcommand.toLowerCase());
}

/**
 * Calls `visit` with the index in `args` and the kind of each key, in order of position, for at most 10,000 keys.
 *
 * A key that is named twice is visited twice. Words that the server would refuse name no keys: it runs nothing.
 * Never throws, whatever the words are, unless `visit` does.
 *
 * Returns: whether there were no more keys.
 */
export function visitKeys(shape: CommandShape, args: readonly Argument[], visit: KeyVisitor): boolean {
  if (shape.single !== null) {
    if (args.length > 0) visit(0, shape.single);
  } else if (shape.name === "bitfield") {
    if (args.length > 0) visit(0, bitfieldKind(args));
  } else if (shape instanceof KnownShape) {
    return visitSpecs(shape.name === "migrate" ? migrateSpecs(shape.specs, args) : shape.specs, args, visit);
  }
  return true;
}

function visitSpecs(specs: readonly KeySpec[], args: readonly Argument[], visit: KeyVisitor): boolean {
  for (const spec of specs) {
    const first = firstKey(spec, args);
    if (first !== NO_KEY && lastKey(spec, first, args) === REFUSED) return true;
  }
  let left = KEYS_MAX;
  for (const spec of specs) {
    const first = firstKey(spec, args);
    if (first === NO_KEY) continue;
    const last = lastKey(spec, first, args);
    for (let index = first; index <= last; index += spec.step, left--) {
      if (left === 0) return false;
      visit(index, spec.kind);
    }
  }
  return true;
}

/**
 * What the next word of a command is to `visitKeys`, from the words before it: for who sees commands word by word and
 * must not keep the values in them. Words of no use may be replaced by any that is not empty and no number or option.
 */
export function useOfNext(shape: CommandShape, before: readonly Argument[]): WordUse {
  const index = before.length;
  if (shape.single !== null) return index === 0 ? "key" : "none";
  if (shape.name === "bitfield") return index === 0 ? "key" : "control";
  const uses = shape instanceof KnownShape ? shape.specs.map((spec) => useFor(spec, index, before)) : [];
  return uses.find((use) => use === "key") ?? uses.find((use) => use === "control") ?? "none";
}

/** Whether `shapeOf` needs the first word after a command's name as well; the name in any case. */
export function hasSubcommands(name: string): boolean {
  return containers.has(name) || (name.length <= NAME_LENGTH_MAX && containers.has(name.toLowerCase()));
}

const WORDS_OF_GET = 3;
const WORDS_OF_OVERFLOW = 2;

/** BITFIELD reads where it has whole GETs only. */
function bitfieldKind(args: readonly Argument[]): KeyKind {
  let index = 1;
  while (index < args.length) {
    if (isOption(args[index], "GET")) index += WORDS_OF_GET;
    else if (isOption(args[index], "OVERFLOW")) index += WORDS_OF_OVERFLOW;
    else return "write";
  }
  return index === args.length ? "read" : "write";
}

/** MIGRATE names one key, or an empty one and others after KEYS. */
function migrateSpecs(specs: readonly KeySpec[], args: readonly Argument[]): readonly KeySpec[] {
  const [one, several] = specs;
  if (one === undefined || several === undefined) return [];
  if (firstKey(several, args) === NO_KEY) return [one];
  return args[firstKey(one, args)]?.length === 0 ? [several] : [];
}
