import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { childOutput, type RunOptions } from "./child-output.ts";

/** A program that Debian has. */
export interface DebianProgram {
  /** Its folders in the cache are called so, with the version. */
  readonly name: string;
  /** The first one says the version. */
  readonly packages: readonly [string, ...string[]];
  readonly file: string;
}

const REDIS_SERVER: DebianProgram = {
  name: "redis",
  packages: ["redis-server", "redis-tools"],
  file: "usr/bin/redis-server",
};

/** A server unpacked from Debian's package, with where its libraries lie. */
export interface UnpackedServer {
  readonly path: string;
  readonly libraryFolders: readonly string[];
}

export interface FetchOptions {
  /** Folder that holds one folder a version. */
  readonly cacheFolder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What the folder of a version holds beside the packages' files. */
const RECORD = "unpacked.json";
const LIBRARY_ROUNDS = 4;
const LEFTOVER_AGE_MS = 3_600_000;

/** Servers unpacked earlier, the newest version first. */
export async function unpackedServers(
  cacheFolder: string,
  program = REDIS_SERVER,
): Promise<UnpackedServer[]> {
  const names = await readdir(cacheFolder).catch(() => []);
  const versions = names.filter((name) => name.startsWith(`${program.name}-`));
  versions.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  const servers = await Promise.all(versions.map((name) => readRecord(join(cacheFolder, name), program)));
  return servers.filter((server) => server !== null);
}

async function readRecord(folder: string, { file }: DebianProgram): Promise<UnpackedServer | null> {
  try {
    const record: unknown = JSON.parse(await readFile(join(folder, RECORD), "utf8"));
    if (!Array.isArray(record)) return null;
    return { path: join(folder, file), libraryFolders: record.map((name) => join(folder, String(name))) };
  } catch {
    return null;
  }
}

/**
 * Fetches a program (redis-server) from Debian with apt and unpacks it into the cache: nothing is installed, no service is started, no
 * rights are needed. apt checks the signatures as for an installation.
 *
 * Two processes may do this at once: each works in a folder of its own, and the first rename wins.
 * Throws: ProgramError where a step fails.
 */
export async function fetchFromDebian(
  options: FetchOptions,
  program = REDIS_SERVER,
): Promise<UnpackedServer> {
  const { cacheFolder, progress } = options;
  await mkdir(cacheFolder, { recursive: true });
  await removeLeftovers(cacheFolder);
  const work = await mkdtemp(join(cacheFolder, "fetch-"));
  try {
    const apt = new Apt(work, options);
    const root = join(work, "root");
    const [main] = program.packages;
    progress(`no ${main} here: fetching Debian's package (nothing is installed)`);
    await apt.unpack(program.packages, root);
    const libraryFolders = await addMissingLibraries(apt, root, program, options);
    const record = libraryFolders.map((folder) => relative(root, folder));
    await writeFile(join(root, RECORD), JSON.stringify(record));
    const final = join(cacheFolder, `${program.name}-${await apt.versionOf(main)}`);
    await moveInto(root, final, program);
    const server = await readRecord(final, program);
    if (server === null) throw new Error(`${final} was changed by somebody else`);
    progress(`unpacked into ${final}`);
    return server;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Folders of fetches that were killed. */
async function removeLeftovers(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (!name.startsWith("fetch-")) continue;
    const folder = join(cacheFolder, name);
    const age = await stat(folder).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > LEFTOVER_AGE_MS) await rm(folder, { recursive: true, force: true });
  }
}

async function moveInto(root: string, final: string, program: DebianProgram): Promise<void> {
  // A folder without its record comes from elsewhere and is of no use to anybody.
  if (existsSync(final) && (await readRecord(final, program)) === null) await rm(final, { recursive: true });
  await rename(root, final).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}

/** Adds the library packages that the loader misses, and those that these need in turn. */
async function addMissingLibraries(
  apt: Apt,
  root: string,
  program: DebianProgram,
  options: FetchOptions,
): Promise<string[]> {
  const server = join(root, program.file);
  for (let round = 0; round < LIBRARY_ROUNDS; round++) {
    const folders = await libraryFolders(root);
    const env = { ...options.env, LD_LIBRARY_PATH: folders.join(":") };
    const listing = await childOutput("ldd", [server], { env, signal: options.signal });
    if (!listing.includes("not found")) return folders;
    const wanted = await apt.missingDependencies();
    if (wanted.length === 0) break;
    await apt.unpack(wanted, root);
  }
  throw new Error(`Debian's ${program.packages[0]} needs libraries that its packages do not name`);
}

async function libraryFolders(root: string): Promise<string[]> {
  const files = await readdir(root, { recursive: true, withFileTypes: true });
  const folders = files.filter(({ name }) => /\.so(\.|$)/.test(name)).map(({ parentPath }) => parentPath);
  return [...new Set(folders)];
}

/** apt and dpkg without rights: all that they write goes to a folder of its own. */
class Apt {
  readonly #folder: string;
  readonly #run: RunOptions;
  readonly #fetched = new Map<string, string>();
  readonly #options: string[];

