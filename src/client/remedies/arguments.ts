import type { Bytes } from "./commands.ts";

/** PEXPIRE takes times up to about 2^63 ms; beyond this a number has no whole milliseconds. */
const TTL_MS_MAX = Number.MAX_SAFE_INTEGER;

/** What callers give, checked. Each throws TypeError where it is of the wrong kind, RangeError where it makes no sense. */
export function checkedOptions<Name extends string>(
  options: unknown,
  known: readonly Name[],
): Partial<Record<Name, unknown>> {
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`options: expected an object with ${known.join(", ")}`);
  }
  for (const name of Object.keys(options)) {
    if (!(known as readonly string[]).includes(name))
      throw new TypeError(`${name}: no such option; there are ${known.join(", ")}`);
  }
  return options as Partial<Record<Name, unknown>>;
}

export function checkedKey(key: unknown, name = "key"): Bytes {
  if (typeof key !== "string" && !(key instanceof Uint8Array)) {
    throw new TypeError(`${name}: expected a string or a Buffer`);
  }
  if (key.length === 0) throw new RangeError(`${name}: must not be empty`);
  return key;
}

/** May be empty. */
export function checkedValue(value: unknown, name = "value"): Bytes {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  throw new TypeError(`${name}: expected a string or a Buffer`);
}

/** A whole number in [min, max]; `fallback` where it is left out. */
export function checkedCount(value: unknown, name: string, limits: CountLimits): number {
  if (value === undefined) return limits.fallback;
  if (typeof value !== "number") throw new TypeError(`${name}: expected a whole number`);
  if (!Number.isInteger(value) || value < limits.min || value > limits.max) {
    throw new RangeError(
      `${name}: expected a whole number from ${limits.min} to ${limits.max}, got ${value}`,
    );
  }
  return value;
}

export interface CountLimits {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

/** In ms, whole, above 0. */
export function checkedTtl(value: unknown, name = "ttlMs"): number {
  if (typeof value !== "number") throw new TypeError(`${name}: expected a number of ms`);
  if (!Number.isInteger(value) || value < 1 || value > TTL_MS_MAX) {
    throw new RangeError(`${name}: expected a whole number of ms, at least 1, got ${value}`);
  }
  return value;
}

/** `null`: left out. */
export function checkedTtlOrNone(value: unknown, name = "ttlMs"): number | null {
  return value === undefined ? null : checkedTtl(value, name);
}

export function checkedFunction<Result>(value: unknown, name: string): (...args: unknown[]) => Result {
  if (typeof value !== "function") throw new TypeError(`${name}: expected a function`);
  return value as (...args: unknown[]) => Result;
}

/** An object of whose methods one is needed; `null`: left out. */
export function checkedWithMethod<Value>(value: unknown, name: string, method: string): Value | null {
  if (value === undefined) return null;
  if (typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function") {
    return value as Value;
  }
  throw new TypeError(`${name}: expected an object with a method ${method}`);
}

export function checkedSignal(value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (value instanceof AbortSignal) return value;
  throw new TypeError("signal: expected an AbortSignal");
}
