import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { pageAt, ROOT } from "../../support/documentation.ts";
import { headingsOf, linksOf } from "../../support/markdown.ts";

const RUNBOOKS_URL = "https://github.com/keyheat/keyheat/blob/main/docs/runbooks/";
const HEADINGS = ["What it means", "What users feel", "Look at", "Do", "When to silence"];

interface AlertRule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
}

const { groups } = yamlAt("deploy/helm/keyheat/rules/keyheat.yaml") as { groups: { rules: AlertRule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const pages = readdirSync(join(ROOT, "docs/runbooks")).filter((name) => name !== "README.md");

test("every alert has a severity, says what is wrong, and leads to its page", () => {
  assert.ok(alerts.length >= 10);
  for (const { alert, labels, annotations } of alerts) {
    assert.match(`${labels.severity}`, /^(critical|warning|info)$/, alert);
    assert.ok(`${annotations.summary}`.length > 10 && `${annotations.description}`.length > 80, alert);
    assert.equal(annotations.runbook_url, `${RUNBOOKS_URL}${pageOf(alert)}`);
  }
});

test("every alert has its page, and every page its alert", () => {
  assert.deepEqual(pages.toSorted(), alerts.map(({ alert }) => pageOf(alert)).sort());
});

test("every page says what it means, what users feel, what to look at and do, and when to silence it", () => {
  for (const { alert } of alerts) {
    const { text } = pageAt(`docs/runbooks/${pageOf(alert)}`);
    assert.deepEqual(headingsOf(text), [alert, ...HEADINGS], alert);
    const sections = text.split(/^## .*$/m).slice(1);
    for (const section of sections) assert.ok(section.trim().length > 7, `${alert}: a section says nothing`);
  }
});

test("the index has every alert, with its severity", () => {
  const { text } = pageAt("docs/runbooks/README.md");
  const linked = new Set(linksOf(text).map(({ target }) => target));
  for (const { alert, labels } of alerts) {
    assert.ok(linked.has(pageOf(alert)), alert);
    assert.ok(text.includes(`| [${alert}](${pageOf(alert)}) | ${labels.severity} |`), alert);
  }
});

test("every alert is tested to fire and to keep silent", () => {
  const { tests } = yamlAt("deploy/prometheus/keyheat.test.yaml") as { tests: RuleTest[] };
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test ?? []);
  for (const { alert } of alerts) {
    const counts = cases
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts }) => exp_alerts.length);
    assert.ok(counts.includes(0), `${alert} is never silent`);
    assert.ok(
      counts.some((count) => count > 0),
      `${alert} never fires`,
    );
  }
});

test("the index has every metric that dashboards and alerts ask for", () => {
  const { text } = pageAt("docs/runbooks/README.md");
  const asked = ["deploy/helm/keyheat/rules", "deploy/helm/keyheat/dashboards"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((name) =>
      metricsIn(readFileSync(join(ROOT, folder, name), "utf8")),
    ),
  );
  assert.ok(new Set(asked).size > 12);
  for (const metric of new Set(asked)) assert.ok(text.includes(`\`${metric}\``), metric);
});

function metricsIn(text: string): string[] {
  return text.match(/\b(?:keyheat|process)_[a-z_]+\b(?=[{[)\\ ])/g) ?? [];
}

/** `KeyheatHotKey`: `keyheat-hot-key.md`. */
function pageOf(alert: string): string {
  return `${alert.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}.md`;
}

function yamlAt(path: string): unknown {
  return parse(readFileSync(join(ROOT, path), "utf8"));
}
