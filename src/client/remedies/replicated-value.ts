import { checkedCount, checkedKey, checkedOptions, checkedTtlOrNone, checkedValue } from "./arguments.ts";
import { type Bytes, commandsOf } from "./commands.ts";
import { IncompleteWriteError } from "./incomplete-write-error.ts";
import { PARTS_MAX } from "./part-names.ts";
import { type Content, Copies, HOME, type Known } from "./replicated/copies.ts";
import type { Copy } from "./replicated/copy.ts";
import { LastSeen } from "./replicated/last-seen.ts";
import { DELETED_MS } from "./replicated/scripts.ts";

export interface ReplicatedValueOptions {
  /** How many copies: 1 to 1,024, 4 if left out. A power of two lies evenly over the nodes of a cluster. */
  readonly copies?: number;
}

export interface ReplicatedValueSetOptions {
  /** In ms, from when the first copy is written; without it the value stays. */
  readonly ttlMs?: number;
}

/** So many copies lie on all nodes of a cluster of three, and on four of a bigger one. */
const COPIES = 4;

/** Each further try means that others have seen or written more meanwhile. */
const TRIES_MAX = 5;

/**
 * A value that is read too often for one node: copies of it in slots of their own, of which a read takes a random one.
 *
 * Consistency: a copy is replaced in one step, so that a reader sees the old value or the new one, never a part and never
 * nothing between them. What one process has read or set by one client it does not see an older value than afterwards
 * (of the 10,000 keys and 64 MiB last used). When `set` or `delete` has resolved, every copy has it, and nobody reads an
 * older one, unless servers lose what they confirmed (a failover: replication is asynchronous) or reads go to replicas.
 * When it rejects, readers may see the old or the new. Writes at the same time: the last one at the first copy stays.
 *
 * Cost: a read is one GET; where its copy is missing, behind or out of reach, one of the first copy, then of all others.
 * A read of what is not there asks all copies. A write is two scripts at each copy, one
 * after the other, and two more at the first.
 */
export class ReplicatedValue {
  readonly #copies: Copies;
  readonly #seen: LastSeen;
  readonly #what: string;
  #isRepairing = false;

  /**
   * `redis`: a client of ioredis or node-redis.
   *
   * Throws: TypeError, RangeError where an argument is of the wrong kind or makes no sense.
   */
  constructor(redis: object, key: Bytes, options?: ReplicatedValueOptions) {
    const commands = commandsOf(redis);
    const { copies } = checkedOptions(options, ["copies"]);
    const count = checkedCount(copies, "copies", { min: 1, max: PARTS_MAX, fallback: COPIES });
    this.#copies = new Copies(commands, checkedKey(key), count);
    this.#seen = new LastSeen(redis, key);
    this.#what = `the replicated value ${key}`;
  }

  /**
   * Resolves when every copy has it, or something newer.
   *
   * Throws: IncompleteWriteError when only some have it. Else what a server or a connection says: before the first copy
   * was written, or in answer to that, so that it is not known whether it was.
   */
  async set(value: Bytes, options?: ReplicatedValueSetOptions): Promise<void> {
    const { ttlMs } = checkedOptions(options, ["ttlMs"]);
    await this.#write({ value: checkedValue(value), ttlMs: checkedTtlOrNone(ttlMs) ?? 0 });
  }

  /** As `set`, but then there is nothing; a set that is still under way from before does not bring it back. */
  async delete(): Promise<void> {
    await this.#write({ value: null, ttlMs: DELETED_MS });
  }

  /** `null`: there is none. Throws: what a server or a connection says where the copies in reach do not tell. */
  async get(): Promise<string | null> {
    const value = await this.#read();
    return value === null ? null : value.toString();
  }

  async getBuffer(): Promise<Buffer | null> {
    return await this.#read();
  }

