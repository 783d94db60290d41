import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "./child.mjs";
import { nodeModules, root } from "./paths.mjs";
import { progress, SetupError } from "./setup-error.mjs";

const lockfile = join(root, "package-lock.json");
const stamp = join(nodeModules, ".keyheat-lockfile");
const installed = join(nodeModules, ".package-lock.json");

/** Brings node_modules to what package-lock.json says. `holdLock` gets the number of npm's process. */
export async function installDependencies(holdLock) {
  const text = readFileSync(lockfile, "utf8");
  const wanted = createHash("sha256").update(text).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  if (!isInstalled(JSON.parse(text))) await install(holdLock);
  writeFileSync(stamp, wanted);
}

/** Whether somebody has installed just that already: npm leaves its own record. */
function isInstalled({ packages }) {
  if (!existsSync(installed)) return false;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages ?? {};
  const isSame = ([path, entry]) =>
    path === "" ||
    (present[path] === undefined ? entry.optional === true : present[path].integrity === entry.integrity);
  return Object.entries(packages).every(isSame) && Object.keys(present).every((path) => path in packages);
}

async function install(onStart) {
  progress("installing dependencies (npm ci)");
  const npm = process.env.npm_execpath;
  // Standard output belongs to the command that follows.
  const options = {
    cwd: root,
    onStart,
    stdio: ["ignore", 2, "inherit"],
    env: { ...process.env, npm_config_loglevel: "error" },
  };
  const args = ["ci", "--no-audit", "--no-fund"];
  const code =
    npm?.endsWith("npm-cli.js") === true
      ? await runChild(process.execPath, [npm, ...args], options)
      : await runChild("npm", args, options);
  if (code !== 0) throw new SetupError(`npm ci failed with exit code ${code}: see above`, code);
}
