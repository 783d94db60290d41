import { FIRST_MAYBE_COLUMN, type MaybeClass, MISS_COLUMN, WRITE_COLUMN } from "../../panes/columns.ts";

/** Not an access, and of no use to tell what follows. */
export const NO_ACCESS = -1;
/** Not an access, but what follows may derive from it. */
export const TOUCH_ONLY = -2;
/** PFADD right after a miss of the same key: the miss may have been PFMERGE's own. */
export const DOUBT_MISS = -3;

/** A server whose events are read. */
export interface EventDialect {
  readonly flavor: "redis" | "valkey";
  /** `[major, minor]`. */
  readonly version: readonly [number, number];
}

/** A class of events that can be derived or a command of their own, with the commands that decide which. */
export interface EventMaybeClass extends MaybeClass {
  readonly name: string;
  /** Commands of which each call makes at most one such event an access. */
  readonly ownBy: readonly string[];
  /** Commands of which each call makes at most one such event a derived one; `null`: any number. */
  readonly derivedBy: readonly string[] | null;
  /** Events that, where they are sure, have used up a call of `ownBy` each. */
  readonly usedUpBy: readonly string[];
  /** The commands that derive them are rare, so they count among the key's commands; default false. */
  readonly isUsuallyOwn?: boolean;
}

const EXPIRE_COMMANDS = ["expire", "pexpire", "expireat", "pexpireat", "getex"];
const HEXPIRE_COMMANDS = ["hexpire", "hpexpire", "hexpireat", "hpexpireat", "hgetex"];
const POP_COMMANDS = ["lpop", "rpop", "lmpop", "blpop", "brpop", "blmpop"];
const ROTATE_COMMANDS = ["lmove", "blmove", "rpoplpush", "brpoplpush"];
const STORE_COMMANDS = [
  ...[
    "sort",
    "bitop",
    "sinterstore",
    "sunionstore",
    "sdiffstore",
    "zunionstore",
    "zinterstore",
    "zdiffstore",
  ],
  ...["zrangestore", "georadius", "georadiusbymember", "geosearchstore"],
];
const DELETE_COMMANDS = [
  ...["del", "unlink", "getdel", "delex", "delifeq", "restore", "restore-asking", "migrate"],
  ...STORE_COMMANDS,
  ...EXPIRE_COMMANDS,
];

/** Events after which a `del` of the same key says only that nothing was left. */
const REMOVALS = [
  ...["lpop", "rpop", "lrem", "ltrim", "srem", "spop", "hdel", "hexpired", "zrem", "zpopmin", "zpopmax"],
  ...["zremrangebyscore", "zremrangebyrank", "zremrangebylex", "ardel", "ardelrange"],
];

const WRITES = [
  ...["del", "expire", "persist", "rename_from", "rename_to", "move_from", "move_to", "copy_to", "restore"],
  ...["set", "append", "setrange", "incrby", "incrbyfloat", "setbit", "pfadd"],
  ...["lpush", "rpush", "lpop", "rpop", "linsert", "lset", "lrem", "ltrim", "sortstore"],
  ...["sadd", "srem", "spop", "sinterstore", "sunionstore", "sdiffstore"],
  ...["hset", "hincrby", "hincrbyfloat", "hdel", "hexpire", "hpersist"],
  ...["zadd", "zincr", "zrem", "zpopmin", "zpopmax", "zremrangebyscore", "zremrangebyrank", "zremrangebylex"],
  ...["zunionstore", "zinterstore", "zdiffstore", "zrangestore", "georadiusstore", "geosearchstore"],
  ...["xadd", "xtrim", "xdel", "xsetid", "xgroup-create", "xgroup-createconsumer", "xgroup-setid"],
  ...["xgroup-delconsumer", "xgroup-destroy"],
  ...["arset", "armset", "arinsert", "ardel", "ardelrange", "arseek", "arring", "gcra"],
];

const NO_ACCESSES = ["expired", "evicted", "new", "overwritten", "type_changed"];

/** An event right after one of `after` of the same key belongs to class `maybe`. */
interface Doubt {
  readonly events: readonly string[];
  readonly after: readonly string[];
  readonly maybe: EventMaybeClass;
  /** Whether servers of this dialect have the command that makes the doubt. */
  readonly on?: (dialect: EventDialect) => boolean;
}

