import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isAllowed, type Lockfile, licencesPage, productionPackages } from "../../../.dev/licences.ts";

const textOf = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("docs/licences.md lists what package-lock.json has; else: node .dev/generate-licences.ts", () => {
  const packages = productionPackages(JSON.parse(textOf("package-lock.json")));
  assert.ok(packages.some(({ name }) => name === "kafkajs"));
  assert.equal(textOf("docs/licences.md"), licencesPage(packages));
});

test("every package that is installed with Keyheat has an allowed licence", () => {
  const packages = productionPackages(JSON.parse(textOf("package-lock.json")));
  assert.deepEqual(
    packages.filter(({ licence }) => !isAllowed(licence)),
    [],
  );
});

test("packages are listed once each, without those that only develop Keyheat", () => {
  const lockfile: Lockfile = {
    packages: {
      "": { version: "0.1.0", license: "Apache-2.0" },
      "node_modules/b": { version: "2.0.0", license: "MIT" },
      "node_modules/@scope/a": { version: "1.0.0", license: "ISC" },
      "node_modules/b/node_modules/@scope/a": { version: "1.0.0", license: "ISC" },
      "node_modules/b/node_modules/c": { version: "3.0.0" },
      "node_modules/typescript": { version: "7.0.2", license: "Apache-2.0", dev: true },
    },
  };
  assert.deepEqual(productionPackages(lockfile), [
    { name: "@scope/a", version: "1.0.0", licence: "ISC" },
    { name: "b", version: "2.0.0", licence: "MIT" },
    { name: "c", version: "3.0.0", licence: "" },
  ]);
});

test("of a choice one licence must be allowed, of several that hold together all", () => {
  for (const licence of ["MIT", "(Apache-2.0 AND BSD-3-Clause)", "GPL-3.0-only OR MIT"]) {
    assert.ok(isAllowed(licence), licence);
  }
  const refused = [
    "",
    "UNLICENSED",
    "GPL-3.0-only",
    "(MIT AND AGPL-3.0-only)",
    "MIT OR (ISC AND GPL-2.0-only)",
  ];
  for (const licence of refused) assert.ok(!isAllowed(licence), licence);
});
