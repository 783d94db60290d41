import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Instruction, parseDockerfile, type Stage } from "./dockerfile.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const DOCKERFILE = join(ROOT, "deploy/image/Dockerfile");
const IGNORE = join(ROOT, ".dockerignore");

/** What only describes the image; whoever runs it looks at it, nothing is built of it. */
const DESCRIBES = ["ARG", "LABEL", "ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"];

/** An image, built by the lines of the Dockerfile without a container engine. */
export interface BuiltImage {
  /** What the last stage adds to its base image, as the folder `/`. */
  readonly root: string;
  readonly stage: Stage;
}

/** The files of the checkout that a builder gets: those in git, without what `.dockerignore` leaves out. */
export function contextFiles(): readonly string[] {
  const kept = keptPaths(readFileSync(IGNORE, "utf8"));
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).split("\0");
  return files.filter((file) => kept.some((path) => file === path || file.startsWith(`${path}/`)));
}

/** What comes after `*` as `!path`. Throws: Error for any other pattern, which this does not understand. */
export function keptPaths(ignore: string): readonly string[] {
  const [first, ...others] = ignore.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  if (first !== "*") throw new Error("the first pattern must leave out everything: *");
  const odd = others.find((line) => !/^![\w./-]+$/.test(line));
  if (odd !== undefined) throw new Error(`${odd} is more than a path to keep`);
  return others.map((line) => line.slice(1));
}

/**
 * Runs every stage in folders below `work`: `RUN` in a shell with this Node and the machine's npm, `COPY` from the files
 * of the build context. Takes a minute.
 *
 * Throws: Error with the output of a line that fails.
 */
export function buildImage(work: string): BuiltImage {
  const context = join(work, "context");
  for (const file of contextFiles()) cpSync(join(ROOT, file), join(context, file));
  const stages = parseDockerfile(readFileSync(DOCKERFILE, "utf8"));
  const last = stages.at(-1);
  if (last === undefined) throw new Error("the Dockerfile has no stage");
  const folders = new Map<string, string>();
  for (const stage of stages) new StageBuild(work, context, folders).run(stage);
  return { root: join(work, "stages", last.name), stage: last };
}

class StageBuild {
  readonly #stages: string;
  readonly #context: string;
  /** The WORKDIR in which each stage ended. */
  readonly #folders: Map<string, string>;
  #root = "";
  #folder = "/";

  constructor(work: string, context: string, folders: Map<string, string>) {
    this.#stages = join(work, "stages");
    this.#context = context;
    this.#folders = folders;
  }

  run({ name, base, instructions }: Stage): void {
    this.#root = join(this.#stages, name);
    mkdirSync(this.#root, { recursive: true });
    const begun = this.#folders.get(base);
    if (begun !== undefined) this.#continueFrom(base, begun);
    for (const instruction of instructions) this.#apply(instruction);
    this.#folders.set(name, this.#folder);
  }

  #continueFrom(base: string, folder: string): void {
    cpSync(join(this.#stages, base), this.#root, { recursive: true, verbatimSymlinks: true });
    this.#folder = folder;
  }

  #apply(instruction: Instruction): void {
    const { name, text } = instruction;
    if (name === "WORKDIR") this.#enter(text);
    else if (name === "RUN") this.#shell(text);
    else if (name === "COPY") this.#copy(instruction);
    else if (!DESCRIBES.includes(name)) throw new Error(`the build knows no ${name}`);
  }

  #enter(folder: string): void {
    this.#folder = folder;
    mkdirSync(join(this.#root, folder), { recursive: true });
  }

  #shell(command: string): void {
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
      cwd: join(this.#root, this.#folder),
      env: { ...process.env, PATH, NODE_ENV: "" },
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`RUN ${command} ended with ${status}:\n${stdout}${stderr}`);
  }

  #copy({ flags, text }: Instruction): void {
    const words = text.split(/\s+/);
    const sources = words.slice(0, -1);
    const target = join(this.#root, words.at(-1)?.startsWith("/") ? "" : this.#folder, words.at(-1) ?? "");
    const from = flags.from === undefined ? this.#context : join(this.#stages, flags.from);
    for (const source of sources) {
      const path = join(from, source);
      const isInto = target.endsWith("/") && statSync(path).isFile();
      const copy = isInto ? join(target, basename(source)) : target;
      cpSync(path, copy, { recursive: true, verbatimSymlinks: true });
      if (flags.chmod !== undefined) chmodSync(copy, Number.parseInt(flags.chmod, 8));
      if (flags.chown !== undefined) giveTo(copy, flags.chown);
    }
  }
}

/** Only root may give files away; for everybody else they stay the own ones, whoever runs the image later. */
function giveTo(path: string, owner: string): void {
  const [uid = 0, gid = 0] = owner.split(":").map(Number);
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
}
