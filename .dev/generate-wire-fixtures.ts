/**
 * Writes test/fixtures/wire/*.bin, what the codecs of today make of test/support/wire-goldens.ts:
 *
 *     node .dev/generate-wire-fixtures.ts
 *
 * Also v1.binpb where there is none: all of them, each behind its length. It is what the first release wrote, and stays.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { GOLDENS } from "../test/support/wire-goldens.ts";

const folder = fileURLToPath(new URL("../test/fixtures/wire", import.meta.url));
const released = join(folder, "v1.binpb");

mkdirSync(folder, { recursive: true });
for (const { name, bytes } of GOLDENS) writeFileSync(join(folder, `${name}.bin`), bytes);
if (!existsSync(released)) {
  const writer = new BinaryWriter();
  for (const { bytes } of GOLDENS) writer.bytes(bytes);
  writeFileSync(released, writer.finish());
}