  constructor(work: string, { env, signal }: FetchOptions) {
    this.#folder = work;
    this.#run = { env, signal, cwd: work };
    // The user `_apt`, to whom apt changes as root, cannot read a folder of root's.
    const settings = [`Dir::Cache=${work}/cache`, "APT::Sandbox::User=root", "Debug::NoLocking=1"];
    settings.push("Acquire::http::Timeout=20", "Acquire::https::Timeout=20", "Acquire::Retries=1");
    this.#options = settings.flatMap((setting) => ["-o", setting]);
  }

  async unpack(packages: readonly string[], root: string): Promise<void> {
    await mkdir(join(this.#folder, "cache/archives/partial"), { recursive: true });
    await mkdir(root, { recursive: true });
    await this.#download(packages).catch(async () => {
      // The lists are missing or name a version that is gone: read them again, into lists of our own.
      await this.#readLists();
      await this.#download(packages);
    });
    for (const file of await readdir(this.#folder)) {
      const path = join(this.#folder, file);
      const name = file.slice(0, file.indexOf("_"));
      if (!file.endsWith(".deb") || this.#fetched.has(name)) continue;
      await childOutput("dpkg", ["-x", path, root], this.#run);
      this.#fetched.set(name, path);
    }
  }

  async #download(packages: readonly string[]): Promise<void> {
    await childOutput("apt-get", ["-qq", ...this.#options, "download", ...packages], this.#run);
  }

  async #readLists(): Promise<void> {
    const lists = join(this.#folder, "lists");
    if (existsSync(lists)) return;
    await mkdir(join(lists, "partial"), { recursive: true });
    this.#options.push("-o", `Dir::State::lists=${lists}`);
    await childOutput("apt-get", ["-qq", ...this.#options, "update"], this.#run);
  }

  async versionOf(name: string): Promise<string> {
    const version = await childOutput(
      "dpkg-deb",
      ["-f", this.#fetched.get(name) ?? name, "Version"],
      this.#run,
    );
    // An epoch (`5:`) has no place in the name of a folder that goes into a path list.
    return version
      .trim()
      .replace(/^\d+:/, "")
      .replaceAll(/[^\w.+~-]/g, "_");
  }

  /** Libraries named by what was fetched, neither fetched nor installed. */
  async missingDependencies(): Promise<string[]> {
    const fields = await Promise.all(
      [...this.#fetched.values()].map((path) => childOutput("dpkg-deb", ["-f", path, "Depends"], this.#run)),
    );
    const libraries = new Set(fields.flatMap(dependencies).filter((name) => name.startsWith("lib")));
    const missing: string[] = [];
    for (const name of libraries) {
      if (!this.#fetched.has(name) && !(await this.#isInstalled(name))) missing.push(name);
    }
    return missing;
  }

  async #isInstalled(name: string): Promise<boolean> {
    const status = await childOutput("dpkg-query", ["-s", name], this.#run).catch(() => "");
    return /^Status: \S+ \S+ installed$/m.test(status);
  }
}

/** Names in a `Depends` field, of alternatives the first: `a (>= 1), b | c` gives `a` and `b`. */
export function dependencies(field: string): string[] {
  const names = field.split(",").map((one) => /^[a-z0-9][a-z0-9+.-]+/.exec(one.trim())?.[0]);
  return names.filter((name) => name !== undefined);
}
