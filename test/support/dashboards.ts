import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./documentation.ts";

/** A Grafana dashboard as its file has it, as far as tests look at it. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly refresh: string;
  readonly time: { readonly from: string; readonly to: string };
  readonly links: readonly { readonly type: string; readonly tags: readonly string[] }[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly datasource?: DatasourceRef;
  /** Of a datasource its type, else a query of values. */
  readonly query: string | { readonly query: string };
  readonly multi: boolean;
  /** The pattern that "All" is. */
  readonly allValue?: string;
}

export interface DatasourceRef {
  readonly type: string;
  readonly uid: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: DatasourceRef;
  readonly targets: readonly {
    readonly refId: string;
    readonly datasource: DatasourceRef;
    readonly expr: string;
  }[];
  readonly fieldConfig: {
    readonly defaults: {
      readonly unit?: string;
      readonly decimals?: number;
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] };
    };
  };
}

/** A query of a panel, or of the values of a variable. */
export interface DashboardQuery {
  /** `keyheat-fleet: Which keys are hot?` */
  readonly of: string;
  readonly expr: string;
}

const FOLDER = join(ROOT, "deploy/helm/keyheat/dashboards");
const LABEL_VALUES = /^label_values\((.*), (\w+)\)$/;

/** All of them, by the names of their files. */
export function dashboards(): [file: string, dashboard: Dashboard][] {
  const files = readdirSync(FOLDER).sort();
  return files.map((file) => [file, JSON.parse(readFileSync(join(FOLDER, file), "utf8"))]);
}

export function panelQueries({ uid, panels }: Dashboard): DashboardQuery[] {
  return panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ of: `${uid}: ${title}`, expr })),
  );
}

/** The series that `label_values` looks at, and which of their labels. */
export function variableQueries({
  uid,
  templating,
}: Dashboard): (DashboardQuery & { readonly label: string })[] {
  return templating.list.flatMap(({ name, query }) => {
    if (typeof query === "string") return [];
    const [, expr = "", label = ""] = LABEL_VALUES.exec(query.query) ?? [];
    return [{ of: `${uid}: $${name}`, expr, label }];
  });
}