  async #write(content: Content): Promise<void> {
    const known = await this.#survey();
    const written = await this.#copies.begin(
      content,
      Math.max(known.version, this.#seen.version),
      known.copies,
    );
    await this.#putEverywhere(written);
    const home = await this.#copies.knownAt(HOME);
    // Its server was lost meanwhile, and this version with it.
    if (home.version < written.version) await this.#copies.put(HOME, written);
    this.#seen.remember(written);
  }

  /**
   * The newest version that any copy knows, and how many copies there are. A new version must be above those of all
   * copies, not of the first alone: where that one's server was lost, the clock of the new one may be behind.
   */
  async #survey(): Promise<Known> {
    let version = 0;
    let copies = this.#copies.count;
    for (let asked = 0; asked < copies; ) {
      const next = Array.from({ length: copies - asked }, (_, i) => asked + i);
      asked = copies;
      for (const known of await Promise.all(next.map((index) => this.#copies.knownAt(index)))) {
        version = Math.max(version, known.version);
        copies = Math.max(copies, known.copies);
      }
    }
    return { version, copies };
  }

  /** What a copy has that is newer was written at the same time, and stays. */
  async #putEverywhere(written: Copy): Promise<void> {
    const others = Array.from({ length: written.copies - 1 }, (_, i) => i + 1);
    const replies = await Promise.allSettled(others.map((index) => this.#copies.put(index, written)));
    const failures = replies.filter((reply) => reply.status === "rejected").map(({ reason }) => reason);
    if (failures.length > 0) throw new IncompleteWriteError(this.#what, written.copies, failures);
  }

  async #read(): Promise<Buffer | null> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const before = this.#seen.version;
      const look = await this.#look();
      const { newest, failures } = look;
      const seen = this.#seen.copy;
      if (newest !== null && newest.version >= (seen?.version ?? 0)) {
        this.#repairAside(newest, behind(look, newest));
        this.#seen.remember(newest);
        return newest.value;
      }
      // While it looked, another caller saw more.
      if (seen !== null && seen.version > before) return bytesIn(seen);
      if (failures.length > 0) throw failures[0];
      if (newest === null || seen === null) return null;
      // Servers have lost what this process has seen already: it does not go back, and takes all others forward.
      const outcome = await this.#repair(seen, behind(look, seen));
      if (outcome === "expired") return null;
      if (outcome === "stored") return bytesIn(seen);
    }
    throw new Error(`${this.#what}: it changes, and its copies are lost, faster than it can be read`);
  }

  /** Asks a random copy, then the first one, then all others, until one is as new as what was seen here. */
  async #look(): Promise<Look> {
    const { count } = this.#copies;
    const random = Math.floor(Math.random() * count);
    const all = Array.from({ length: count }, (_, index) => index);
    const rest = all.filter((index) => index !== random && index !== HOME);
    const look: Look = { newest: null, held: new Map(), failures: [] };
    for (const step of [[random], random === HOME ? [] : [HOME], rest]) {
      await this.#ask(step, look);
      if (look.newest !== null && look.newest.version >= this.#seen.version) break;
    }
    return look;
  }

  async #ask(indexes: readonly number[], look: Look): Promise<void> {
    const replies = await Promise.allSettled(indexes.map((index) => this.#copies.read(index)));
    for (const [at, reply] of replies.entries()) {
      if (reply.status === "rejected") {
        look.failures.push(reply.reason);
        continue;
      }
      const version = reply.value?.version ?? 0;
      look.held.set(indexes[at]!, version);
      if (version > (look.newest?.version ?? 0)) look.newest = reply.value;
    }
  }

  /** One at a time; a failure is for the next reader to find. */
  #repairAside(copy: Copy, indexes: readonly number[]): void {
    if (indexes.length === 0 || this.#isRepairing) return;
    this.#isRepairing = true;
    this.#repair(copy, indexes)
      .catch(() => {})
      .finally(() => {
        this.#isRepairing = false;
      });
  }

  /**
   * Puts what was read where less is. The first copy comes first: it must know of every copy that there is before that
   * copy is made, or else a process that writes fewer would leave it as it is.
   */
  async #repair(copy: Copy, indexes: readonly number[]): Promise<"stored" | "expired" | "superseded"> {
    const wider = { ...copy, copies: Math.max(copy.copies, this.#copies.count) };
    const home = await this.#copies.put(HOME, wider);
    if (home.version > copy.version) return "superseded";
    const others = indexes.filter((index) => index !== HOME);
    const replies = await Promise.all(others.map((index) => this.#copies.put(index, wider)));
    if (replies.some(({ version }) => version > copy.version)) return "superseded";
    return home.isExpired ? "expired" : "stored";
  }
}

interface Look {
  /** `null`: none was found. */
  newest: Copy | null;
  /** The version of each copy that answered; 0: nothing. */
  readonly held: Map<number, number>;
  readonly failures: unknown[];
}

/** Of what is remembered: the caller may change it. */
function bytesIn({ value }: Copy): Buffer | null {
  return value === null ? null : Buffer.from(value);
}

/** Copies that have less. */
function behind({ held }: Look, { version }: Copy): number[] {
  return [...held].filter(([, known]) => known < version).map(([index]) => index);
}
