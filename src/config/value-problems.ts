import { z } from "zod";
import { nearest } from "./nearest.ts";
import { isPlannedKey } from "./planned-keys.ts";
import { formatPath, type Problem, quote } from "./problem.ts";
import { DURATION_EXPECTED, fieldTypes } from "./scalars.ts";
import { schemaAt, valueAt } from "./schema-walk.ts";
import type { Tree } from "./yaml-tree.ts";

/**
 * What zod found, in our words: each with its path and, where it is not secret, the value that stands there.
 *
 * `written` is the tree before environment variables were put in: what they hold is never shown.
 */
export function valueProblems(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  written: Tree,
): Problem[] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? unknownKeys(issue, schema)
      : [{ path: formatPath(segments(issue.path)), message: sentence(issue, schema, written) }],
  );
}

function segments(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((segment) => (typeof segment === "number" ? segment : String(segment)));
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, schema: z.ZodType): Problem[] {
  const section = schemaAt(schema, issue.path);
  const known = section instanceof z.ZodObject ? Object.keys(section.shape) : [];
  return issue.keys.map((key) => {
    const path = formatPath([...segments(issue.path), key]);
    if (isPlannedKey(path)) return { path, message: "is not supported by this version of Keyheat yet" };
    const meant = nearest(key, known);
    if (meant !== undefined) return { path, message: `unknown key, did you mean ${quote(meant)}?` };
    return {
      path,
      message:
        known.length === 0
          ? "unknown key, none is known here"
          : `unknown key, known here: ${known.join(", ")}`,
    };
  });
}

function sentence(issue: z.core.$ZodIssue, schema: z.ZodType, written: Tree): string {
  const value = valueAt(written, issue.path);
  if (value === undefined) return `is missing: ${issue.message}`;
  // The length of a list, or of a text, is what is wrong: to repeat it would not help.
  if (issue.code === "too_small" && (issue.origin === "array" || issue.origin === "string"))
    return issue.message;
  if (issue.code === "too_big" && (issue.origin === "array" || issue.origin === "string"))
    return issue.message;
  const field = schemaAt(schema, issue.path);
  const isSecret = field !== undefined && fieldTypes.get(field)?.secret === true;
  if (isSecret && typeof value === "string") return issue.message;
  const hint = issue.message === DURATION_EXPECTED ? " (such as 10s)" : "";
  return `${issue.message}, got ${shown(value, isSecret || !isScalar(field))}${hint}`;
}

function isScalar(field: z.core.$ZodType | undefined): boolean {
  return field !== undefined && !(field instanceof z.ZodObject) && !(field instanceof z.ZodArray);
}

function shown(value: unknown, typeOnly: boolean): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  // A URL in a place where none belongs may still hold a password.
  if (typeof value === "string") return typeOnly || value.includes("://") ? "text" : quote(value);
  return typeOnly ? `a ${typeof value === "number" ? "number" : "true or false"}` : String(value);
}
