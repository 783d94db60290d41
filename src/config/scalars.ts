import { z } from "zod";

/** How the reference page calls a field's type and bounds; `secret` values are never shown. */
export interface FieldType {
  readonly type: string;
  readonly bounds?: string;
  readonly secret?: boolean;
}

/** Beside zod's own metadata, so that the JSON Schema stays free of it. */
export const fieldTypes = z.registry<FieldType>();

export type Parsed<T> = { readonly value: T } | { readonly problem: string };

function documented<S extends z.ZodType>(schema: S, type: FieldType): S {
  fieldTypes.add(schema, type);
  return schema;
}

const MILLISECONDS_PER: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function durationMs(text: string): number {
  const [, amount = "", unit = ""] = /^([\d.]+)(\w+)$/.exec(text) ?? [];
  // Rounded to a millionth, or 0.3s would be 299.99999999999994 ms.
  return Math.round(Number(amount) * (MILLISECONDS_PER[unit] ?? Number.NaN) * 1e6) / 1e6;
}

/** What is said of a value that is no duration. */
export const DURATION_EXPECTED = "expected a duration";

/** A duration such as `250ms`, `10s`, `5m`, `1h`, `7d`, in whole ms from `min` to `max`. */
export function duration({ min = "0s", max = "7d" }: { min?: string; max?: string } = {}) {
  const error = DURATION_EXPECTED;
  const schema = z
    .string({ error })
    .regex(/^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/, { error })
    .transform((text, context) => {
      const lengthMs = durationMs(text);
      if (Number.isInteger(lengthMs) && lengthMs >= durationMs(min) && lengthMs <= durationMs(max))
        return lengthMs;
      context.issues.push({
        code: "custom",
        message: `expected a duration from ${min} to ${max}, in whole milliseconds`,
        input: text,
      });
      return z.NEVER;
    });
  return documented(schema, { type: "duration", bounds: `${min} to ${max}` });
}

const SECONDS_PER: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** A rate above 0 such as `1000/s`, `1000/m`, `10/h`, as a number per second. */
export function rate() {
  const error = "expected a rate above 0 such as 1000/s";
  const schema = z
    .string({ error })
    .regex(/^\d{1,12}(\.\d{1,6})?\/(s|m|h)$/, { error })
    .transform((text, context) => {
      const [amount = "", unit = ""] = text.split("/");
      const perSecond = Number(amount) / (SECONDS_PER[unit] ?? Number.NaN);
      if (perSecond > 0) return perSecond;
      context.issues.push({ code: "custom", message: error, input: text });
      return z.NEVER;
    });
  return documented(schema, { type: "rate", bounds: "above 0" });
}

const BYTES_PER: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function sizeBytes(text: string): number {
  const [, amount = "", unit = ""] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(amount) * (BYTES_PER[unit] ?? Number.NaN);
}

/** A size such as `512KiB` or `4MiB`, in bytes from `min` to `max`. */
export function size({ min, max }: { min: string; max: string }) {
  const error = "expected a size such as 4MiB";
  const schema = z
    .string({ error })
    .regex(/^\d{1,12}(B|KiB|MiB|GiB)$/, { error })
    .transform((text, context) => {
      const bytes = sizeBytes(text);
      if (bytes >= sizeBytes(min) && bytes <= sizeBytes(max)) return bytes;
      context.issues.push({ code: "custom", message: `expected a size from ${min} to ${max}`, input: text });
      return z.NEVER;
    });
  return documented(schema, { type: "size", bounds: `${min} to ${max}` });
}

/** A whole number from `min` to `max`. */
export function count({ min, max }: { min: number; max: number }) {
  const error = `expected a whole number from ${min} to ${max}`;
  return documented(z.int({ error }).min(min, { error }).max(max, { error }), {
    type: "whole number",
    bounds: `${min} to ${max}`,
  });
}

/** A share from 0 to 1; 0 itself only where `zero`. */
export function share({ zero }: { zero: boolean }) {
  const error = zero ? "expected a number from 0 to 1" : "expected a number above 0, at most 1";
  const number = z.number({ error });
  const bounded = zero ? number.min(0, { error }) : number.gt(0, { error });
  return documented(bounded.max(1, { error }), { type: "number", bounds: zero ? "0 to 1" : "above 0, to 1" });
}

