import { isMap, isSeq, type Pair, parseDocument, Scalar, type YAMLMap } from "yaml";
import { configJsonSchema, schemaText } from "../src/config/reference.ts";

type Schema = Readonly<Record<string, unknown>>;

const CONFIG: Schema = { $ref: "#/definitions/config" };

/** By the name of the value: what its default does not tell. */
const KNOWN = new Map<string, Schema>([
  ["config", CONFIG],
  ["agent.kind", { enum: ["DaemonSet", "Deployment", "Sidecar", "none"] }],
  ["topics.kafka", { $ref: "#/definitions/config/properties/kafka" }],
  ["pullPolicy", { enum: ["Always", "IfNotPresent", "Never"] }],
  ["service.type", { enum: ["ClusterIP", "NodePort", "LoadBalancer"] }],
  ["port", { minimum: 1, maximum: 65_535 }],
  ["replicas", { minimum: 0 }],
  ["digest", { pattern: "^(sha256:[0-9a-f]{64})?$" }],
  ["secrets", { items: { $ref: "#/definitions/secret" } }],
  ["maxUnavailable", { type: ["integer", "string"] }],
]);

/** Mappings that Kubernetes knows and checks. */
const OF_KUBERNETES = new Set([
  "resources",
  "updateStrategy",
  "podSecurityContext",
  "securityContext",
  "livenessProbe",
  "readinessProbe",
  "labels",
]);

const SECRET: Schema = {
  type: "object",
  properties: {
    name: { type: "string", description: "Name of the file.", pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]*$" },
    existingSecret: { type: "string", description: "The Secret.", minLength: 1 },
    key: { type: "string", description: "Its key; `name` unless given.", minLength: 1 },
  },
  required: ["name", "existingSecret"],
  additionalProperties: false,
};

/**
 * The JSON Schema of the chart's values, as text: types and descriptions from the text of its values.yaml, the parts of
 * the config from Keyheat's own schema.
 */
export function helmValuesSchema(values: string): string {
  const top = parseDocument(values).contents;
  if (!isMap(top)) throw new Error("values.yaml is no mapping");
  const { type, properties, additionalProperties } = mappingSchema(top, "");
  return schemaText({
    // What Helm 3 understands, too.
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the Helm chart of Keyheat",
    type,
    // What Helm gives a chart that is part of another one.
    properties: { ...(properties as Schema), global: { type: "object" } },
    additionalProperties,
    definitions: { config: partialConfig(), secret: SECRET },
  });
}

/** The config's schema without `required` in mappings, since parts of a config are merged. Items of lists are not. */
function partialConfig(): Schema {
  const { $schema: _, title: __, ...schema } = JSON.parse(configJsonSchema()) as Schema;
  return withoutRequired(schema);
}

function withoutRequired({ required: _, ...schema }: Schema): Schema {
  if (schema.properties === undefined) return schema;
  const fields = Object.entries(schema.properties as Record<string, Schema>);
  return {
    ...schema,
    properties: Object.fromEntries(fields.map(([key, field]) => [key, withoutRequired(field)])),
  };
}

function mappingSchema(mapping: YAMLMap, path: string): Schema {
  const properties = Object.fromEntries(
    mapping.items.map((pair, index) => {
      const key = pair.key as Scalar<string>;
      // What stands above the first key is said to stand above the mapping.
      const comment = key.commentBefore ?? (index === 0 ? mapping.commentBefore : undefined);
      const inner = path === "" ? key.value : `${path}.${key.value}`;
      return [key.value, { ...descriptionOf(comment ?? ""), ...valueSchema(pair, inner) }];
    }),
  );
  return { type: "object", properties, additionalProperties: false };
}

function valueSchema({ value }: Pair, path: string): Schema {
  const known = knownSchema(path);
  return known?.$ref === undefined ? { ...typeSchema(value, path), ...known } : known;
}

function typeSchema(value: unknown, path: string): Schema {
  if (isSeq(value)) return { type: "array" };
  if (isMap(value)) {
    const name = path.split(".").at(-1) ?? path;
    const isFree = value.items.length === 0 || OF_KUBERNETES.has(name);
    return isFree ? { type: "object" } : mappingSchema(value, path);
  }
  const plain = value instanceof Scalar ? value.value : value;
  return { type: typeof plain === "number" ? "integer" : typeof plain };
}

/** The longest ending of the path that is known: `agent.service.type` before `type`. */
function knownSchema(path: string): Schema | undefined {
  const parts = path.split(".");
  const endings = parts.map((_, index) => parts.slice(index).join("."));
  return endings.map((ending) => KNOWN.get(ending)).find((schema) => schema !== undefined);
}

/** What the comment says after `# --`. */
function descriptionOf(comment: string): Schema {
  const [, text] = /(?:^|\n) -- ([\s\S]*)$/.exec(comment) ?? [];
  return text === undefined ? {} : { description: text.replaceAll(/\s*\n\s*/g, " ") };
}
