import assert from "node:assert/strict";
import { test } from "node:test";
import { documentation, pageAt } from "../support/documentation.ts";
import { headingsOf, linksOf } from "../support/markdown.ts";

const INDEX = "docs/remedies/README.md";
const SECTIONS = ["When", "How", "What it costs", "How it works", "How to leave it again"];

const pages = documentation().filter(({ path }) => path.startsWith("docs/remedies/") && path !== INDEX);

test("every remedy's page has the same sections in the same order, below a title that says what it is", () => {
  assert.ok(pages.length >= 10, `only ${pages.length} pages were found`);
  for (const { path, text } of pages) {
    assert.deepEqual(headingsOf(text, 2), SECTIONS, path);
    const titles = headingsOf(text, 1);
    assert.equal(titles.length, 1, path);
    assert.match(titles[0] ?? "", /^\S.*: \S/, path);
  }
});

test("the index of remedies names every page", () => {
  const named = new Set(linksOf(pageAt(INDEX).text).map(({ target }) => target));
  for (const { path } of pages) assert.ok(named.has(path.replace("docs/remedies/", "")), path);
});
