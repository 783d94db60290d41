import { hash } from "node:crypto";
import { compileGlobs } from "../../model/glob.ts";
import { keep } from "../../model/key.ts";
import { patternOf } from "../../model/pattern.ts";

/** The pattern that a key counts for; `null`: none of those that were asked for. */
export type PatternFinder = (key: Uint8Array) => string | null;

/** By the first of `globs` that matches; without globs by what its name has in common with others. */
export function patternFinder(globs: readonly string[]): PatternFinder {
  if (globs.length === 0) return (key) => patternOf(keep(key));
  const tests = globs.map((glob) => ({ glob, matches: compileGlobs([glob]) }));
  return (key) => tests.find(({ matches }) => matches(key))?.glob ?? null;
}

/** L with probability 2^-(L+1), 0 to 32: the same of a key whenever and wherever it is seen. */
export function levelOf(key: Uint8Array): number {
  return Math.clz32(hash("sha1", key, "buffer").readUInt32BE(0));
}
