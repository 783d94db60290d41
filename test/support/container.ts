import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { waitFor } from "./wait.ts";

const isRoot = process.getuid?.() === 0;
/** Where root's own namespaces are not to be had, a user of its own makes them; it stays the one who it was then. */
const NAMESPACES = ["--mount", "--pid", "--fork", ...(isRoot ? [] : ["--map-root-user"])];
/** What the base image gives, and Docker mounts. */
const MOUNTED = ["proc", "dev", "etc/keyheat", "var/lib/keyheat"];
const DEAF_MS = 30_000;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Binds what is written to over a root that nothing can be written to, and starts the command in it as process 1. */
const START = `set -e
root=$1; config=$2; data=$3; folder=$4; user=$5; group=$6; shift 6
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$config" "$root/etc/keyheat"
mount --bind "$data" "$root/var/lib/keyheat"
mount -o remount,bind,ro "$root"
drop=""
[ "$user" = "" ] || drop="--setgid $group --setuid $user"
exec setpriv --no-new-privs unshare --root="$root" --wd="$folder" $drop "$@"`;

/** Why no process can be put in namespaces of its own here; `null`: it can. */
export function whyNoContainer(): string | null {
  if (process.platform !== "linux") return `needs Linux, this is ${process.platform}`;
  const { error, status, stderr } = spawnSync("unshare", [...NAMESPACES, "true"], { encoding: "utf8" });
  if (error) return `needs util-linux: ${error.message}`;
  return status === 0 ? null : `unshare is not allowed here: ${stderr.trim()}`;
}

/** Puts into `root` what the base image has and Keyheat needs: Node at `/nodejs/bin/node`, with the libraries it loads. */
export function addBase(root: string): void {
  const listed = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  const libraries = [...listed.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path = ""]) => path);
  for (const path of libraries) addFile(root, path, path);
  addFile(root, process.execPath, "/nodejs/bin/node");
  for (const folder of MOUNTED) mkdirSync(join(root, folder), { recursive: true });
}

function addFile(root: string, source: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(source, join(root, path));
}

export interface ContainerOptions {
  readonly root: string;
  /** Command and arguments, as they are in the image. */
  readonly command: readonly string[];
  /** `65532:65532`, as USER has it. */
  readonly user: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folder that is found at `/etc/keyheat`. */
  readonly config: string;
  /** Folder that is found at `/var/lib/keyheat`, the only one that can be written to. */
  readonly data: string;
}

/**
 * A process as a container engine starts it: process 1 of its own namespace, in a root that is read-only, unprivileged.
 * It shares the network of the test.
 */
export class Container {
  readonly #outer: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #options: ContainerOptions;
  output = "";

  constructor(t: TestContext, options: ContainerOptions) {
    const { root, command, user, folder, env, config, data } = options;
    const [uid = "", gid = ""] = isRoot ? user.split(":") : [];
    const script = ["sh", "-c", START, "sh", root, config, data, folder, uid, gid, ...command];
    this.#options = options;
    this.#outer = spawn("unshare", [...NAMESPACES, ...script], {
      env: { PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => this.#kill());
    for (const stream of [this.#outer.stdout, this.#outer.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.output += piece.toString("utf8");
      });
    }
    this.#ended = once(this.#outer, "close").then(([code]) => code);
  }

  /** The folder that it may write to, as it is outside. */
  get data(): string {
    return this.#options.data;
  }

  /** The exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Its number outside, once its command has taken the place of what started it. */
  pid(): Promise<number> {
    return waitFor("the command to be started", () => {
      const pid = this.#inner();
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("/nodejs/bin/node\0") && pid;
    });
  }

  /** Number of the one process that `unshare` has started; 0: of none. */
  #inner(): number {
    return Number(readFileSync(`/proc/${this.#outer.pid}/task/${this.#outer.pid}/children`, "utf8"));
  }

  /** With its process 1 all of a namespace ends, which the end of `unshare` alone would leave. */
  #kill(): void {
    if (this.#outer.exitCode !== null) return;
    const pid = this.#inner();
    if (pid > 0) process.kill(pid, "SIGKILL");
    this.#outer.kill("SIGKILL");
  }

  /** Runs a further command in it. Returns exit code and output. */
  async run(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [uid = "0", gid = "0"] = isRoot ? this.#options.user.split(":") : [];
    const into = ["--target", String(await this.pid()), "--mount", "--pid", "--root", "--wd"];
    const who = isRoot ? ["--setuid", uid, "--setgid", gid] : ["--user", "--preserve-credentials"];
    return new Promise<{ code: number; output: string }>((resolve) => {
      const options = { env: { PATH, ...this.#options.env, ...env }, encoding: "utf8" } as const;
      execFile("nsenter", [...into, ...who, ...command], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  /** Sends a signal to process 1, as an engine does, which also kills what does not hear it. Returns the exit code and how long the end took. */
  async stop(signal: NodeJS.Signals): Promise<{ code: number | null; tookMs: number }> {
    const pid = await this.pid();
    const startMs = performance.now();
    process.kill(pid, signal);
    const deaf = setTimeout(() => this.#kill(), DEAF_MS);
    const code = await this.ended();
    clearTimeout(deaf);
    return { code, tookMs: performance.now() - startMs };
  }
}
