import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

type Schema = { readonly [key: string]: unknown };

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const KUBERNETES = "api/openapi-spec/swagger.json";
const PROMETHEUS_OPERATOR = "example/prometheus-operator-crd";

/** Definitions that say too little, as both are written in two ways. */
const WIDER = new Map<string, Schema>([
  ["io.k8s.apimachinery.pkg.util.intstr.IntOrString", { type: ["integer", "string"] }],
  ["io.k8s.apimachinery.pkg.api.resource.Quantity", { type: ["number", "string"] }],
]);

/** The pattern of file names by which kubeconform finds them in `folder`. */
export function schemaLocation(folder: string): string {
  return join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json");
}

/**
 * Writes the JSON Schema of each of the kinds into `folder`: from the OpenAPI document in a checkout of Kubernetes. They
 * are strict: a field that Kubernetes does not know is wrong.
 *
 * Throws: Error for a kind that is not there.
 */
export function writeKubernetesSchemas(checkout: string, kinds: readonly string[], folder: string): void {
  const { definitions } = JSON.parse(readFileSync(join(checkout, KUBERNETES), "utf8")) as {
    readonly definitions: Readonly<Record<string, Schema>>;
  };
  const strict = Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [name, WIDER.get(name) ?? strictly(definition)]),
  );
  const named = Object.entries(definitions).flatMap(([name, definition]) => {
    const meant = (definition["x-kubernetes-group-version-kind"] ?? []) as readonly GroupVersionKind[];
    return meant.length === 1 ? meant.map((kind) => ({ name, fileName: fileNameOf(kind), ...kind })) : [];
  });
  for (const wanted of kinds) {
    const found = named.filter(({ kind }) => kind === wanted);
    if (found.length === 0) throw new Error(`Kubernetes has no kind ${wanted}`);
    for (const { name, fileName } of found) {
      const needed = reachedFrom(name, strict);
      const reached = Object.fromEntries([...needed].map((one) => [one, strict[one]]));
      writeSchema(folder, fileName, { $ref: `#/definitions/${name}`, definitions: reached });
    }
  }
}

/** The same of the custom resources in a checkout of the Prometheus Operator. `plurals`: `servicemonitors`. */
export function writeMonitorSchemas(checkout: string, plurals: readonly string[], folder: string): void {
  for (const plural of plurals) {
    const file = join(checkout, PROMETHEUS_OPERATOR, `monitoring.coreos.com_${plural}.yaml`);
    const { spec } = parse(readFileSync(file, "utf8")) as { readonly spec: CustomResource };
    for (const { name, schema } of spec.versions) {
      const fileName = fileNameOf({ group: spec.group, version: name, kind: spec.names.kind });
      writeSchema(folder, fileName, strictly(withMetadata(schema.openAPIV3Schema)));
    }
  }
}

interface CustomResource {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly {
    readonly name: string;
    readonly schema: { readonly openAPIV3Schema: Schema };
  }[];
}

/** A CRD says no more of `metadata` than that it is a mapping. */
function withMetadata(schema: Schema): Schema {
  const metadata = { type: "object", additionalProperties: true };
  return { ...schema, properties: { ...(schema.properties as Schema), metadata } };
}

/** As kubeconform asks for it: `deployment-apps-v1.json`, `service-v1.json`. */
function fileNameOf({ group, version, kind }: GroupVersionKind): string {
  const parts = [kind.toLowerCase(), group.split(".")[0] ?? "", version];
  return `${parts.filter((part) => part !== "").join("-")}.json`;
}

function writeSchema(folder: string, fileName: string, schema: Schema): void {
  const draft = { $schema: "http://json-schema.org/draft-07/schema#", ...schema };
  writeFileSync(join(folder, fileName), JSON.stringify(draft));
}

/** Takes no field that is not named, wherever fields are. */
function strictly(schema: Schema): Schema {
  const entries = Object.entries(schema).map(([key, value]) => [key, strictlyWithin(value)]);
  const copy: Schema = Object.fromEntries(entries);
  if (copy["x-kubernetes-int-or-string"] === true) return { type: ["integer", "string"] };
  const isOpen =
    copy.additionalProperties !== undefined || copy["x-kubernetes-preserve-unknown-fields"] === true;
  return isMapping(copy.properties) && !isOpen ? { ...copy, additionalProperties: false } : copy;
}

function strictlyWithin(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strictlyWithin);
  return isMapping(value) ? strictly(value) : value;
}

function isMapping(value: unknown): value is Schema {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function reachedFrom(name: string, definitions: Readonly<Record<string, Schema>>): ReadonlySet<string> {
  const reached = new Set([name]);
  for (const one of reached) {
    const text = JSON.stringify(definitions[one]);
    for (const [, next] of text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)) reached.add(next ?? "");
  }
  return reached;
}
