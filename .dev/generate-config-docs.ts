/** Writes what is made from the config's schema: config/keyheat.schema.json and docs/configuration.md. */
import { writeFileSync } from "node:fs";
import { configJsonSchema, configPage } from "../src/config/reference.ts";

const root = new URL("../", import.meta.url);
writeFileSync(new URL("config/keyheat.schema.json", root), configJsonSchema());
writeFileSync(new URL("docs/configuration.md", root), configPage());
