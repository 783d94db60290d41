/** Writes docs/licences.md, from package-lock.json. */
import { readFileSync, writeFileSync } from "node:fs";
import { licencesPage, productionPackages } from "./licences.ts";

const root = new URL("../", import.meta.url);
const lockfile = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8"));
writeFileSync(new URL("docs/licences.md", root), licencesPage(productionPackages(lockfile)));
