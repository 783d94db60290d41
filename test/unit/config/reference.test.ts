import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { z } from "zod";
import { configJsonSchema, configPage } from "../../../src/config/reference.ts";
import { fileSchema } from "../../../src/config/schema.ts";
import { unwrap } from "../../../src/config/schema-walk.ts";

function committed(path: string): string {
  return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

const RUN = "run `node .dev/generate-config-docs.ts`";

/** Every field below a section, by its path. */
function* fieldsOf(schema: z.core.$ZodType, prefix: string): Generator<[path: string, field: z.ZodType]> {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) yield* fieldsOf(inner.element, `${prefix}[]`);
  if (!(inner instanceof z.ZodObject)) return;
  for (const [key, field] of Object.entries(inner.shape)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    yield [path, field as z.ZodType];
    yield* fieldsOf(field, path);
  }
}

describe("what is made from the config's schema", () => {
  it("is current: the JSON Schema", () => {
    assert.equal(committed("config/keyheat.schema.json"), configJsonSchema(), RUN);
  });

  it("is current: the reference page", () => {
    assert.equal(committed("docs/configuration.md"), configPage(), RUN);
  });

  it("describes every field and lists every value of the config", () => {
    const page = configPage();
    for (const [path, field] of fieldsOf(fileSchema, "")) {
      assert.ok(field.description, `${path} has no description`);
      const isValue = !(unwrap(field) instanceof z.ZodObject) && !path.endsWith("[]") && path !== "";
      const isList = ["targets", "rules", "routes", "receivers"].includes(path);
      if (isValue && !isList) assert.ok(page.includes(`| \`${path}\` |`), `${path} is not on the page`);
    }
  });
});
