import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type GoProgram, goProgram } from "../go-programs.ts";
import { type ProgramEnd, runProgram } from "../toolchains.ts";
import { type Manifest, manifestsOf } from "./manifest.ts";

const HELM: GoProgram = { name: "helm", path: "helm.sh/helm/v4/cmd/helm", version: "v4.3.2" };

export const CHART = fileURLToPath(new URL("../../../deploy/helm/keyheat", import.meta.url));

export interface Rendering {
  /** Files of values, the last one above the others. */
  readonly values?: readonly string[];
  /** `--set` each: `aggregator.replicas=3`. */
  readonly set?: readonly string[];
  readonly release?: string;
  readonly namespace?: string;
  readonly chart?: string;
  /** URL of the API of a cluster, in which templates may look things up. */
  readonly cluster?: string;
}

/** The examples of values in ci/, by their name: `default`. */
export function exampleValues(): Map<string, string> {
  const files = readdirSync(join(CHART, "ci")).sort();
  return new Map(files.map((file) => [basename(file, "-values.yaml"), join(CHART, "ci", file)]));
}

/** The program `helm`, without a cluster. */
export class Helm {
  readonly #t: TestContext;
  readonly #program: string;

  constructor(t: TestContext, program: string) {
    this.#t = t;
    this.#program = program;
  }

  async lint(values: readonly string[]): Promise<ProgramEnd> {
    return await this.run(["lint", "--strict", CHART, ...valuesOptions(values)]);
  }

  /** What would be installed, hooks too. Throws: Error with what Helm says. */
  async manifests(rendering: Rendering): Promise<Manifest[]> {
    return manifestsOf(await this.text(rendering));
  }

  /** The same as text. */
  async text(rendering: Rendering): Promise<string> {
    const { code, output } = await this.template(rendering);
    if (code !== 0) throw new Error(output);
    return output;
  }

  async template({
    values = [],
    set = [],
    release = "keyheat",
    namespace = "keyheat",
    chart = CHART,
    cluster,
  }: Rendering): Promise<ProgramEnd> {
    const options = [...valuesOptions(values), ...set.flatMap((one) => ["--set", one])];
    const lookingUp =
      cluster === undefined
        ? []
        : ["--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", cluster];
    return await this.run(["template", release, chart, "--namespace", namespace, ...options, ...lookingUp]);
  }

  /** What Helm says after the install of an example. Throws: Error with what Helm says. */
  async notes(values: string): Promise<string> {
    const options = ["--namespace", "keyheat", "--dry-run=client", ...valuesOptions([values])];
    const { code, output } = await this.run(["install", "keyheat", CHART, ...options]);
    const [, notes] = /^NOTES:\n([\s\S]*)$/m.exec(output) ?? [];
    if (code !== 0 || notes === undefined) throw new Error(output);
    return notes;
  }

  async run(args: readonly string[]): Promise<ProgramEnd> {
    // Nothing of the user's own Helm or cluster has a part in it.
    const env = { KUBECONFIG: "/dev/null", HELM_PLUGINS: "/dev/null" };
    return await runProgram(this.#t, [this.#program, ...args], { cwd: CHART, env });
  }
}

function valuesOptions(files: readonly string[]): string[] {
  return files.flatMap((file) => ["--values", file]);
}

/** Helm, from the Go module proxy. `null` as for `goProgram`. */
export async function findHelm(t: TestContext): Promise<Helm | null> {
  const program = await goProgram(t, HELM);
  return program === null ? null : new Helm(t, program);
}
