import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./paths.mjs";
import { progress, SetupError } from "./setup-error.mjs";

const dist = join(root, "dist");
const stamp = join(dist, ".built-from");
const SETTINGS = ["tsconfig.json", ".tsconfig.build.json", "package-lock.json"];
const BIN = "cli/main.js";
/** Files for browsers, which go along as they are. */
const CONSOLE = "http/console";

/**
 * Compiles src into dist where it has changed since the last build. The new files come into a folder of their own, which
 * takes dist's place when it is whole: nobody ever runs half a build.
 */
export async function build(node) {
  const wanted = sourceHash();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  progress("building");
  removeLeftovers();
  // Beside dist, so that it can be renamed to it.
  const fresh = join(root, `dist.new-${process.pid}`);
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const code = await node.run([tsc, "-p", ".tsconfig.build.json", "--outDir", fresh], {
      stdio: ["ignore", 2, "inherit"],
    });
    if (code !== 0) throw new SetupError("the build failed: see above");
    cpSync(join(root, "src", CONSOLE), join(fresh, CONSOLE), {
      recursive: true,
      filter: (path) => !path.endsWith(".d.ts"),
    });
    if (existsSync(join(fresh, BIN))) chmodSync(join(fresh, BIN), 0o755);
    writeFileSync(join(fresh, ".built-from"), wanted);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Folders of builds that were killed; the lock says that no other build is under way. */
function removeLeftovers() {
  for (const name of readdirSync(root)) {
    if (name.startsWith("dist.new-")) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function sourceHash() {
  const isSource = (name) => name.endsWith(".ts") || dirname(name) === CONSOLE;
  const sources = readdirSync(join(root, "src"), { recursive: true }).filter(isSource);
  const hash = createHash("sha256");
  for (const path of [...SETTINGS, ...sources.sort().map((name) => join("src", name))]) {
    const text = readFileSync(join(root, path));
    hash.update(`${path}\0${text.length}\0`).update(text);
  }
  return hash.digest("hex");
}
