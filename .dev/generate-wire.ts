/**
 * Writes src/wire/generated/ from src/wire/keyheat.proto:
 *
 *     node .dev/generate-wire.ts
 *
 * The compiler and its plug-in come from npm for the time of the run: they take 125 MB, and what they write is committed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BUF = "@bufbuild/buf@1.75.0";
/** Of the version of @bufbuild/protobuf in package.json. */
const PLUGIN = "@bufbuild/protoc-gen-es@2.17.0";

const folder = fileURLToPath(new URL("../src/wire", import.meta.url));

/** Lets buf compile the schema in `work`, and gives what the plug-in wrote. */
function generate(work: string): string {
  copyFileSync(join(folder, "keyheat.proto"), join(work, "keyheat.proto"));
  writeFileSync(join(work, "buf.yaml"), "version: v2\n");
  const plugin = { local: "protoc-gen-es", out: "out", opt: ["target=ts", "import_extension=ts"] };
  writeFileSync(join(work, "buf.gen.yaml"), JSON.stringify({ version: "v2", plugins: [plugin] }));
  const packages = [BUF, PLUGIN].map((name) => `--package=${name}`);
  const args = ["exec", "--yes", ...packages, "--", "buf", "generate"];
  execFileSync("npm", args, { cwd: work, stdio: ["ignore", "inherit", "inherit"] });
  return readFileSync(join(work, "out/keyheat_pb.ts"), "utf8");
}

const work = mkdtempSync(join(tmpdir(), "keyheat-wire-"));
try {
  const code = generate(work);
  const schema = createHash("sha256")
    .update(readFileSync(join(folder, "keyheat.proto")))
    .digest("hex");
  // By this line a test sees that the schema was changed and the code was not.
  writeFileSync(join(folder, "generated/keyheat_pb.ts"), `// keyheat.proto with SHA-256 ${schema}\n${code}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
