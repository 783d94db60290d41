import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { test } from "node:test";
import { documentation, type Page, pageAt, ROOT } from "../support/documentation.ts";
import { anchorsOf, linksOf } from "../support/markdown.ts";

const LINKS_MIN = 100;

test("every link of the documentation leads to a file, and to a heading that is there", () => {
  const pages = documentation();
  const links = pages.flatMap(({ text }) => linksOf(text)).filter(({ target }) => !isElsewhere(target));
  assert.ok(links.length >= LINKS_MIN, `only ${links.length} links were found`);
  assert.deepEqual(pages.flatMap(brokenLinks), []);
});

test("links to nothing are found, and those in code are none", () => {
  const text = `# A page, *and* \`its\` {name}
[1](client.md#observe) [2](client.md#nothing) [3](nowhere.md)
[4](#a-page-and-its-name) [5](#elsewhere) [6](https://example.com/nowhere.md) [7](../README.md)
\`[8](code.md)\`
\`\`\`md
[9](block.md)
\`\`\`
[10](remedies) ![11](picture.png)
`;
  assert.deepEqual(brokenLinks({ path: "docs/page.md", text }), [
    "docs/page.md:2: docs/client.md has no heading #nothing",
    "docs/page.md:2: there is no docs/nowhere.md",
    "docs/page.md:3: docs/page.md has no heading #elsewhere",
    "docs/page.md:8: there is no docs/picture.png",
  ]);
});

test("headings of the same words have numbers in their anchors", () => {
  const anchors = anchorsOf("# Why\n## Why\n## `a_b`: c / d\n```sh\n# no heading\n```\n### Why ###\n");
  assert.deepEqual([...anchors], ["why", "why-1", "a_b-c--d", "why-2"]);
});

function isElsewhere(target: string): boolean {
  return /^[a-z]+:/.test(target);
}

function brokenLinks(page: Page): string[] {
  return linksOf(page.text).flatMap(({ target, line }) => {
    const problem = isElsewhere(target) ? null : whyBroken(page, target);
    return problem === null ? [] : [`${page.path}:${line}: ${problem}`];
  });
}

function whyBroken(page: Page, target: string): string | null {
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? page.path : normalize(join(dirname(page.path), file));
  if (file !== "" && !existsSync(join(ROOT, path))) return `there is no ${path}`;
  if (anchor === undefined) return null;
  const anchors = anchorsOf(file === "" ? page.text : pageAt(path).text);
  return anchors.has(anchor) ? null : `${path} has no heading #${anchor}`;
}
