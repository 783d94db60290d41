import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { parse, stringify } from "yaml";
import type { DebianProgram } from "../../src/cli/demo/debian-package.ts";
import { ALERTMANAGER } from "./alertmanager.ts";
import { debianProgram } from "./debian-package.ts";
import { ROOT } from "./documentation.ts";
import { freePort } from "./free-port.ts";
import { startProgram } from "./started-program.ts";

const PROMETHEUS = { name: "prometheus", packages: ["prometheus"], file: "usr/bin/prometheus" } as const;

export const RULES_FILE = join(ROOT, "deploy/helm/keyheat/rules/keyheat.yaml");
export const RULE_TESTS_FILE = join(ROOT, "deploy/prometheus/keyheat.test.yaml");
const EXAMPLE_FILE = join(ROOT, "deploy/prometheus/prometheus.yml");

/** The example of how to scrape Keyheat, as far as tests change it. */
interface ScrapeExample {
  global: Record<string, string>;
  readonly rule_files: readonly string[];
  readonly scrape_configs: {
    readonly job_name: string;
    readonly authorization: { readonly credentials_file: string };
    static_configs: { targets: string[] }[];
  }[];
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

export interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

/** A real Prometheus on the loopback interface, with the example's config and the rules. */
export class Prometheus {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** What an expression gives now. Throws: Error with what Prometheus says is wrong with it. */
  query(expr: string): Promise<readonly Series[]> {
    return this.#get<{ result: readonly Series[] }>(`query?${new URLSearchParams({ query: expr })}`).then(
      ({ result }) => result,
    );
  }

  /** The values of a label among the series that a selector has. */
  labelValues(label: string, selector: string): Promise<readonly string[]> {
    return this.#get(`label/${label}/values?${new URLSearchParams({ "match[]": selector })}`);
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get<{ alerts: readonly ActiveAlert[] }>("alerts")).alerts;
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = await this.#get<{ groups: readonly { rules: readonly RuleState[] }[] }>("rules");
    return groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== "success") throw new Error(answer.error);
    return answer.data;
  }
}

export interface PrometheusOptions {
  /** Addresses by job of the example; jobs that are left out have none. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  readonly token: string;
}

/** Starts one, which scrapes and evaluates each second. It ends with the test `t`. */
export async function startPrometheus(t: TestContext, options: PrometheusOptions): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-prometheus-"));
  const configFile = layOut(folder, options);
  const { path, libraryFolders } = await debianProgram(PROMETHEUS);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await startProgram(t, {
    name: "Prometheus",
    path,
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    folder,
    libraryFolders,
    isReady: async () => (await fetch(`${url}/-/ready`)).ok,
  });
  return new Prometheus(url);
}

/**
 * Puts the example into `folder` with everything that it names beside it, as users do. Its intervals become a second, and
 * its addresses those of `targets`. Returns the path of the config.
 */
function layOut(folder: string, { targets, token }: PrometheusOptions): string {
  const example = parse(readFileSync(EXAMPLE_FILE, "utf8")) as ScrapeExample;
  example.global = { scrape_interval: "1s", evaluation_interval: "1s" };
  for (const job of example.scrape_configs) {
    job.static_configs = [{ targets: [...(targets[job.job_name] ?? [])] }];
  }
  return write(folder, stringify(example), token);
}

/** What `promtool check config` says of the example, unchanged, with the files beside it that it names. */
export async function checkExample(t: TestContext): Promise<ToolRun> {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-prometheus-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return await promtool("check", "config", write(folder, readFileSync(EXAMPLE_FILE, "utf8"), "a token"));
}

function write(folder: string, text: string, token: string): string {
  const { rule_files, scrape_configs } = parse(text) as ScrapeExample;
  for (const name of rule_files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, readFileSync(RULES_FILE));
  }
  for (const { authorization } of scrape_configs) {
    writeFileSync(join(folder, authorization.credentials_file), token);
  }
  const path = join(folder, "prometheus.yml");
  writeFileSync(path, text);
  return path;
}

export interface ToolRun {
  readonly code: number | null;
  readonly output: string;
}

/** Runs `promtool ARGS`. */
export async function promtool(...args: readonly string[]): Promise<ToolRun> {
  return await toolBeside(PROMETHEUS, "promtool", args);
}

/** Runs `amtool ARGS`: Alertmanager's own tool. */
export async function amtool(...args: readonly string[]): Promise<ToolRun> {
  return await toolBeside(ALERTMANAGER, "amtool", args);
}

async function toolBeside(program: DebianProgram, name: string, args: readonly string[]): Promise<ToolRun> {
  const { path, libraryFolders } = await debianProgram(program);
  const env = { ...process.env, LD_LIBRARY_PATH: libraryFolders.join(":") };
  const { status, stdout, stderr } = spawnSync(join(dirname(path), name), args, { env, encoding: "utf8" });
  return { code: status, output: `${stdout}${stderr}` };
}
