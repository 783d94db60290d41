import { stringify } from "yaml";
import type { Helm } from "./helm.ts";
import type { Labels, Manifest, PodTemplate } from "./manifest.ts";

const NAMESPACE = "keyheat";

/** Labels and annotations that say something of Helm, or change with what Helm rolls out. */
const OF_HELM = /^(helm\.sh\/|checksum\/|app\.kubernetes\.io\/(managed-by|version)$)/;

const MADE =
  "Made from the Helm chart by `node .dev/render-manifests.ts`: change deploy/helm/keyheat, not this file.";

const NAMESPACE_OBJECT = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: NAMESPACE, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
};

const FLEET = [
  "config.kafka.brokers={kafka-bootstrap.kafka.svc:9092}",
  "agent.config.discovery.kubernetes.labelSelector=app.kubernetes.io/name=redis",
  "agent.config.discovery.kubernetes.namespaces={redis}",
];
const STANDALONE = [
  "standalone.enabled=true",
  "standalone.config.discovery.kubernetes.labelSelector=app.kubernetes.io/name=redis",
  "standalone.config.discovery.kubernetes.namespaces={redis}",
];

/** Contents of the files of deploy/kubernetes, by their name: the chart without Helm. */
export async function plainManifests(helm: Helm): Promise<Map<string, string>> {
  const fleet = await rendered(helm, FLEET);
  const isOf =
    (component: string) =>
    ({ metadata }: Manifest) =>
      metadata.labels?.["app.kubernetes.io/component"] === component;
  return new Map([
    [
      "namespace.yaml",
      fileOf(
        [
          "First of all. Then the token of the API, which all of Keyheat and those who call it share:",
          "  kubectl apply -f namespace.yaml",
          '  kubectl -n keyheat create secret generic keyheat-auth --from-literal=token="$(openssl rand -hex 20)"',
        ],
        [NAMESPACE_OBJECT],
      ),
    ],
    [
      "topics.yaml",
      fileOf(
        [
          "Makes the topics in Kafka, before the aggregators and after an upgrade. Yours to set: kafka.brokers.",
          "  kubectl apply -f topics.yaml",
          "  kubectl -n keyheat wait --for=condition=complete --timeout=120s job/keyheat-topics",
          "A Job cannot be changed: kubectl -n keyheat delete job keyheat-topics, before another one.",
        ],
        fleet.filter(isOf("topics")),
      ),
    ],
    [
      "aggregator.yaml",
      fileOf(
        [
          "Two aggregators. Yours to set: kafka.brokers, and receivers. After a change of the config:",
          "  kubectl -n keyheat rollout restart deployment/keyheat-aggregator",
        ],
        fleet.filter(isOf("aggregator")),
      ),
    ],
    [
      "agent.yaml",
      fileOf(
        [
          "An agent on each node, for the pods of Redis on it. Yours to set: kafka.brokers, the labels of these pods, and",
          "their namespace, in the config and in the Role with its RoleBinding. After a change of the config:",
          "  kubectl -n keyheat rollout restart daemonset/keyheat-agent",
        ],
        fleet.filter(isOf("agent")),
      ),
    ],
    [
      "standalone.yaml",
      fileOf(
        [
          "All in one process, without Kafka, in place of topics, aggregators and agents. Yours to set: the labels of the",
          "pods of Redis, and their namespace, in the config and in the Role with its RoleBinding.",
          "The volume of its incidents is an emptyDir: give it a claim, and they outlive the pod.",
        ],
        await rendered(helm, STANDALONE),
      ),
    ],
  ]);
}

async function rendered(helm: Helm, set: readonly string[]): Promise<Manifest[]> {
  const auth = "auth.existingSecret=keyheat-auth";
  const manifests = await helm.manifests({ set: [auth, ...set], namespace: NAMESPACE });
  return manifests.map(withoutHelm).sort((left, right) => rank(left) - rank(right));
}

/** What others refer to comes first. */
function rank({ kind }: Manifest): number {
  return ["ServiceAccount", "Role", "RoleBinding", "ConfigMap"].indexOf(kind) + 1 || 9;
}

function withoutHelm(manifest: Manifest): Manifest {
  const { metadata, spec } = manifest;
  const template = spec?.template;
  return {
    ...manifest,
    metadata: plainMetadata(metadata),
    ...(spec && { spec: template ? { ...spec, template: plainTemplate(template) } : spec }),
  };
}

function plainTemplate(template: PodTemplate): PodTemplate {
  return { ...template, metadata: plainMetadata(template.metadata) };
}

function plainMetadata<T extends { readonly labels?: Labels; readonly annotations?: Labels }>({
  labels,
  annotations,
  ...metadata
}: T) {
  const kept = plainLabels(annotations);
  return {
    ...metadata,
    labels: plainLabels(labels),
    ...(Object.keys(kept).length > 0 && { annotations: kept }),
  };
}

function plainLabels(labels: Labels = {}): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !OF_HELM.test(key)));
}

function fileOf(comment: readonly string[], objects: readonly object[]): string {
  const head = [MADE, ...comment].map((line) => `# ${line}\n`).join("");
  return `${head}${objects.map((object) => stringify(object, { lineWidth: 0 })).join("---\n")}`;
}
