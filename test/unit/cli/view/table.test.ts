import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { displayWidth } from "../../../../src/cli/view/display-text.ts";
import { type Column, tableLines } from "../../../../src/cli/view/table.ts";

interface Row {
  readonly key: string;
  readonly bytes: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: "KEY", isFlexible: true, cell: ({ key }) => key },
  { head: "BYTES", align: "right", cell: ({ bytes }) => String(bytes) },
];

describe("a table", () => {
  test("has its columns below their heads", () => {
    const rows = [
      { key: "user:1", bytes: 5 },
      { key: "a", bytes: 123_456 },
    ];
    assert.deepEqual(tableLines(COLUMNS, rows), ["KEY      BYTES", "user:1       5", "a       123456"]);
  });

  test("keeps its columns below wide characters", () => {
    const rows = [
      { key: "商品:1", bytes: 5 },
      { key: "🔥", bytes: 7 },
      { key: "plain", bytes: 9 },
    ];
    const widths = tableLines(COLUMNS, rows).map((line) => displayWidth(line));
    assert.deepEqual(new Set(widths), new Set([widths[0]]));
  });

  test("cuts the key in its middle where the terminal is too narrow, and never the numbers", () => {
    const rows = [{ key: `head-${"x".repeat(100)}-tail`, bytes: 123_456 }];
    const [, line = ""] = tableLines(COLUMNS, rows, 40);
    assert.equal(displayWidth(line), 40);
    assert.match(line, /^head-x+…x+-tail {2}123456$/);
  });

  test("is not as wide as its longest name, also where there is no terminal", () => {
    const rows = [{ key: "x".repeat(300), bytes: 1 }];
    for (const line of tableLines(COLUMNS, rows)) assert.ok(displayWidth(line) <= 110, line);
  });

  test("is its head alone where there are no rows", () => {
    assert.deepEqual(tableLines(COLUMNS, []), ["KEY  BYTES"]);
  });
});
