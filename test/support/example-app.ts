import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { waitFor } from "./wait.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ADDRESS = /listening at (http:\/\/127\.0\.0\.1:\d+)/;
const OUTPUT_CHARACTERS_KEPT = 20_000;

/** An answer of an example; `body` is what its JSON says, else its text. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Builds `dist`, which examples import as `keyheat/client`, as whoever runs them does; nothing where it is there. */
export function buildPackage(): void {
  const { status, stderr } = spawnSync(process.execPath, [".dev/run.mjs", "build"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the build failed: ${stderr}`);
}

/** An example as a user starts it: a process of its own, told by its environment. */
export class ExampleApp {
  readonly process: ChildProcess;
  #output = "";
  #url = "";

  private constructor(path: string, env: Readonly<Record<string, string>>) {
    this.process = spawn(process.execPath, [join(ROOT, path)], {
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.#output = (this.#output + piece.toString("utf8")).slice(-OUTPUT_CHARACTERS_KEPT);
      });
    }
  }

  /** It ends with the test. */
  static async start(
    t: TestContext,
    path: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ExampleApp> {
    const app = new ExampleApp(path, env);
    t.after(() => app.process.kill("SIGKILL"));
    app.#url = await waitFor(`${path} to listen`, () => {
      if (!app.isAlive) throw new Error(`it ended: ${app.#output}`);
      return ADDRESS.exec(app.#output)?.[1];
    });
    return app;
  }

  get isAlive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  get url(): string {
    return this.#url;
  }

  /** The end of what it printed. */
  get output(): string {
    return this.#output;
  }

  async call(method: string, path: string, json?: unknown): Promise<Answer> {
    const sent =
      json === undefined
        ? {}
        : { body: JSON.stringify(json), headers: { "content-type": "application/json" } };
    const response = await fetch(this.#url + path, { method, ...sent });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }

  async get(path: string): Promise<Answer> {
    return await this.call("GET", path);
  }

  /** Asks it to end; gives its exit code, which is null where a signal had to. */
  async terminate(timeoutMs: number): Promise<number | null> {
    const ended = once(this.process, "exit", { signal: AbortSignal.timeout(timeoutMs) });
    this.process.kill("SIGTERM");
    const [code] = (await ended) as [number | null];
    return code;
  }
}
