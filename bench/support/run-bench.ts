import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cardLines, machineCard } from "./machine-card.ts";
import { type Goal, goalLine, type Table, tableJson, tableLines } from "./report.ts";

/** What a case gets, and where it puts what it found. */
export interface Bench {
  /** Fewer runs: shows that the case works, the figures are rough. */
  readonly isQuick: boolean;
  /** Prints a table as soon as it is there, and keeps it for the JSON. */
  table(table: Table): void;
  goal(goal: Goal): void;
  /** A line of progress, to standard error. */
  progress(line: string): void;
}

/**
 * Runs one case: `node bench/NAME.bench.ts [--quick] [--json FILE]`. Tables go to standard output and, with the
 * machine's card, as JSON to FILE (default `bench/results/NAME.json`). A missed goal is printed, not an error.
 */
export async function runBench(name: string, measure: (bench: Bench) => Promise<void>): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
  });
  const file = values.json ?? fileURLToPath(new URL(`../results/${name}.json`, import.meta.url));
  const tables: Table[] = [];
  const goals: Goal[] = [];
  const card = await machineCard();
  print([`== ${name}${values.quick ? " (quick)" : ""}`, ...cardLines(card), ""]);
  await measure({
    isQuick: values.quick,
    table: (table) => {
      tables.push(table);
      print([...tableLines(table), ""]);
    },
    goal: (goal) => {
      goals.push(goal);
      print([goalLine(goal)]);
    },
    progress: (line) => process.stderr.write(`${name}: ${line}\n`),
  });
  mkdirSync(dirname(file), { recursive: true });
  const result = { name, quick: values.quick, card, tables: tables.map(tableJson), goals };
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  print(["", `written to ${file}`, ""]);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
