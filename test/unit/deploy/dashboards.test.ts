import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Dashboard,
  dashboards,
  type Panel,
  panelQueries,
  variableQueries,
} from "../../support/dashboards.ts";

const GRID_WIDTH = 24;
/** What Grafana itself puts in. */
const BUILT_IN = /^(__\w+|datasource)$/;

const all = dashboards();

for (const [file, dashboard] of all) {
  test(`${file}: it is found where it is looked for, and leads to the others`, () => {
    assert.equal(dashboard.uid, `keyheat-${file.replace(".json", "")}`);
    assert.deepEqual(dashboard.tags, ["keyheat"]);
    assert.deepEqual(
      dashboard.links.map(({ type, tags }) => [type, ...tags]),
      [["dashboards", "keyheat"]],
    );
    assert.deepEqual([dashboard.time.from, dashboard.refresh], ["now-1h", "10s"]);
    assert.ok(dashboard.schemaVersion >= 39 && dashboard.description !== "");
  });

  test(`${file}: its datasource is the one that is chosen, everywhere`, () => {
    const [first] = dashboard.templating.list;
    assert.deepEqual([first?.name, first?.type, first?.query], ["datasource", "datasource", "prometheus"]);
    const panels = dashboard.panels.flatMap((panel) => [
      panel.datasource,
      ...panel.targets.map(({ datasource }) => datasource),
    ]);
    const variables = dashboard.templating.list.slice(1).map(({ datasource }) => datasource);
    for (const datasource of [...panels, ...variables]) {
      assert.equal(datasource?.type, "prometheus");
      assert.match(datasource.uid, /^\$\{datasource\}$/);
    }
  });

  test(`${file}: every variable that is used is there, and every one that is there is used`, () => {
    const defined = dashboard.templating.list.map(({ name }) => name).filter((name) => !BUILT_IN.test(name));
    assert.deepEqual(usedVariables(dashboard), new Set(defined));
  });

  test(`${file}: a variable of several values is matched as a pattern, one of a single value as it is`, () => {
    const isMulti = new Map(dashboard.templating.list.map(({ name, multi }) => [name, multi]));
    for (const { of, expr } of [...panelQueries(dashboard), ...variableQueries(dashboard)]) {
      for (const [, operator, name = ""] of expr.matchAll(/(=~|=)"\$(\w+)"/g)) {
        assert.equal(operator, isMulti.get(name) ? "=~" : "=", `${of}: ${expr}`);
      }
    }
  });

  test(`${file}: all jobs are all of Keyheat, not all that Prometheus scrapes`, () => {
    for (const { name, allValue } of dashboard.templating.list) {
      if (name === "job") assert.equal(allValue, ".*keyheat.*");
    }
    for (const { of, expr } of panelQueries(dashboard)) {
      if (/\b(up|process_\w+)\b/.test(expr)) assert.match(expr, /job=~"\$job"/, of);
    }
  });

  // Between double quotes a quote in a name would end it: Grafana escapes backslashes there, quotes only if told so.
  test(`${file}: names of keys are put in as they are, where no quote ends them`, () => {
    for (const { of, expr } of panelQueries(dashboard)) {
      assert.doesNotMatch(expr.replaceAll(/key=`\$\{key:raw\}`/g, ""), /\$\{?key\b/, of);
    }
  });

  test(`${file}: panels have ids of their own, lie in the grid, and not upon each other`, () => {
    const { panels } = dashboard;
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const { title, gridPos } of panels) assert.ok(gridPos.x + gridPos.w <= GRID_WIDTH, title);
    const overlaps = panels.flatMap((panel, index) =>
      panels
        .slice(index + 1)
        .filter((other) => isUpon(panel, other))
        .map(({ title }) => [panel.title, title]),
    );
    assert.deepEqual(overlaps, []);
  });

  test(`${file}: every panel asks a question, explains the answer, and has queries of different names`, () => {
    assert.ok(dashboard.panels.length >= 8);
    assert.equal(new Set(dashboard.panels.map(({ title }) => title)).size, dashboard.panels.length);
    for (const { title, description, targets } of dashboard.panels) {
      assert.match(title, /^[A-Z].*\?$/);
      assert.ok(description.length > 20, title);
      assert.ok(targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    }
  });

  test(`${file}: figures have units, and thresholds that rise`, () => {
    for (const { title, type, fieldConfig } of dashboard.panels) {
      const { unit, decimals, thresholds } = fieldConfig.defaults;
      if (type === "timeseries") assert.ok(unit !== undefined || decimals === 0, title);
      if (type === "stat") assert.ok(thresholds !== undefined, title);
      const values = thresholds?.steps.map(({ value }) => value ?? Number.NEGATIVE_INFINITY) ?? [];
      assert.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
        title,
      );
    }
  });
}

test("these four are there", () => {
  assert.deepEqual(
    all.map(([file]) => file),
    ["cluster.json", "fleet.json", "health.json", "key.json"],
  );
});

test("links in panels lead to dashboards and variables that are there", () => {
  const variablesOf = new Map(
    all.map(([, { uid, templating }]) => [uid, new Set(templating.list.map(({ name }) => name))]),
  );
  const links = all.flatMap(([, dashboard]) => [
    ...JSON.stringify(dashboard).matchAll(/"url":"\/d\/([^"?]+)\?([^"]*)"/g),
  ]);
  assert.ok(links.length >= 3);
  for (const [url, uid = "", query = ""] of links) {
    const variables = variablesOf.get(uid);
    assert.ok(variables, url);
    for (const [, name = ""] of query.matchAll(/var-(\w+)=/g)) assert.ok(variables.has(name), url);
  }
});

/** In queries, and in the links and legends of panels. */
function usedVariables({ panels, templating }: Dashboard): Set<string> {
  const queries = templating.list.map(({ query }) => query);
  const text = JSON.stringify([panels, queries]);
  const names = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = ""]) => name);
  return new Set(names.filter((name) => !BUILT_IN.test(name)));
}

function isUpon({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