const isRedis = (major: number, minor: number) => (dialect: EventDialect) =>
  dialect.flavor === "redis" && atLeast(dialect, major, minor);
const isValkey = (major: number, minor: number) => (dialect: EventDialect) =>
  dialect.flavor === "valkey" && atLeast(dialect, major, minor);
const hasHashExpiry = (dialect: EventDialect) => isRedis(7, 4)(dialect) || isValkey(9, 0)(dialect);

/** A predecessor code of its own: an `expire` that was itself in doubt says nothing of the `set` behind it. */
const DOUBTFUL_EXPIRE = "expire?";
/** Valkey 9 gives `expired` for a client's EXPIRE with a past time as well as for a time that is up. */
const ANYTHING = "*";

const DOUBTS: readonly Doubt[] = [
  {
    // SET EX and SETEX give `set`, `expire`: counting both would double every cache write.
    events: ["expire"],
    after: ["set"],
    maybe: {
      name: "expire-after-set",
      kind: "write",
      ownBy: EXPIRE_COMMANDS,
      derivedBy: ["set", "setex", "psetex", "msetex"],
      usedUpBy: ["expire"],
    },
  },
  {
    events: ["expire"],
    after: ["incrby", "incrbyfloat"],
    maybe: {
      name: "expire-after-incrby",
      kind: "write",
      ownBy: EXPIRE_COMMANDS,
      derivedBy: ["increx"],
      usedUpBy: ["expire"],
    },
    on: isRedis(8, 8),
  },
  {
    // MSETEX of Redis gives `expire` before `set`, for each of its keys.
    events: ["set"],
    after: ["expire"],
    maybe: {
      name: "set-after-expire",
      kind: "write",
      ownBy: ["set", "setnx", "setex", "psetex", "mset", "msetnx", "getset", "bitop"],
      derivedBy: null,
      usedUpBy: [],
      isUsuallyOwn: true,
    },
    on: isRedis(8, 4),
  },
  {
    events: ["del"],
    after: REMOVALS,
    maybe: {
      name: "del-after-removal",
      kind: "write",
      ownBy: DELETE_COMMANDS,
      derivedBy: null,
      usedUpBy: [],
    },
  },
  {
    // LMOVE within one list gives a push and a pop of one access.
    events: ["lpop", "rpop"],
    after: ["lpush", "rpush"],
    maybe: {
      name: "pop-after-push",
      kind: "write",
      ownBy: POP_COMMANDS,
      derivedBy: ROTATE_COMMANDS,
      usedUpBy: [],
      isUsuallyOwn: true,
    },
  },
  {
    events: ["hexpire"],
    after: ["hset"],
    maybe: {
      name: "hexpire-after-hset",
      kind: "write",
      ownBy: HEXPIRE_COMMANDS,
      derivedBy: ["hsetex"],
      usedUpBy: ["hexpire"],
    },
    on: hasHashExpiry,
  },
  {
    events: ["hdel"],
    after: ["hset"],
    maybe: {
      name: "hdel-after-hset",
      kind: "write",
      ownBy: ["hdel", "hgetdel", ...HEXPIRE_COMMANDS],
      derivedBy: ["hsetex"],
      usedUpBy: [],
    },
    on: hasHashExpiry,
  },
  {
    events: ["xtrim"],
    after: ["xadd"],
    maybe: {
      name: "xtrim-after-xadd",
      kind: "write",
      ownBy: ["xtrim"],
      derivedBy: ["xadd"],
      usedUpBy: ["xtrim"],
    },
  },
  {
    events: ["expired"],
    after: [ANYTHING],
    maybe: {
      name: "expired",
      kind: "write",
      ownBy: [...EXPIRE_COMMANDS, "set", "setex", "psetex", "msetex"],
      derivedBy: null,
      usedUpBy: [],
    },
    on: isValkey(9, 0),
  },
  {
    events: ["hexpired"],
    after: [ANYTHING],
    maybe: { name: "hexpired", kind: "write", ownBy: HEXPIRE_COMMANDS, derivedBy: null, usedUpBy: [] },
    on: isValkey(9, 0),
  },
];

const MERGE_MISS: EventMaybeClass = {
  name: "miss-before-pfadd",
  kind: "miss",
  ownBy: ["pfadd"],
  derivedBy: ["pfmerge"],
  usedUpBy: [],
};

