import { z } from "zod";
import { fieldTypes } from "./scalars.ts";
import { fileSchema } from "./schema.ts";
import { unwrap } from "./schema-walk.ts";

/** The JSON Schema of a config file, as text: for editors. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, { io: "input" });
  return schemaText({ $schema: schema.$schema, title: "Keyheat configuration", ...schema });
}

/** A JSON Schema as text, as the repository's formatter wants it. */
export function schemaText(schema: object): string {
  return `${formatJson(schema, "")}\n`;
}

const LINE_CHARACTERS_MAX = 110;

/** JSON with lists on one line where they fit. */
function formatJson(value: unknown, indent: string, before = 0): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    const isFlat = value.every((item) => typeof item !== "object");
    if (isFlat && indent.length + before + line.length < LINE_CHARACTERS_MAX) return line;
    const items = value.map((item) => `${inner}${formatJson(item, inner)}`);
    return `[\n${items.join(",\n")}\n${indent}]`;
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  if (entries.length === 0) return "{}";
  const fields = entries.map(([key, field]) => {
    const name = `${JSON.stringify(key)}: `;
    return `${inner}${name}${formatJson(field, inner, name.length)}`;
  });
  return `{\n${fields.join(",\n")}\n${indent}}`;
}

const PREFACE = `# Configuration

<!-- Generated from the schema in src/config by \`node .dev/generate-config-docs.ts\`: change the schema, not this page. -->

Keyheat reads one YAML file (JSON is YAML too): \`keyheat standalone --config keyheat.yaml\`. Every key has a default, so
an empty file works; \`keyheat standalone --redis redis://host:6379\` needs none. \`keyheat check --config keyheat.yaml\`
names every problem of a file at once, each with its path, and exits with 2. Commented examples are
[standalone](../config/standalone.yaml), [agent](../config/agent.yaml) and [aggregator](../config/aggregator.yaml); for completion in editors, start the file with
\`# yaml-language-server: $schema=.../config/keyheat.schema.json\`.

| what | how it is written |
|---|---|
| duration | \`250ms\`, \`10s\`, \`1.5s\`, \`5m\`, \`1h\`, \`7d\` |
| rate | \`1000/s\`, \`1000/m\`, \`10/h\` |
| size | \`512B\`, \`64KiB\`, \`4MiB\`, \`1GiB\` |
| glob | as in Redis: \`*\` any text, \`?\` any byte, \`[a-z]\`, \`[^a]\`, \`\\\` before a character that stands for itself |
| secret | from the environment by \`\${NAME}\`, or from a file by the key that ends in \`File\` (a relative path starts from the folder of the config file; one trailing newline is left off) |

\`\${NAME}\` may stand in any text. It is put in after the file is parsed, as text: what the variable holds is never read
as a number or as YAML, nor expanded again, and in the user part of a URL it is percent-encoded, so \`p@ss/w#rd\` and
\`50%off\` are fine passwords. A variable that is not set is a problem. Unknown keys and keys that stand twice are
problems, too; a key without a value is one: leave it out instead.
`;

/** The reference page, docs/configuration.md. */
export function configPage(): string {
  const top = Object.entries(fileSchema.shape);
  const scalars = top.filter(([, field]) => sectionOf(field) === undefined);
  const general = [`## General`, "", ...table(scalars.map(([key, field]) => row(key, field)))].join("\n");
  const sections = top.flatMap(([key, field]) => {
    const section = sectionOf(field);
    if (section === undefined) return [];
    const isList = unwrap(field) instanceof z.ZodArray;
    const rows = rowsOf(section, isList ? `${key}[]` : key);
    return [[`## ${key}`, "", intro(field, isList), "", ...table(rows)].join("\n")];
  });
  return `${[PREFACE, general, ...sections]
    .join("\n")
    .replace(/\n(## )/g, "\n\n$1")
    .replace(/\n{3,}/g, "\n\n")}\n`;
}

function sectionOf(field: z.core.$ZodType): z.ZodObject | undefined {
  const inner = unwrap(field);
  if (inner instanceof z.ZodObject) return inner;
  return inner instanceof z.ZodArray ? sectionOf(inner.element) : undefined;
}

function intro(field: z.ZodType, isList: boolean): string {
  const fallback = defaultOf(field);
  const text = field.description ?? "";
  return isList && fallback !== undefined ? `${text} A list; the default is \`${fallback}\`.` : text;
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

function rowsOf(section: z.ZodObject, prefix: string): Row[] {
  return Object.entries(section.shape).flatMap(([key, field]) => {
    const path = `${prefix}.${key}`;
    const inner = unwrap(field);
    if (!(inner instanceof z.ZodObject)) return [row(path, field as z.ZodType)];
    const own = { ...row(path, field as z.ZodType), type: "mapping" };
    const rows = rowsOf(inner, path);
    // A mapping that is always there says nothing that its own keys do not say.
    return field instanceof z.ZodPrefault && rows.length > 0 ? rows : [own, ...rows];
  });
}

function row(path: string, field: z.ZodType): Row {
  const fallback = defaultOf(field);
  const needed = field instanceof z.ZodOptional ? "" : "**required**";
  return {
    path,
    type: typeOf(field),
    fallback: fallback === undefined ? needed : `\`${fallback}\``,
    meaning: field.description ?? "",
  };
}

function defaultOf(field: z.ZodType): string | undefined {
  if (!(field instanceof z.ZodPrefault)) return undefined;
  const value: unknown = field.def.defaultValue;
  return typeof value === "string" ? value : flow(value);
}

/** A value as YAML on one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (value === null || typeof value !== "object") return String(value);
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${flow(item)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

function typeOf(field: z.core.$ZodType): string {
  const inner = unwrap(field);
  if (inner instanceof z.ZodArray) return `list of ${typeOf(inner.element)}`;
  const known = fieldTypes.get(inner);
  if (known === undefined) return "mapping";
  return known.bounds === undefined ? known.type : `${known.type}: ${known.bounds}`;
}

function table(rows: readonly Row[]): string[] {
  return [
    "| path | type | default | meaning |",
    "|---|---|---|---|",
    ...rows.map(({ path, type, fallback, meaning }) =>
      `| \`${path}\` | ${cell(type)} | ${cell(fallback)} | ${cell(meaning)} |`.replace(/ {2,}/g, " "),
    ),
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
