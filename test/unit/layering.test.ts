import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path/posix";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../src", import.meta.url));

/** Files directly in src: they join the stages. */
const ROOTS = "(roots)";

/** From the top down. A folder may import those on floors below its own. */
const FLOORS: readonly (readonly string[])[] = [
  ["cli"],
  [ROOTS],
  ["http", "client", "scans", "doctor"],
  ["sources", "transport", "recording", "windows", "rules", "incidents", "notify", "metrics", "ownership"],
  ["redis", "panes"],
  ["wire"],
  ["config", "runtime"],
  ["model"],
];

/** What each file imports: paths below src, and texts that no path can be told from. */
type Graph = ReadonlyMap<string, readonly string[]>;

const UNTELLABLE = "(computed)";

// Statements start a line: the formatter sees to it, and what stands in comments and texts does not.
const STATIC_IMPORT = /^(?:import|export)\s(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*(?:"([^"]+)"\s*\)|[^)"]*)/g;
const COMMENT_LINE = /^\s*(?:\/\/|\/?\*).*$/gm;

/** Specifiers of what the text of a file imports; `UNTELLABLE` for an import of an expression. */
function importsOf(text: string): string[] {
  const fixed = Array.from(text.matchAll(STATIC_IMPORT), ([, specifier = ""]) => specifier);
  const code = text.replaceAll(COMMENT_LINE, "");
  const dynamic = Array.from(code.matchAll(DYNAMIC_IMPORT), ([, specifier]) => specifier ?? UNTELLABLE);
  return [...fixed, ...dynamic];
}

function readGraph(): Graph {
  const names = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
  const files = names.map((name) => name.replaceAll("\\", "/")).filter((name) => name.endsWith(".ts"));
  return new Map(
    files.map((file) => {
      const specifiers = importsOf(readFileSync(join(SOURCES, file), "utf8"));
      const own = specifiers.filter((specifier) => specifier.startsWith(".") || specifier === UNTELLABLE);
      return [
        file,
        own.map((specifier) => (specifier === UNTELLABLE ? specifier : join(dirname(file), specifier))),
      ];
    }),
  );
}

function folderOf(file: string): string {
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : ROOTS;
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder));
}

/** Every import that goes up or sideways, leaves src, or cannot be judged. */
function misplacedImports(graph: Graph): string[] {
  const problems: string[] = [];
  for (const [file, imports] of graph) {
    const from = folderOf(file);
    if (floorOf(from) === -1) problems.push(`${file} is in a folder without a floor`);
    for (const target of imports) {
      const to = folderOf(target);
      if (target === UNTELLABLE) problems.push(`${file} imports what is computed`);
      else if (!graph.has(target)) problems.push(`${file} imports ${target}, which is not in src`);
      else if (to !== from && floorOf(to) < floorOf(from)) problems.push(`${file} imports upward ${target}`);
      else if (to !== from && floorOf(to) === floorOf(from))
        problems.push(`${file} imports sideways ${target}`);
    }
  }
  return problems;
}

/** Circles of imports, each by the files on it, from the one where it was found. */
function circles(graph: Graph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const start = path.indexOf(file);
    if (start !== -1) found.push([...path.slice(start), file].join(" -> "));
    if (start !== -1 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

test("no folder of src imports one beside or above it", () => {
  const graph = readGraph();
  assert.ok(graph.size > 50, `only ${graph.size} files were found under ${relative(process.cwd(), SOURCES)}`);
  assert.ok([...graph.values()].flat().length > graph.size, "hardly any import was found");
  assert.deepEqual(misplacedImports(graph), []);
});

test("no file of src imports itself by way of others", () => {
  assert.deepEqual(circles(readGraph()), []);
});

test("imports upward, sideways, from nowhere and from outside are found", () => {
  const graph: Graph = new Map([
    ["standalone.ts", ["agent.ts", "http/server.ts"]],
    ["agent.ts", ["sources/source.ts"]],
    ["cli/main.ts", ["standalone.ts"]],
    ["http/server.ts", ["model/key.ts", "standalone.ts"]],
    ["rules/rate.ts", ["windows/window.ts", "rules/judge.ts"]],
    ["rules/judge.ts", [UNTELLABLE]],
    ["windows/window.ts", ["../test/support/redis.ts"]],
    ["sources/source.ts", ["model/key.ts"]],
    ["model/key.ts", ["runtime/clock.ts"]],
    ["runtime/clock.ts", []],
    ["utils/all.ts", []],
  ]);
  assert.deepEqual(misplacedImports(graph), [
    "http/server.ts imports upward standalone.ts",
    "rules/rate.ts imports sideways windows/window.ts",
    "rules/judge.ts imports what is computed",
    "windows/window.ts imports ../test/support/redis.ts, which is not in src",
    "model/key.ts imports upward runtime/clock.ts",
    "utils/all.ts is in a folder without a floor",
  ]);
});

test("circles are found, also a file that imports itself, and a diamond is none", () => {
  const graph: Graph = new Map([
    ["a.ts", ["b.ts", "c.ts"]],
    ["b.ts", ["d.ts"]],
    ["c.ts", ["d.ts"]],
    ["d.ts", ["e.ts"]],
    ["e.ts", ["d.ts"]],
    ["f.ts", ["f.ts"]],
  ]);
  assert.deepEqual(circles(graph), ["d.ts -> e.ts -> d.ts", "f.ts -> f.ts"]);
});

test("imports are read in all their forms, and not from comments", () => {
  const text = `#!/usr/bin/env node
import "./effect.ts";
import fs, { readFileSync } from "node:fs";
import type { A } from "./type.ts";
import {
  type B,
  c,
} from "../several/lines.ts";
export { d } from "./again.ts";
export * from "./all.ts";
export const e = "from \\"nowhere\\"";
/** import { x } from "./comment.ts" and import("./comment.ts") */
// import("./comment.ts")
const lazy = await import("./lazy.ts");
const other = await import(
  "./other.ts"
);
const computed = await import(path);
`;
  assert.deepEqual(importsOf(text), [
    "./effect.ts",
    "node:fs",
    "./type.ts",
    "../several/lines.ts",
    "./again.ts",
    "./all.ts",
    "./lazy.ts",
    "./other.ts",
    UNTELLABLE,
  ]);
});