/** A number above `above`, at most 1000. */
export function ratio({ above }: { above: number }) {
  const error = `expected a number above ${above}, at most 1000`;
  return documented(z.number({ error }).gt(above, { error }).max(1000, { error }), {
    type: "number",
    bounds: `above ${above}, to 1000`,
  });
}

/** A rate of bytes above 0 such as `50MiB/s`, as bytes per second. */
export function byteRate() {
  const error = "expected bytes per second such as 50MiB/s";
  const schema = z
    .string({ error })
    .regex(/^\d{1,12}(B|KiB|MiB|GiB)\/s$/, { error })
    .transform((text, context) => {
      const bytes = sizeBytes(text.slice(0, -"/s".length));
      if (bytes > 0) return bytes;
      context.issues.push({ code: "custom", message: error, input: text });
      return z.NEVER;
    });
  return documented(schema, { type: "bytes per second", bounds: "above 0" });
}

/** A number or a text: what it means depends on its surroundings. */
export function quantity({ what }: { what: string }) {
  const error = `expected ${what}`;
  return documented(z.union([z.string().max(100), z.number()], { error }), { type: "by `type`" });
}

export function flag() {
  return documented(z.boolean({ error: "expected true or false" }), { type: "true or false" });
}

/** One of some words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words) {
  const expected = words.length === 1 ? `expected ${words[0]}` : `expected one of ${words.join(", ")}`;
  return documented(z.enum(words, { error: expected }), {
    type: words.map((word) => `\`${word}\``).join(", "),
  });
}

export interface TextOptions {
  /** What it is, for messages: "a name". */
  readonly what?: string;
  readonly type?: string;
  readonly bounds?: string;
  readonly max?: number;
  readonly pattern?: RegExp;
  readonly secret?: boolean;
  /** Looks closer; the field keeps the text itself. */
  readonly parse?: (text: string) => Parsed<unknown>;
}

/** Text of 1 to `max` characters that `pattern` matches and `parse` accepts. */
export function text(options: TextOptions = {}) {
  const { what = "text", type = "text", bounds, max = 1024, pattern, secret = false, parse } = options;
  const typeError = (issue: { input?: unknown }) =>
    issue.input === null || issue.input === undefined || typeof issue.input === "object"
      ? `expected ${what}`
      : `expected ${what} (put it in quotes)`;
  let schema = z
    .string({ error: typeError })
    .min(1, { error: `expected ${what}, not empty`, abort: true })
    .max(max, { error: `expected ${what} of at most ${max} characters`, abort: true });
  if (pattern !== undefined) schema = schema.regex(pattern, { error: `expected ${what}`, abort: true });
  if (parse !== undefined) {
    schema = schema.check((context) => {
      const result = parse(context.value);
      if ("problem" in result)
        context.issues.push({ code: "custom", message: result.problem, input: context.value });
    });
  }
  return documented(schema, { type, ...(bounds === undefined ? {} : { bounds }), secret });
}

/** A name of a rule, a receiver or a cluster: it becomes a label of metrics and a part of identities. */
export function name() {
  return text({
    what: "a name of letters, digits, dots, colons, - and _",
    type: "name",
    bounds: "letters, digits, `.`, `:`, `-`, `_`; up to 100",
    max: 100,
    pattern: /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/,
  });
}

/** A glob in Redis's notation: `*`, `?`, `[a-z]`, `[^a]`, `\` before a character that stands for itself. */
export function glob() {
  return text({ what: "a glob such as user:*", type: "glob" });
}

/** Path of a file; a relative one starts from the folder of the config file. */
export function file() {
  return text({ what: "the path of a file", type: "path", max: 4096 });
}

/** Text that is never shown. */
export function secret() {
  return text({ type: "text (secret)", max: 8192, secret: true });
}

const NO_MAPPING = "expected a mapping of keys to values";

/** A mapping with these keys and no others. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, { error: NO_MAPPING });
}

/** A list of `min` to `max` items. */
export function list<Item extends z.ZodType>(item: Item, { min = 0, max = 1000 } = {}) {
  return z
    .array(item, { error: "expected a list" })
    .min(min, { error: `expected a list of at least ${min}` })
    .max(max, { error: `expected a list of at most ${max}` });
}
