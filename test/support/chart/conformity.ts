import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type GoProgram, goModule, goProgram } from "../go-programs.ts";
import { runProgram } from "../toolchains.ts";
import { schemaLocation, writeKubernetesSchemas, writeMonitorSchemas } from "./kubernetes-schemas.ts";

const KUBECONFORM: GoProgram = {
  name: "kubeconform",
  path: "github.com/yannh/kubeconform/cmd/kubeconform",
  version: "v0.8.0",
};
const KUBERNETES = "k8s.io/kubernetes@v1.34.2";
const PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0";

const KINDS = [
  "ConfigMap",
  "DaemonSet",
  "Deployment",
  "Job",
  "Namespace",
  "NetworkPolicy",
  "PersistentVolumeClaim",
  "PodDisruptionBudget",
  "Role",
  "RoleBinding",
  "Secret",
  "Service",
  "ServiceAccount",
];
const MONITORS = ["podmonitors", "prometheusrules", "servicemonitors"];

/** Checks manifests against the schemas of Kubernetes and of the Prometheus Operator, strictly. */
export class Conformity {
  readonly #t: TestContext;
  readonly #program: string;
  readonly #folder: string;

  constructor(t: TestContext, program: string, folder: string) {
    this.#t = t;
    this.#program = program;
    this.#folder = folder;
  }

  /** What is wrong with the manifests in the file, a line each: `Service/keyheat: ...`. */
  async problems(file: string): Promise<{ readonly checked: number; readonly problems: readonly string[] }> {
    const location = ["-schema-location", schemaLocation(this.#folder)];
    const command = [this.#program, "-strict", "-verbose", "-output", "json", ...location, file] as const;
    const { output } = await runProgram(this.#t, command, { cwd: this.#folder });
    const { resources } = JSON.parse(output) as { readonly resources: readonly Verdict[] };
    const bad = resources.filter(({ status }) => status !== "statusValid" && status !== "statusEmpty");
    return {
      checked: resources.length,
      problems: bad.map(({ kind, name, msg }) => `${kind}/${name}: ${msg}`),
    };
  }
}

interface Verdict {
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly msg: string;
}

/** With schemas made in a new folder below `folder`. `null` as for `goProgram`. */
export async function findConformity(t: TestContext, folder: string): Promise<Conformity | null> {
  const program = await goProgram(t, KUBECONFORM);
  const kubernetes = program && (await goModule(t, KUBERNETES));
  const operator = kubernetes && (await goModule(t, PROMETHEUS_OPERATOR));
  if (program === null || kubernetes === null || operator === null) return null;
  const schemas = join(folder, "schemas");
  mkdirSync(schemas);
  writeKubernetesSchemas(kubernetes, KINDS, schemas);
  writeMonitorSchemas(operator, MONITORS, schemas);
  return new Conformity(t, program, schemas);
}
