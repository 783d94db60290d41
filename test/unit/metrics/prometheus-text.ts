import assert from "node:assert/strict";

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/y;

/** Reads Prometheus text strictly; fails on whatever Prometheus would refuse, two equal series included. */
export function parsePrometheus(text: string): { series: Series[]; types: ReadonlyMap<string, string> } {
  assert.ok(text.endsWith("\n"));
  const types = new Map<string, string>();
  const series: Series[] = [];
  const seen = new Set<string>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined && type !== undefined) types.set(typed, type);
    if (line.startsWith("#")) continue;
    const [, name, labels = "", value] = LINE.exec(line) ?? [];
    assert.ok(name !== undefined && value !== undefined, `no series: ${line}`);
    const one = { name, labels: parseLabels(labels), value: Number(value) };
    const id = JSON.stringify([name, one.labels]);
    assert.ok(!seen.has(id), `twice: ${line}`);
    seen.add(id);
    series.push(one);
  }
  return { series, types };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let end = 0; end < text.length; end = LABEL.lastIndex) {
    LABEL.lastIndex = end;
    const [, name, value] = LABEL.exec(text) ?? [];
    assert.ok(name !== undefined && value !== undefined, `no labels: ${text}`);
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character));
  }
  return labels;
}
