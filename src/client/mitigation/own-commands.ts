import { type Argument, type CommandShape, shapeOf, visitKeys } from "../../redis/command-keys.ts";
import type { CooledKey, CooledKeys } from "./cooled-keys.ts";

/** Commands that name no keys, but say how those after them are meant, or write all keys. */
type Control =
  | "multi"
  | "exec"
  | "discard"
  | "watch"
  | "select"
  | "reset"
  | "flushall"
  | "flushdb"
  | "swapdb";

const CONTROLS: ReadonlySet<string> = new Set<Control>([
  "multi",
  "exec",
  "discard",
  "watch",
  "select",
  "reset",
  "flushall",
  "flushdb",
  "swapdb",
]);
const CONTROL_LENGTH_MAX = 8;
/** Of a command that is not known to name keys, so many words are looked at; one with more may write any key. */
const WORDS_MAX = 1000;
const NONE: readonly CooledKey[] = [];

/**
 * What the commands that a client sends do to its leased keys.
 *
 * Keys that a command may write are written when it is sent, as the server may have the new value long before it says so,
 * and again when it was answered, as it may have been sent late, to another node. What stands between MULTI and EXEC is
 * written again with the EXEC. A key that is watched counts as written.
 */
export class OwnCommands {
  readonly #keys: CooledKeys;
  /** The database whose keys are leased. */
  readonly #db: number;
  #selectedDb: number;
  /** What was written since a MULTI. */
  #transaction: Set<CooledKey> | null = null;

  constructor(keys: CooledKeys, db: number, selectedDb: number) {
    this.#keys = keys;
    this.#db = db;
    this.#selectedDb = selectedDb;
  }

  /**
   * Whether a read may be answered in the server's place: not in another database, and not between MULTI and EXEC, where
   * the reply comes with the EXEC.
   */
  get mayAnswer(): boolean {
    return this.#transaction === null && this.#selectedDb === this.#db;
  }

  /** Before a command is sent. Returns what is to be called when it was answered, or has failed; `null`: nothing. */
  sending(name: string, args: readonly Argument[]): (() => void) | null {
    const shape = shapeOf(name, args);
    if (shape !== undefined) {
      if (shape.kind === "read" || this.#keys.size === 0) return null;
      return this.#answered(this.#written(this.#namedBy(shape, args)));
    }
    const control = controlOf(name);
    if (control !== null) return this.#answered(this.#control(control, args));
    // Newer than the table, or of a module: any word of it may be the name of a key.
    const named = args.length > WORDS_MAX ? this.#keys.all() : this.#named(args);
    return this.#answered(this.#written(named));
  }

  /** What was begun on the connection is over; the driver selects the database again. */
  connectionLost(): void {
    this.#transaction = null;
  }

  #answered(written: readonly CooledKey[]): (() => void) | null {
    if (written.length === 0) return null;
    return () => {
      for (const key of written) this.#keys.written(key);
    };
  }

  /** Returns the keys that are written when it is answered. */
  #control(control: Control, args: readonly Argument[]): readonly CooledKey[] {
    switch (control) {
      case "multi":
        this.#transaction ??= new Set();
        return NONE;
      case "exec":
        return this.#endTransaction();
      case "discard":
        this.#endTransaction();
        return NONE;
      case "watch":
        // It guards only what is read after it: those reads are to be as new as itself.
        return this.#written(this.#named(args));
      case "select":
        this.#selectedDb = Number(String(args[0]));
        return NONE;
      case "reset":
        this.#selectedDb = 0;
        this.#endTransaction();
        return NONE;
      case "flushall":
      case "flushdb":
      case "swapdb":
        return this.#written(this.#keys.all());
    }
  }

  #endTransaction(): readonly CooledKey[] {
    const written = this.#transaction === null ? NONE : [...this.#transaction];
    this.#transaction = null;
    return written;
  }

  #written(keys: readonly CooledKey[]): readonly CooledKey[] {
    for (const key of keys) {
      this.#keys.written(key);
      this.#transaction?.add(key);
    }
    return keys;
  }

  /** The leased keys that it writes. */
  #namedBy(shape: CommandShape, args: readonly Argument[]): readonly CooledKey[] {
    if (shape.single !== null) return this.#named(args.slice(0, 1));
    const keys: Argument[] = [];
    visitKeys(shape, args, (index, kind) => {
      const key = args[index];
      if (kind === "write" && key !== undefined) keys.push(key);
    });
    return this.#named(keys);
  }

  #named(words: readonly Argument[]): readonly CooledKey[] {
    if (this.#keys.size === 0) return NONE;
    const found: CooledKey[] = [];
    for (const word of words) {
      const key = this.#keys.findFull(word);
      if (key !== undefined) found.push(key);
    }
    return found.length === 0 ? NONE : found;
  }
}

function controlOf(name: string): Control | null {
  if (name.length > CONTROL_LENGTH_MAX) return null;
  const lowerCase = name.toLowerCase();
  return CONTROLS.has(lowerCase) ? (lowerCase as Control) : null;
}
