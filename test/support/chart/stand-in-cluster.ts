import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { Manifest } from "./manifest.ts";

/** Kinds that Helm may ask about, by their group and version. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: ["ConfigMap", "Secret", "Service", "ServiceAccount"],
  "apps/v1": ["DaemonSet", "Deployment"],
  "batch/v1": ["Job"],
  "policy/v1": ["PodDisruptionBudget"],
  "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
};

/**
 * As much of the API of Kubernetes as Helm reads to render a chart with `lookup`: what kinds there are, and these objects.
 * Returns its URL.
 */
export async function startStandInCluster(t: TestContext, objects: readonly Manifest[]): Promise<string> {
  const answers = new Map<string, unknown>([
    ...discovery(),
    ...objects.map((one) => [pathOf(one), one] as const),
  ]);
  const server = createServer(({ url = "" }, response) => {
    const answer = answers.get(url.split("?")[0] ?? "");
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(
      JSON.stringify(answer ?? { kind: "Status", status: "Failure", reason: "NotFound", code: 404 }),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  return `/api/${apiVersion}/namespaces/${metadata.namespace}/${pluralOf(kind)}/${metadata.name}`;
}

function discovery(): [path: string, answer: unknown][] {
  const versions = Object.keys(KINDS);
  const groups = versions
    .filter((version) => version.includes("/"))
    .map((version) => {
      const preferredVersion = { groupVersion: version, version: "v1" };
      return { name: version.split("/")[0], versions: [preferredVersion], preferredVersion };
    });
  return [
    ["/version", { major: "1", minor: "34", gitVersion: "v1.34.2" }],
    ["/api", { kind: "APIVersions", versions: ["v1"] }],
    ["/apis", { kind: "APIGroupList", apiVersion: "v1", groups }],
    ...versions.map((version): [string, unknown] => [
      version.includes("/") ? `/apis/${version}` : `/api/${version}`,
      { kind: "APIResourceList", groupVersion: version, resources: (KINDS[version] ?? []).map(resourceOf) },
    ]),
  ];
}

function resourceOf(kind: string) {
  return { name: pluralOf(kind), namespaced: true, kind, verbs: ["get", "list", "create", "patch"] };
}

function pluralOf(kind: string): string {
  return `${kind.toLowerCase()}s`;
}
