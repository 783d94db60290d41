import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Program } from "./command-line.ts";
import { buildPackage } from "./example-app.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** The package as a user has it: packed, and installed into a folder where nothing else is. */
export class InstalledPackage {
  /** The folder of an application. */
  readonly folder: string;
  /** Paths of what was packed: `dist/cli/main.js`. */
  readonly files: readonly string[];
  readonly #work = mkdtempSync(join(tmpdir(), "keyheat-npm-"));

  /** Builds, packs and installs. Throws: Error with what npm says. */
  constructor() {
    buildPackage();
    const packed = npm(["pack", "--json", "--pack-destination", this.#work], ROOT);
    const { filename, files } = packedOf(packed);
    this.files = files.map(({ path }) => path);
    this.folder = join(this.#work, "app");
    this.#install(this.folder, join(this.#work, filename));
  }

  /** The command of the installed package, run by this Node or another one. */
  program(node = process.execPath): Program {
    return [node, join(this.folder, "node_modules/.bin/keyheat")];
  }

  /** Path of a Node of exactly that version, installed into a folder of its own. */
  addNode(version: string): string {
    const folder = join(this.#work, `node-${version}`);
    this.#install(folder, `node@${version}`);
    return join(folder, "node_modules/node/bin/node");
  }

  /** Runs a command of npm in the application's folder. Returns what it prints. */
  npm(args: readonly string[]): string {
    return npm(args, this.folder);
  }

  remove(): void {
    rmSync(this.#work, { recursive: true, force: true });
  }

  #install(folder: string, what: string): void {
    mkdirSync(folder);
    const manifest = { name: "app", private: true, type: "module", allowScripts: { node: true } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    npm(["install", "--save-exact", "--no-audit", "--no-fund", "--loglevel", "error", what], folder);
  }
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** npm told an array of packages before version 12, and an object by name since. */
function packedOf(json: string): Packed {
  const told: Readonly<Record<string, Packed>> = JSON.parse(json);
  const [packed] = Object.values(told);
  if (packed === undefined) throw new Error(`npm pack told of no package: ${json}`);
  return packed;
}

function npm(args: readonly string[], cwd: string): string {
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH };
  return execFileSync("npm", args, { cwd, env, encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX });
}

/** What the files below a folder take on the disk, in bytes, as `du` counts it. */
export function bytesOnDisk(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const sizes = entries.map((entry) => lstatSync(join(entry.parentPath, entry.name)).blocks * 512);
  return sizes.reduce((sum, size) => sum + size, 0);
}
