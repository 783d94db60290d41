import { BadField } from "./bad-field.ts";

/** Largest count of a sample. */
export const COUNT_MAX = 2 ** 31;
/** Bytes are larger numbers than counts. */
export const BYTES_MAX = 2 ** 40;
export const DB_MAX = 2 ** 20 - 1;
/** Below it a kept access stands for too many. */
export const PROBABILITY_MIN = 2 ** -20;
const COMMANDS_MAX = 32;
const COMMAND_CHARACTERS_MAX = 64;
const CONTROL_CHARACTER = /\p{Cc}/u;
const PLAIN_NAME = /^[\w|.-]+$/;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text of 1 to `max` characters, none of them a control character. */
export function textOf(value: unknown, path: string, max: number): string {
  const isText = typeof value === "string" && value.length > 0 && value.length <= max;
  if (isText && value.isWellFormed() && !CONTROL_CHARACTER.test(value)) return value;
  throw new BadField(path, `expected text of 1 to ${max} characters, without control characters`);
}

export function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && value >= 0 && value <= max && Math.floor(value) === value;
}

export function wholeOf(value: unknown, path: string, max: number): number {
  if (isWhole(value, max)) return value;
  throw new BadField(path, `expected a whole number from 0 to ${max}`);
}

export function isProbability(value: unknown): value is number {
  return typeof value === "number" && value >= PROBABILITY_MIN && value <= 1;
}

export function badProbability(path: string): BadField {
  return new BadField(path, "expected a number from 2^-20 to 1");
}

export function flagOf(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new BadField(path, "expected true or false");
}

/** Counts by name of a command. */
export function commandsOf(value: unknown, path: string): Readonly<Record<string, number>> {
  if (!isObject(value)) throw new BadField(path, "expected an object of counts by command");
  let names = 0;
  for (const name in value) {
    if (++names > COMMANDS_MAX) throw new BadField(path, `expected at most ${COMMANDS_MAX} commands`);
    if (name.length === 0 || name.length > COMMAND_CHARACTERS_MAX || CONTROL_CHARACTER.test(name)) {
      throw new BadField(path, `expected names of 1 to ${COMMAND_CHARACTERS_MAX} characters`);
    }
    // A name from outside is repeated only where it is plain.
    if (!isWhole(value[name], COUNT_MAX)) {
      wholeOf(value[name], PLAIN_NAME.test(name) ? `${path}.${name}` : path, COUNT_MAX);
    }
  }
  return value as Readonly<Record<string, number>>;
}
