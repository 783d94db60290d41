import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { helmValuesSchema } from "../../../.dev/helm-values-schema.ts";
import { fileSchema } from "../../../src/config/schema.ts";

interface Schema {
  readonly type?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");

const values = read("deploy/helm/keyheat/values.yaml");
const schema = JSON.parse(helmValuesSchema(values)) as Schema;

/** Every value below a mapping, by its path. */
function* valuesOf({ properties = {} }: Schema, prefix = ""): Generator<[path: string, schema: Schema]> {
  for (const [key, value] of Object.entries(properties)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (value.properties !== undefined) yield* valuesOf(value, path);
    else yield [path, value];
  }
}

describe("the schema of the Helm chart's values", () => {
  it("is current", () => {
    const committed = read("deploy/helm/keyheat/values.schema.json");
    assert.equal(committed, helmValuesSchema(values), "run `node .dev/generate-config-docs.ts`");
  });

  it("describes every value", () => {
    const silent = [...valuesOf(schema)].filter(
      ([path, { description }]) => !description && path !== "global",
    );
    assert.deepEqual(silent, []);
  });

  it("takes no unknown key, at the top and in each mapping of the chart", () => {
    assert.equal(schema.additionalProperties, false);
    for (const part of ["agent", "aggregator", "standalone", "topics", "image", "auth"]) {
      assert.equal(schema.properties?.[part]?.additionalProperties, false, part);
    }
  });

  it("has the whole config of Keyheat, of which a part may be left to another part", () => {
    const config = schema.definitions?.config;
    assert.deepEqual(Object.keys(config?.properties ?? {}), Object.keys(fileSchema.shape));
    assert.equal(config?.additionalProperties, false);
    assert.equal(config?.properties?.kafka?.properties?.sasl?.required, undefined);
    assert.deepEqual(config?.properties?.targets?.items?.required, ["url"]);
    for (const part of ["agent", "aggregator", "standalone"]) {
      assert.equal(schema.properties?.[part]?.properties?.config?.$ref, "#/definitions/config");
    }
  });
});

describe("the Helm chart", () => {
  it("has the version of the package", () => {
    const { version } = JSON.parse(read("package.json")) as { readonly version: string };
    const chart = parse(read("deploy/helm/keyheat/Chart.yaml")) as Readonly<Record<string, string>>;
    assert.equal(chart.version, version);
    assert.equal(chart.appVersion, version);
  });
});
