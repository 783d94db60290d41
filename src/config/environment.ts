import { formatPath, type PathSegment, type Problem, quote } from "./problem.ts";
import type { Tree } from "./yaml-tree.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PLACEHOLDER = /\$\{([^{}]*)\}/g;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const TEXT_CHARACTERS_MAX = 64 * 1024;

/**
 * Puts environment variables in place of `${NAME}` in every text of the tree (not in keys), once: what a variable holds
 * stays text and is not looked at again. In the user part of a URL it is percent-encoded.
 *
 * A text with a problem stays as it was.
 */
export function substitute(tree: Tree, env: Environment): { tree: Tree; problems: Problem[] } {
  const problems: Problem[] = [];
  const walk = (node: Tree, path: readonly PathSegment[]): Tree => {
    if (typeof node === "string") return substituteText(node, env, formatPath(path), problems);
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (node !== null && typeof node === "object") {
      return Object.fromEntries(
        Object.entries(node).map(([key, value]) => [key, walk(value, [...path, key])]),
      );
    }
    return node;
  };
  return { tree: walk(tree, []), problems };
}

function substituteText(text: string, env: Environment, path: string, problems: Problem[]): string {
  if (!text.includes("${")) return text;
  const user = userPart(text);
  const found: Problem[] = [];
  const result = text.replace(PLACEHOLDER, (placeholder, name: string, offset: number) => {
    const value = VARIABLE.test(name) && Object.hasOwn(env, name) ? env[name] : undefined;
    if (!VARIABLE.test(name)) {
      found.push({ path, message: `expected \${NAME} of letters, digits and _, got ${quote(placeholder)}` });
    } else if (value === undefined) {
      found.push({ path, message: `the environment variable ${quote(name).slice(1, -1)} is not set` });
    }
    if (value === undefined) return placeholder;
    return offset >= user.start && offset < user.end ? encodeURIComponent(value) : value;
  });
  if (/\$\{[^}]*$/.test(text)) found.push({ path, message: "a placeholder is not closed by }" });
  if (result.length > TEXT_CHARACTERS_MAX) found.push({ path, message: "is longer than 64 KiB" });
  problems.push(...found);
  return found.length > 0 ? text : result;
}

/** Where the user part (`user:password`) stands in a text that is a URL with placeholders; an empty range if nowhere. */
function userPart(text: string): { start: number; end: number } {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text);
  if (scheme === null) return { start: 0, end: 0 };
  const start = scheme[0].length;
  const masked = text.replace(PLACEHOLDER, (placeholder) => "x".repeat(placeholder.length));
  const authority = /^[^/?#]*/.exec(masked.slice(start))?.[0] ?? "";
  return { start, end: start + Math.max(0, authority.lastIndexOf("@")) };
}
