/**
 * Writes what is made from the config's schema: config/keyheat.schema.json, docs/configuration.md, and the schema of the
 * Helm chart's values.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { configJsonSchema, configPage } from "../src/config/reference.ts";
import { helmValuesSchema } from "./helm-values-schema.ts";

const root = new URL("../", import.meta.url);
writeFileSync(new URL("config/keyheat.schema.json", root), configJsonSchema());
writeFileSync(new URL("docs/configuration.md", root), configPage());

const chart = new URL("deploy/helm/keyheat/", root);
const values = readFileSync(new URL("values.yaml", chart), "utf8");
writeFileSync(new URL("values.schema.json", chart), helmValuesSchema(values));
