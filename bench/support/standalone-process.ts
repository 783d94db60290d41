import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, waitFor } from "../../test/support/redis.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** `keyheat standalone` as a process of its own, as an operator would run it. */
export class StandaloneProcess implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = "";

  private constructor(child: ChildProcess, url: string, folder: string) {
    this.#child = child;
    this.url = url;
    this.pid = child.pid ?? 0;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.#output = (this.#output + piece.toString("utf8")).slice(-4096);
      });
    }
  }

  /** `config`: the file's content, without `http.listen`, which is a free port. Resolves when `/readyz` says so. */
  static async start(config: object): Promise<StandaloneProcess> {
    const folder = await mkdtemp(join(tmpdir(), "keyheat-bench-"));
    const listen = `127.0.0.1:${await freePort()}`;
    const file = join(folder, "keyheat.yaml");
    await writeFile(file, JSON.stringify({ ...config, http: { listen } }));
    const args = [MAIN, "standalone", "--config", file, "--data-dir", join(folder, "data")];
    const flags = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
    const child = spawn(process.execPath, [...flags, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const standalone = new StandaloneProcess(child, `http://${listen}`, folder);
    const isReady = async () => (await fetch(`${standalone.url}/readyz`)).ok;
    await waitFor("keyheat to be ready", isReady, 20_000).catch(async (cause: unknown) => {
      await standalone.stop();
      throw new Error(`keyheat did not get ready: ${standalone.#output}`, { cause });
    });
    return standalone;
  }

  /** A path of the API as JSON. */
  async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return await answer.json();
  }

  /** With which an event of its first target is counted, as the API says. */
  async probability(): Promise<number> {
    const { targets } = (await this.get("/api/v1/coverage")) as {
      targets: { sources: { probability: number }[] }[];
    };
    return targets[0]?.sources[0]?.probability ?? 1;
  }

  /** The sum of a metric of `/metrics` over its labels; with `label` (`reason="late"`) of those that have it. */
  async metric(name: string, label = ""): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => line.includes(label));
    return lines.reduce(
      (sum, line) =>
        sum +
        Number(
          line
            .slice(line.lastIndexOf("}") + 1)
            .trim()
            .split(" ")[0],
        ),
      0,
    );
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
