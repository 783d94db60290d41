import { z } from "zod";
import type { PathSegment } from "./problem.ts";

/** The schema inside of optional and default. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodPrefault) inner = inner.unwrap();
  return inner;
}

/** The schema of the value at `path`, unwrapped; `undefined` where the schema knows no such path. */
export function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  let current: z.core.$ZodType | undefined = schema;
  for (const segment of path) {
    const inner: z.core.$ZodType | undefined = current && unwrap(current);
    if (inner instanceof z.ZodArray) current = inner.element;
    else if (inner instanceof z.ZodObject && Object.hasOwn(inner.shape, segment))
      current = inner.shape[String(segment)];
    else return undefined;
  }
  return current && unwrap(current);
}

/** What could be read of a value: parts that are wrong are `undefined`. */
export type Draft<T> = T extends readonly (infer Item)[]
  ? readonly (Draft<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
    : T;

/** Parses each part of `input` on its own, so that one wrong value does not hide what the others say. */
export function salvage<S extends z.ZodType>(schema: S, input: unknown): Draft<z.output<S>> | undefined {
  return salvageAny(schema, input) as Draft<z.output<S>> | undefined;
}

function salvageAny(schema: z.core.$ZodType, input: unknown): unknown {
  const inner = unwrap(schema);
  if (input !== undefined && inner instanceof z.ZodArray) {
    return Array.isArray(input) ? input.map((item) => salvageAny(inner.element, item)) : undefined;
  }
  if (input !== undefined && inner instanceof z.ZodObject) {
    if (input === null || typeof input !== "object" || Array.isArray(input)) return undefined;
    const values = new Map<string, unknown>(Object.entries(input));
    return Object.fromEntries(
      Object.entries(inner.shape).map(([key, field]) => [key, salvageAny(field, values.get(key))]),
    );
  }
  const parsed = z.safeParse(schema, input);
  return parsed.success ? parsed.data : undefined;
}

/** The value at `path` of plain data; `undefined` where there is none. */
export function valueAt(data: unknown, path: readonly (PropertyKey | PathSegment)[]): unknown {
  let current = data;
  for (const segment of path) {
    if (current === null || typeof current !== "object" || !Object.hasOwn(current, segment)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[segment];
  }
  return current;
}
