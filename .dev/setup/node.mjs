import { execFileSync } from "node:child_process";
import { existsSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runChild } from "./child.mjs";
import { nodeModules, root } from "./paths.mjs";
import { progress, SetupError } from "./setup-error.mjs";

const NODE_MIN = [22, 15];
/** From here on Node runs TypeScript without a flag. */
const NODE_TYPESCRIPT_MIN = [22, 18];
const binary = join(nodeModules, ".bin/node");
const packageFolder = join(nodeModules, "node");

/**
 * The Node to run everything with: of the package `node`, whose install script fetches the binary; where scripts were not
 * allowed, that script is run here; else the Node that runs this, if it is new enough.
 */
export async function findNode() {
  const versionHere = versionOf(binary) ?? (await fetchBinary());
  if (versionHere !== null) return runner(binary, versionHere);
  const own = parseVersion(process.version);
  if (isAtLeast(own, NODE_MIN)) return runner(process.execPath, own);
  throw new SetupError(
    `node_modules has no Node and this one is ${process.version}: run "npm rebuild node", or install Node ${NODE_MIN.join(".")} or newer`,
  );
}

function runner(path, version) {
  // Programs that start "node" by name (tsc, biome, tests) get the same one.
  const env = { ...process.env, PATH: [join(nodeModules, ".bin"), process.env.PATH].join(delimiter) };
  return {
    path,
    typeScriptFlags: isAtLeast(version, NODE_TYPESCRIPT_MIN) ? [] : ["--experimental-strip-types"],
    /** Runs Node with these arguments; returns the exit code. */
    run: (args, options = {}) => runChild(path, args, { cwd: root, env, ...options }),
  };
}

async function fetchBinary() {
  const script = join(packageFolder, "installArchSpecificPackage.js");
  if (!existsSync(script)) return null;
  progress("fetching Node for this checkout");
  await runChild(process.execPath, [script], { cwd: packageFolder, stdio: ["ignore", 2, "inherit"] });
  // npm links programs before install scripts may run, and so has not seen this one.
  if (existsSync(join(packageFolder, "bin/node")) && !existsSync(binary)) {
    rmSync(binary, { force: true });
    symlinkSync("../node/bin/node", binary);
  }
  return versionOf(binary);
}

function versionOf(path) {
  if (!existsSync(path)) return null;
  try {
    return parseVersion(execFileSync(path, ["--version"], { encoding: "utf8" }));
  } catch {
    return null;
  }
}

function parseVersion(text) {
  return text.trim().replace(/^v/, "").split(".").map(Number);
}

function isAtLeast([major, minor], [wantedMajor, wantedMinor]) {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