/** Events of modules and of servers newer than this table: nobody knows whether they are accesses. */
const UNKNOWN_EVENT: EventMaybeClass = {
  name: "unknown",
  kind: "write",
  ownBy: [],
  derivedBy: null,
  usedUpBy: [],
};

const CODES_MAX = 128;

/**
 * What an event means: an access, none, or one in doubt, given the event right before it of the same key.
 *
 * Events of one server arrive in the order of its one thread, so the predecessor narrows an event down. Source: measured
 * on Redis 7.0, 8.6, unstable and Valkey 9.1; test/fixtures/keyspace-events.json.
 */
export class EventTable {
  readonly names: readonly string[];
  readonly maybes: readonly EventMaybeClass[];
  /** Code of an event that the table does not know. */
  readonly unknownCode: number;
  /** Column of pmiss doubts: see `DOUBT_MISS`. */
  readonly mergeMissColumn: number;
  readonly #codes = new Map<string, number>();
  readonly #columns = new Int8Array(CODES_MAX * CODES_MAX);
  readonly #codeWhenInDoubt = new Uint8Array(CODES_MAX);

  constructor(dialect: EventDialect) {
    const doubts = DOUBTS.filter((doubt) => doubt.on?.(dialect) ?? true);
    this.maybes = [...doubts.map((doubt) => doubt.maybe), MERGE_MISS, UNKNOWN_EVENT];
    this.mergeMissColumn = FIRST_MAYBE_COLUMN + doubts.length;
    this.names = ["", ...WRITES, "keymiss", "hexpired", ...NO_ACCESSES, "unknown", DOUBTFUL_EXPIRE];
    this.names.forEach((name, code) => {
      this.#codes.set(name, code);
      this.#codeWhenInDoubt[code] = code;
      this.#columns.fill(this.#plainColumn(name), code * CODES_MAX, (code + 1) * CODES_MAX);
    });
    this.unknownCode = this.#code("unknown");
    this.#codeWhenInDoubt[this.#code("expire")] = this.#code(DOUBTFUL_EXPIRE);
    doubts.forEach((doubt, index) => {
      this.#addDoubt(doubt, FIRST_MAYBE_COLUMN + index);
    });
    this.#setColumn("pfadd", "keymiss", DOUBT_MISS);
  }

  /** Code of an event's name: 1..127. */
  codeOf(name: string): number {
    const isPseudo = name === "" || name === "unknown" || name === DOUBTFUL_EXPIRE;
    return isPseudo ? this.unknownCode : (this.#codes.get(name) ?? this.unknownCode);
  }

  /** Column in which to count event `code` after `predecessor` (0: another key, or none), or one of the signs above. */
  columnOf(code: number, predecessor: number): number {
    return this.#columns[code * CODES_MAX + predecessor]!;
  }

  /** Whether an event in `column` is listed among its key's commands: the `expire` of a SET EX is not. */
  isCommand(column: number): boolean {
    return column < FIRST_MAYBE_COLUMN || this.maybes[column - FIRST_MAYBE_COLUMN]?.isUsuallyOwn === true;
  }

  /** What `code`, counted in `column`, is to the event behind it. */
  predecessorOf(code: number, column: number): number {
    return column >= FIRST_MAYBE_COLUMN ? this.#codeWhenInDoubt[code]! : code;
  }

  #plainColumn(name: string): number {
    if (name === "keymiss") return MISS_COLUMN;
    if (name === "hexpired") return TOUCH_ONLY;
    if (name === "unknown") return FIRST_MAYBE_COLUMN + this.maybes.length - 1;
    return NO_ACCESSES.includes(name) ? NO_ACCESS : WRITE_COLUMN;
  }

  #addDoubt({ events, after }: Doubt, column: number): void {
    for (const event of events) {
      if (after.includes(ANYTHING)) {
        const code = this.#code(event);
        this.#columns.fill(column, code * CODES_MAX, (code + 1) * CODES_MAX);
      } else {
        for (const predecessor of after) this.#setColumn(event, predecessor, column);
      }
    }
  }

  #setColumn(event: string, predecessor: string, column: number): void {
    this.#columns[this.#code(event) * CODES_MAX + this.#code(predecessor)] = column;
  }

  #code(name: string): number {
    const code = this.#codes.get(name);
    if (code === undefined) throw new Error(`the event table has no ${name}`);
    return code;
  }
}

function atLeast(
  { version: [major, minor] }: EventDialect,
  wantedMajor: number,
  wantedMinor: number,
): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
