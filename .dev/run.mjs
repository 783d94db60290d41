#!/usr/bin/env node
/**
 * Sets up what a command needs, then runs it: `node .dev/run.mjs COMMAND [ARGUMENT...]`.
 *
 * Plain JavaScript without dependencies, for the Node that happens to be there (20 or newer); what it starts runs with the
 * Node of node_modules. Progress goes to standard error; nothing is said where nothing is to be done.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./setup/build.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { withLock } from "./setup/lock.mjs";
import { findNode } from "./setup/node.mjs";
import { root } from "./setup/paths.mjs";
import { SetupError } from "./setup/setup-error.mjs";

const TEST_TIMEOUT_MS = 900_000;

const commands = {
  demo: async (args) => {
    const node = await setUp({ withBuild: true });
    return await node.run([join(root, "dist/cli/main.js"), "demo", ...args]);
  },
  build: async () => {
    await setUp({ withBuild: true });
    return 0;
  },
  lint: async () => lint(await setUp()),
  types: async () => types(await setUp()),
  test: async (args) => test(await setUp(), ["test/unit", "test/integration"], args),
  check: async (args) => {
    const node = await setUp();
    // All of them, whatever the first ones say: one run shows everything.
    const codes = [await lint(node), await types(node), await test(node, ["test/unit"], args)];
    return codes.find((code) => code !== 0) ?? 0;
  },
  bench: async (args) => bench(await setUp(), args),
  fuzz: async (args) => {
    const node = await setUp();
    return await node.run([...node.typeScriptFlags, join(root, ".dev/fuzz-samples.ts"), ...args]);
  },
};

/** Dependencies and, where wanted, the build. One process at a time does this; others wait. */
async function setUp({ withBuild = false } = {}) {
  return await withLock(async (holdLock) => {
    await installDependencies(holdLock);
    const node = await findNode();
    if (withBuild) await build(node);
    return node;
  });
}

const lint = (node) => node.run([join(root, "node_modules/@biomejs/biome/bin/biome"), "check"]);

/** Two runs: what browsers run knows the DOM, and the rest does not. */
async function types(node) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const codes = [
    await node.run([tsc, "-p", "tsconfig.json"]),
    await node.run([tsc, "-p", ".tsconfig.console.json"]),
  ];
  return codes.find((code) => code !== 0) ?? 0;
}

/** Arguments that name files or folders narrow the run; others go to Node: `npm test -- test/unit --test-only`. */
async function test(node, folders, args) {
  const named = args.filter((arg) => existsSync(join(root, arg)));
  const files = (named.length > 0 ? named : folders).flatMap((path) => filesUnder(path, ".test.ts"));
  const flags = args.filter((arg) => !named.includes(arg));
  const reporter = pathToFileURL(join(root, ".dev/test-reporter.mjs")).href;
  return await node.run([
    ...node.typeScriptFlags,
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    `--test-reporter=${reporter}`,
    "--test-reporter-destination=stdout",
    ...flags,
    ...files,
  ]);
}

/** `npm run bench` runs every file of bench/, `npm run bench -- NAME` those with a NAME in theirs. */
async function bench(node, args) {
  const at = args.findIndex((arg) => arg.startsWith("-"));
  const names = at === -1 ? args : args.slice(0, at);
  const options = at === -1 ? [] : args.slice(at);
  const isNamed = (file) => names.length === 0 || names.some((name) => file.includes(name));
  const files = filesUnder("bench", ".bench.ts").filter(isNamed);
  if (files.length === 0) throw new SetupError(`no bench/*.bench.ts has ${names.join(" or ")} in its name`);
  for (const file of files) {
    const code = await node.run([...node.typeScriptFlags, "--expose-gc", file, ...options]);
    if (code !== 0) return code;
  }
  return 0;
}

function filesUnder(path, ending) {
  if (path.endsWith(ending)) return [path];
  const folder = join(root, path);
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(ending));
  return found.map((name) => relative(root, join(folder, name))).sort();
}

async function main([name, ...args]) {
  const command = Object.hasOwn(commands, name ?? "") ? commands[name] : null;
  if (command === null) {
    console.error(`usage: node .dev/run.mjs ${Object.keys(commands).join("|")} [ARGUMENT...]`);
    return 2;
  }
  process.chdir(root);
  try {
    return await command(args);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`keyheat: ${error.message}`);
    return error.exitCode;
  }
}

process.exitCode = await main(process.argv.slice(2));
