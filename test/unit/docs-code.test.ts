import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { documentation, type Page, ROOT } from "../support/documentation.ts";
import { codeBlocks } from "../support/markdown.ts";

/** Pages that say how the library is used. */
const CHECKED = /^(?:README|docs\/(?:client|advice|remedies\/.*))\.md$/;
const LANGUAGES = ["ts", "js"];
const BLOCKS_MIN = 18;

/** What blocks use of an app that they do not show. Most bring a client of their own. */
const PRELUDE = `
declare const redis: import("ioredis").Redis;
declare const cluster: import("ioredis").Cluster;
declare const userId: string;
declare const database: {
  find(key: string): Promise<string | null>;
  report(id: number): Promise<string>;
};
`;

const WRONG: Page = {
  path: "docs/wrong.md",
  text: `# Wrong
\`\`\`ts
import { LocalCache } from "keyheat/client";

const cache = new LocalCache(redis, { ttl: 1000 });
await cache.read("a");
\`\`\`
Then:
\`\`\`js
import { observed } from "keyheat/client";
\`\`\`
`,
};

test("the documentation's code fits the library, and code that does not is told of by file and line", (t) => {
  const pages = documentation().filter(({ path }) => CHECKED.test(path));
  const blocks = pages.flatMap(({ text }) => codeBlocks(text)).filter(isChecked);
  assert.ok(blocks.length >= BLOCKS_MIN, `only ${blocks.length} blocks were found`);

  const problems = problemsOf(t, [...pages, WRONG]);
  const known = [
    /^docs\/wrong\.md:5: error TS\d+: .*'ttl' does not exist/,
    /^docs\/wrong\.md:6: error TS\d+: .*'read' does not exist/,
    /^docs\/wrong\.md:10: error TS\d+: .*'observed'/,
  ];
  const unexpected = problems.filter((problem) => !known.some((pattern) => pattern.test(problem)));
  assert.deepEqual(unexpected, []);
  assert.equal(problems.length, known.length, problems.join("\n"));
});

function isChecked({ language }: { readonly language: string }): boolean {
  return LANGUAGES.includes(language);
}

/** Each as `docs/client.md:12: error TS...`; one run of the compiler for all. */
function problemsOf(t: TestContext, pages: readonly Page[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-docs-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "prelude.d.ts"), PRELUDE);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const paths = { "keyheat/client": [join(ROOT, "src/client/index.ts")] };
  // A block need not use all that it makes.
  const compilerOptions = { paths, noUnusedLocals: false };
  const settings = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions,
    include: ["**/*.ts"],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  for (const page of pages) writeModules(folder, page);

  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(run.error, undefined);
  const lines = `${run.stdout}${run.stderr}`.split("\n").filter((line) => /^\S/.test(line));
  return lines.map((line) => line.replace(/\.block-\d+\.ts\((\d+),\d+\)/, ":$1"));
}

/** A module for each block; its lines have the numbers that they have on the page. */
function writeModules(folder: string, { path, text }: Page): void {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  for (const [index, { code, line }] of codeBlocks(text).filter(isChecked).entries()) {
    const module = `${"\n".repeat(line - 1)}${code}\nexport {};\n`;
    writeFileSync(join(folder, `${path}.block-${index}.ts`), module);
  }
}
