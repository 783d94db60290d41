import type { Bytes, Commands, Script } from "../commands.ts";
import { PARTS_MAX, partNames } from "../part-names.ts";
import { type Copy, parseCopy } from "./copy.ts";
import { BEGIN, KNOWN, PUT } from "./scripts.ts";

/** What a version puts into place. */
export interface Content {
  /** `null`: the deletion. */
  readonly value: Bytes | null;
  /** 0: none. */
  readonly ttlMs: number;
}

export interface Known {
  /** 0: none. */
  readonly version: number;
  /** 0: not known. */
  readonly copies: number;
}

/** What a copy answers to a version: what it knew before. */
export interface PutReply extends Known {
  /** By its server's clock, the version that it was given has expired. */
  readonly isExpired: boolean;
}

/** The first copy: it gives versions out, and knows how many copies there are. */
export const HOME = 0;

/** The copies of one value, and what can be done with each. */
export class Copies {
  readonly #commands: Commands;
  readonly #key: Bytes;
  /** Copies that this process writes and reads; more where another has written more. */
  readonly count: number;
  #names: Buffer[];

  constructor(commands: Commands, key: Bytes, count: number) {
    this.#commands = commands;
    this.#key = key;
    this.count = count;
    this.#names = partNames(key, "copy", count, commands);
  }

  /** `null`: nothing is there. Throws: Error where something else than a copy is. */
  async read(index: number): Promise<Copy | null> {
    const name = this.#name(index);
    const stored = await this.#commands.run("GET", name);
    if (!Buffer.isBuffer(stored)) return null;
    const copy = parseCopy(stored);
    if (copy !== null) return copy;
    throw new Error(`the key ${name} holds something else than a copy of a ReplicatedValue: delete it`);
  }

  /** Begins a version above `floor` at the first copy. */
  async begin({ value, ttlMs }: Content, floor: number, copies: number): Promise<Copy> {
    const args = [floor, ttlMs, copies, kindOf(value), value ?? ""];
    const [version, expiresAtMs, known] = await this.#numbers(BEGIN, HOME, args);
    return {
      version: version!,
      expiresAtMs: expiresAtMs!,
      copies: Math.min(known!, PARTS_MAX),
      value: value === null ? null : Buffer.from(value),
    };
  }

  /** Puts a version where none newer is. */
  async put(index: number, { version, expiresAtMs, copies, value }: Copy): Promise<PutReply> {
    const args = [version, expiresAtMs, copies, kindOf(value), value ?? ""];
    const [before, known, isExpired] = await this.#numbers(PUT, index, args);
    return { version: before!, copies: Math.min(known!, PARTS_MAX), isExpired: isExpired === 1 };
  }

  /** The newest version that a copy remembers, and how many copies it tells of. */
  async knownAt(index: number): Promise<Known> {
    const [version, copies] = await this.#numbers(KNOWN, index, []);
    return { version: version!, copies: Math.min(copies!, PARTS_MAX) };
  }

  async #numbers(script: Script, index: number, args: readonly (Bytes | number)[]): Promise<number[]> {
    const reply = await this.#commands.runScript(script, this.#keys(index), args);
    if (!Array.isArray(reply)) throw new Error(`the server answered a script with ${reply}`);
    return reply.map(Number);
  }

  #keys(index: number): [copy: Buffer, marker: Buffer] {
    const name = this.#name(index);
    // The part of the name that decides on its slot stays.
    return [name, Buffer.concat([name, Buffer.from(":version")])];
  }

  #name(index: number): Buffer {
    if (index >= this.#names.length)
      this.#names = partNames(this.#key, "copy", Math.min(2 * (index + 1), PARTS_MAX), this.#commands);
    return this.#names[index]!;
  }
}

function kindOf(value: Bytes | null): "value" | "deleted" {
  return value === null ? "deleted" : "value";
}
