import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandLine } from "./command-line.ts";
import type { HotKey, TargetRow } from "./keyheat.ts";
import { freePort } from "./redis.ts";
import { waitFor } from "./wait.ts";

type File = Readonly<Record<string, unknown>>;

/** An incident in the API and in webhooks, as far as tests look at it. */
export interface FleetIncident {
  readonly id: string;
  readonly key: string;
  readonly cluster: string;
  readonly target: string | null;
  readonly status: "pending" | "firing" | "recovering" | "resolved";
  readonly reason: string | null;
  readonly notified: readonly { readonly receiver: string; readonly outcome: string }[];
}

/** `keyheat agent` or `keyheat aggregator` as a process, seen over HTTP. */
export class FleetProcess {
  readonly url: string;
  readonly #args: readonly string[];
  #command: CommandLine;

  constructor(args: readonly string[], port: number) {
    this.#args = args;
    this.url = `http://127.0.0.1:${port}`;
    this.#command = new CommandLine(args);
  }

  get pid(): number {
    const { pid } = this.#command.process;
    if (pid === undefined) throw new Error("the process did not start");
    return pid;
  }

  get output(): string {
    return this.#command.output;
  }

  ended(): Promise<number | null> {
    return this.#command.ended();
  }

  says(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    return this.#command.says(pattern, timeoutMs);
  }

  /** Sends a signal; waits for the end where it ends the process. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    this.#command.process.kill(signal);
    if (signal !== "SIGSTOP" && signal !== "SIGCONT" && signal !== "SIGHUP") await this.ended();
  }

  /** Starts it again, with the same config, after it has ended. */
  restart(): void {
    this.#command = new CommandLine(this.#args);
  }

  /** For the end of a test, in whatever state it is. */
  async kill(): Promise<void> {
    this.#command.process.kill("SIGKILL");
    await this.ended();
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(5000) });
    return { status: response.status, text: await response.text() };
  }

  async api<T>(path: string): Promise<T> {
    const { status, text } = await this.get(`/api/v1/${path}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  async ready(timeoutMs = 60_000): Promise<void> {
    try {
      await waitFor(
        "readiness",
        async () => {
          const { status, text } = await this.get("/readyz");
          if (status !== 200) throw new Error(text);
          return true;
        },
        timeoutMs,
      );
    } catch (cause) {
      throw new Error(`${this.#args[0]} is not ready; it says:\n${this.output}`, { cause });
    }
  }

  async hotkeys(window = "60s", cluster?: string): Promise<{ complete: boolean; keys: readonly HotKey[] }> {
    const of = cluster === undefined ? "" : `&cluster=${cluster}`;
    return await this.api(`hotkeys?window=${window}&limit=1000${of}`);
  }

  /** What is counted of a key; `undefined`: nothing. */
  async hotkey(key: string, window = "60s"): Promise<HotKey | undefined> {
    return (await this.hotkeys(window)).keys.find((row) => row.key === key);
  }

  /** Waits until a key's accesses in the window (by default the last minute) are `count`, neither more nor less. */
  counts(key: string, count: number, timeoutMs = 30_000, window = "60s"): Promise<HotKey> {
    return waitFor(
      `${count} accesses of ${key}`,
      async () => {
        const row = await this.hotkey(key, window);
        const { lower = 0, upper = 0 } = row?.count ?? {};
        if (lower !== count) throw new Error(`[${lower}, ${upper}] were counted`);
        return row;
      },
      timeoutMs,
    );
  }

  async incidents(): Promise<readonly FleetIncident[]> {
    return (await this.api<{ incidents: FleetIncident[] }>("incidents")).incidents;
  }

  async targets(): Promise<readonly TargetRow[]> {
    return (await this.api<{ targets: TargetRow[] }>("coverage")).targets;
  }

  /** Sum of the samples of `/metrics` that have these labels; `null`: there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | null> {
    const { text } = await this.get("/metrics");
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const samples = text
      .split("\n")
      .filter((sample) => sample.startsWith(name) && wanted.every((label) => sample.includes(label)));
    if (samples.length === 0) return null;
    return samples.reduce((sum, sample) => sum + Number(/\} (\S+)/.exec(sample)?.[1]), 0);
  }
}

export interface FleetOptions {
  readonly brokers: readonly string[];
  /** Merged into the config of every process. */
  readonly common?: File;
}

const RULE = { name: "hot", type: "rate", window: "2s", threshold: "500/s" };

/** Agents and aggregators of one prefix of their own, as processes. Everything ends with the test. */
export class Fleet {
  readonly #folder = mkdtempSync(join(tmpdir(), "keyheat-fleet-"));
  readonly #processes: FleetProcess[] = [];
  readonly #common: File;

  constructor(t: { after(end: () => Promise<void>): void }, { brokers, common = {} }: FleetOptions) {
    const prefix = `test-${randomBytes(6).toString("hex")}`;
    const kafka = { brokers, prefix, sessionTimeout: "6s", ...(common.kafka as File | undefined) };
    this.#common = { windows: ["2s", "60s"], grace: "1s", ...common, kafka };
    t.after(async () => {
      await Promise.all(this.#processes.map((process) => process.kill()));
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  get prefix(): string {
    return (this.#common.kafka as { prefix: string }).prefix;
  }

  /** `keyheat topics --apply`. */
  async createTopics(): Promise<void> {
    const command = new CommandLine(["topics", "--apply", "--config", this.configFile({})]);
    const code = await command.ended();
    if (code !== 0) throw new Error(`keyheat topics --apply: ${code}\n${command.output}`);
  }

  /** An agent of these servers, with `configure: ensure`. */
  async agent(redisUrls: readonly string[], file: File = {}): Promise<FleetProcess> {
    const sources = { keyspace: { configure: "ensure" } };
    const targets = redisUrls.map((url) => ({ url }));
    return await this.#start("agent", { targets, sources, discovery: { observe: "listed" }, ...file });
  }

  /** One that pages `hookUrl` where that is given. */
  async aggregator(hookUrl: string | null = null, file: File = {}): Promise<FleetProcess> {
    const receivers = hookUrl === null ? [] : [{ name: "hook", webhook: { url: hookUrl } }];
    return await this.#start("aggregator", { rules: [RULE], receivers, ...file });
  }

  /** Writes a config with what all have in common; its path. */
  configFile(file: File): string {
    const path = join(this.#folder, `${randomBytes(4).toString("hex")}.json`);
    writeFileSync(path, JSON.stringify({ ...this.#common, ...file }));
    return path;
  }

  /** Writes a secret into a file; its path. */
  secretFile(secret: string): string {
    const path = join(this.#folder, randomBytes(4).toString("hex"));
    writeFileSync(path, secret);
    return path;
  }

  async #start(command: "agent" | "aggregator", file: File): Promise<FleetProcess> {
    const port = await freePort();
    const path = this.configFile({ http: { listen: `127.0.0.1:${port}` }, ...file });
    const process = new FleetProcess([command, "--config", path], port);
    this.#processes.push(process);
    return process;
  }
}
