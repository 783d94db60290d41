import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from "yaml";
import { ConfigError, type Problem, quote } from "./problem.ts";

/** What a YAML text says: plain data, each part of it a value of its own. */
export type Tree = string | number | boolean | null | readonly Tree[] | { readonly [key: string]: Tree };

/** Whether it maps keys to values. */
export function isMapping(tree: Tree): tree is { readonly [key: string]: Tree } {
  return tree !== null && typeof tree === "object" && !Array.isArray(tree);
}

/** Longest accepted text, in UTF-16 units. The longest real config is a few KiB. */
const CONFIG_CHARACTERS_MAX = 256 * 1024;
const NODES_MAX = 50_000;
const DEPTH_MAX = 32;
const SYNTAX_PROBLEMS_MAX = 10;

const PLAIN_TAGS = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((tag) => `tag:yaml.org,2002:${tag}`),
);

// The parser's own messages may quote the source, and the source may hold a secret.
const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  ALIAS_PROPS: "an alias cannot have an anchor or a tag",
  BAD_ALIAS: "is not a valid anchor or alias",
  BAD_COLLECTION_TYPE: "the tag does not fit the value",
  BAD_DIRECTIVE: "is not a valid YAML directive",
  BAD_DQ_ESCAPE: "is not a valid escape inside \"...\" (in '...' a backslash is just a backslash)",
  BAD_INDENT: "the indentation is wrong, or a bracket is not closed",
  BAD_PROP_ORDER: "anchors and tags must come after the indicator",
  BAD_SCALAR_START: "a value cannot start with this character; put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a mapping cannot start here; put a value with a colon and a space in quotes",
  BLOCK_IN_FLOW: "a block cannot stand inside brackets",
  KEY_OVER_1024_CHARS: "a key has more than 1,024 characters",
  MISSING_CHAR: "a closing quote, a bracket, a comma or a colon is missing",
  MULTILINE_IMPLICIT_KEY: "a key must stand on one line; is a colon missing?",
  MULTIPLE_ANCHORS: "a node has two anchors",
  MULTIPLE_DOCS: "the file must hold a single document",
  MULTIPLE_TAGS: "a node has two tags",
  NON_STRING_KEY: "a key must be text",
  RESOURCE_EXHAUSTION: "is nested too deeply",
  TAB_AS_INDENT: "tabs are not allowed as indentation",
  TAG_RESOLVE_FAILED: "YAML tags are not supported",
};

/**
 * Reads one YAML (or JSON) document of bounded size into plain data; an empty one is an empty mapping.
 *
 * Throws: ConfigError with the line and column of what is wrong. Duplicate keys, tags, anchors that refer to
 * themselves and aliases that multiply past 50,000 values are wrong too.
 */
export function readYaml(text: string, source: string): Tree {
  if (text.length > CONFIG_CHARACTERS_MAX) {
    throw new ConfigError(source, [{ path: "config", message: "is larger than 256 KiB" }]);
  }
  const lineCounter = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    // The parser compares each key with each other, which takes a minute on a hostile file; TreeBuilder has a set.
    uniqueKeys: false,
  });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) throw new ConfigError(source, syntaxProblems(syntax, place));
  const builder = new TreeBuilder(place);
  const tree = document.contents === null ? {} : builder.build(document.contents, 0);
  if (builder.problems.length > 0) throw new ConfigError(source, builder.problems);
  return tree ?? {};
}

function syntaxProblems(errors: readonly YAMLError[], place: (offset: number) => string): Problem[] {
  return errors.slice(0, SYNTAX_PROBLEMS_MAX).map(({ code, pos }) => ({
    path: place(pos[0]),
    message: SYNTAX_MESSAGES[code] ?? "is not valid YAML",
  }));
}

class TreeBuilder {
  readonly problems: Problem[] = [];
  readonly #place: (offset: number) => string;
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;
  #aliasDepth = 0;

  constructor(place: (offset: number) => string) {
    this.#place = place;
  }

  build(node: Node, depth: number): Tree {
    if (++this.#nodes > NODES_MAX) return this.#refuse(node, "the config has too many values");
    if (depth > DEPTH_MAX) return this.#refuse(node, "is nested too deeply");
    if (isAlias(node)) return this.#resolve(node, node.source, depth);
    if (node.tag !== undefined && !PLAIN_TAGS.has(node.tag))
      return this.#refuse(node, "YAML tags are not supported");
    const tree = this.#plain(node, depth);
    // Only now, so that an alias inside of the node itself finds nothing.
    if ("anchor" in node && node.anchor && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
    return tree;
  }

  #plain(node: Node, depth: number): Tree {
    if (isSeq(node)) return node.items.map((item) => this.build(item as Node, depth + 1));
    if (isMap(node)) {
      const entries = new Map<string, Tree>();
      for (const { key, value } of node.items) {
        const name = isScalar(key) && typeof key.value === "string" ? key.value : null;
        if (name === null) this.#refuse((key as Node | null) ?? node, "a key must be text");
        else if (entries.has(name)) this.#refuse(key as Node, `the key ${quote(name)} stands here twice`);
        else entries.set(name, value === null ? null : this.build(value as Node, depth + 1));
      }
      return Object.fromEntries(entries);
    }
    if (!isScalar(node)) return this.#refuse(node, "is not supported");
    const { value } = node;
    if (
      value === null ||
      typeof value === "string" ||
      typeof value === "number" ||
      typeof value === "boolean"
    )
      return value;
    return this.#refuse(node, "YAML tags are not supported");
  }

  #resolve(alias: Node, name: string, depth: number): Tree {
    const target = this.#anchors.get(name);
    if (target === undefined) return this.#refuse(alias, `no anchor ${quote(name)} stands before this alias`);
    this.#aliasDepth++;
    const tree = this.build(target, depth + 1);
    this.#aliasDepth--;
    return tree;
  }

  #refuse(node: Node, message: string): null {
    if (this.problems.length < SYNTAX_PROBLEMS_MAX)
      this.problems.push({ path: this.#place(node.range?.[0] ?? 0), message });
    return null;
  }
}
