import { dirname } from "node:path";
import { crossCheck, roleProblems } from "./cross-checks.ts";
import { type Environment, substitute } from "./environment.ts";
import { readBounded, readNamedFiles, reasonOf } from "./named-files.ts";
import { ConfigError, type Problem, quote } from "./problem.ts";
import { type ProcessRole, resolveConfig } from "./resolve.ts";
import { type Config, fileSchema } from "./schema.ts";
import { salvage, valueAt } from "./schema-walk.ts";
import { valueProblems } from "./value-problems.ts";
import { isMapping, readYaml, type Tree } from "./yaml-tree.ts";

export { ConfigError, type Problem, problemLines } from "./problem.ts";
export type { ProcessRole } from "./resolve.ts";

/** Options of the command line that stand above the file. */
export interface Overrides {
  /** URLs of `--redis`: they replace `targets`. */
  readonly redisUrls?: readonly string[];
  /** What the config is for. Default: a standalone. */
  readonly role?: ProcessRole;
}

export interface ParseOptions extends Overrides {
  readonly env: Environment;
  /** Where the text comes from, for messages. */
  readonly source: string;
  /** Where relative paths of files start; the working directory if left out. */
  readonly folder?: string;
}

/**
 * Reads a config file and the files that it names.
 *
 * Throws: ConfigError with every problem at once; none of its messages shows a secret.
 */
export function loadConfig(file: string, env: Environment, overrides: Overrides = {}): Config {
  return parseConfig(readText(file), { env, source: file, folder: dirname(file), ...overrides });
}

/** The text of a config file. Throws: ConfigError. */
export function readText(file: string): string {
  try {
    return readBounded(file);
  } catch (cause) {
    throw new ConfigError(
      file,
      [{ path: "config", message: `the file ${quote(file)} cannot be read: ${reasonOf(cause)}` }],
      { cause },
    );
  }
}

/** Parses the text of a config. Throws: ConfigError with every problem at once. */
export function parseConfig(text: string, options: ParseOptions): Config {
  return configOf(readYaml(text, options.source), options);
}

/**
 * The config of no file: every default, with what is given in the form of a file (`{ http: { listen: "127.0.0.1:0" } }`).
 *
 * Throws: ConfigError, for a bad URL.
 */
export function defaultConfig({
  redisUrls,
  role,
  ...file
}: Overrides & { readonly [key: string]: unknown } = {}): Config {
  const source = "options";
  return configOf(readYaml(JSON.stringify(file), source), {
    env: {},
    source,
    ...(redisUrls && { redisUrls }),
    ...(role && { role }),
  });
}

/** The config that a tree amounts to. Throws: ConfigError with every problem at once. */
export function configOf(tree: Tree, options: ParseOptions): Config {
  const { env, source, folder = ".", redisUrls = [], role } = options;
  const substituted = substitute(tree, env);
  const input = withTargets(substituted.tree, redisUrls);
  const parsed = fileSchema.safeParse(input);
  const draft = parsed.success ? parsed.data : (salvage(fileSchema, input) ?? {});
  const files = readNamedFiles(draft, folder);
  const written = withTargets(tree, redisUrls);
  const values = parsed.success ? [] : valueProblems(parsed.error.issues, fileSchema, written);
  const problems = withoutEchoes(substituted.problems, [
    ...values,
    ...crossCheck(draft, input),
    ...roleProblems(input, role),
    ...files.problems,
  ]);
  if (!parsed.success || problems.length > 0) throw new ConfigError(source, problems);
  return resolveConfig(parsed.data, files.contents, role);
}

/** Who names URLs wants them in place of those in the file; who names pods wants no other server by default. */
function withTargets(tree: Tree, redisUrls: readonly string[]): Tree {
  if (!isMapping(tree)) return tree;
  if (redisUrls.length > 0) return { ...withoutPods(tree), targets: redisUrls.map((url) => ({ url })) };
  const hasPods = valueAt(tree, ["discovery", "kubernetes"]) !== undefined;
  return hasPods && tree.targets === undefined ? { ...tree, targets: [] } : tree;
}

function withoutPods<Root extends { readonly [key: string]: Tree }>(tree: Root): Root {
  const { discovery = null } = tree;
  if (!isMapping(discovery)) return tree;
  const { kubernetes, ...others } = discovery;
  return { ...tree, discovery: others };
}

/** A value whose variable is not set is wrong for that reason; what else is wrong with it is only an echo. */
function withoutEchoes(first: readonly Problem[], others: readonly Problem[]): Problem[] {
  const known = new Set(first.map(({ path }) => path));
  return [...first, ...others.filter(({ path }) => !known.has(path))];
}
