import { dirname } from "node:path";
import type { Environment } from "./environment.ts";
import { configOf, readText } from "./load.ts";
import { type Config, fileSchema } from "./schema.ts";
import { isMapping, readYaml, type Tree } from "./yaml-tree.ts";

/** What decides who would have been told of what. */
const JUDGING = ["windows", "grace", "panes", "rules", "routes", "receivers"];

export interface RulesFileOptions {
  /** Whether its `kafka` counts too, with `brokers`. */
  readonly withKafka: boolean;
}

/**
 * Reads of a config file what decides who would have been told of what; all else is as if it were left out, so that its
 * secrets need not be there. Of receivers only the names count: none is ever told anything.
 *
 * Throws: ConfigError with every problem of what counts, and with unknown keys.
 */
export function loadRulesFile(file: string, env: Environment, { withKafka }: RulesFileOptions): Config {
  const used = new Set(withKafka ? [...JUDGING, "kafka"] : JUDGING);
  const known = Object.keys(fileSchema.shape);
  const tree = readYaml(readText(file), file);
  const kept = withoutKeys(
    tree,
    known.filter((key) => !used.has(key)),
  );
  const role = withKafka ? "aggregator" : "standalone";
  return configOf(withNamesOnly(kept), { env, source: file, folder: dirname(file), role });
}

function withoutKeys(tree: Tree, keys: readonly string[]): Tree {
  if (!isMapping(tree)) return tree;
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)));
}

/** Receivers as ones that need nothing but a name; what is no receiver stays, to be found wrong. */
function withNamesOnly(tree: Tree): Tree {
  if (!isMapping(tree) || !Array.isArray(tree.receivers)) return tree;
  const receivers = tree.receivers.map((receiver: Tree): Tree => {
    return isMapping(receiver) && receiver.name !== undefined ? { name: receiver.name, log: {} } : receiver;
  });
  return { ...tree, receivers };
}
