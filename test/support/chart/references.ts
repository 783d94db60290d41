import { type Labels, type Manifest, nameOf, type PodTemplate, workloads } from "./manifest.ts";

/** What pods and others name that has to be there. */
export function referencesOf(manifests: readonly Manifest[]): Set<string> {
  const ofPods = workloads(manifests).flatMap(({ spec }) => podReferences(spec.template));
  const ofMonitors = manifests.flatMap(({ spec }) =>
    [...(spec?.endpoints ?? []), ...(spec?.podMetricsEndpoints ?? [])].map(
      ({ authorization }) => `Secret/${authorization.credentials.name}`,
    ),
  );
  const ofBindings = manifests.flatMap(({ roleRef, subjects = [] }) => [
    ...(roleRef ? [`${roleRef.kind}/${roleRef.name}`] : []),
    ...subjects.map(({ kind, name }) => `${kind}/${name}`),
  ]);
  return new Set([...ofPods, ...ofMonitors, ...ofBindings]);
}

function podReferences({ spec }: PodTemplate): string[] {
  const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  const env = spec.containers.flatMap((container) => [
    ...(container.env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...(container.envFrom ?? []).map(({ secretRef }) => secretRef?.name),
  ]);
  const secrets = [
    ...sources.map(({ secret }) => secret?.name),
    ...(spec.volumes ?? []).map(({ secret }) => secret?.secretName),
    ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...env,
  ];
  return [
    ...prefixed("Secret", secrets),
    ...prefixed(
      "ConfigMap",
      sources.map(({ configMap }) => configMap?.name),
    ),
    ...prefixed("ServiceAccount", [spec.serviceAccountName]),
    ...prefixed(
      "PersistentVolumeClaim",
      (spec.volumes ?? []).map(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName),
    ),
  ];
}

function prefixed(kind: string, names: readonly (string | undefined)[]): string[] {
  return names.filter((name) => name !== undefined).map((name) => `${kind}/${name}`);
}

/** References that no manifest answers, with the names of those that the user brings left out. */
export function missingReferences(manifests: readonly Manifest[], brought: readonly string[]): string[] {
  const there = new Set([...manifests.map(nameOf), ...brought]);
  return [...referencesOf(manifests)].filter((reference) => !there.has(reference)).sort();
}

/**
 * What selects nothing, a line each: selectors that match no pod, or more than the pods of one workload; ports that the
 * selected pods have not; probes and mounts that name nothing of their pod.
 */
export function looseEnds(manifests: readonly Manifest[]): string[] {
  return [
    ...manifests.flatMap((one) => selectorProblems(one, manifests)),
    ...workloads(manifests).flatMap(podProblems),
  ];
}

function selectorProblems(manifest: Manifest, manifests: readonly Manifest[]): string[] {
  const selector = selectorOf(manifest);
  if (selector === undefined) return [];
  const selected = workloads(manifests).filter(({ spec }) =>
    matches(selector, spec.template.metadata.labels),
  );
  if (manifest.kind === "ServiceMonitor") return monitoredServiceProblems(manifest, selector, manifests);
  if (selected.length !== 1) return [`${nameOf(manifest)} selects ${selected.length} workloads`];
  const ports = new Set(
    selected[0]?.spec.template.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
  );
  const wanted = [
    ...(manifest.kind === "Service" ? (manifest.spec?.ports ?? []).map(({ targetPort }) => targetPort) : []),
    ...(manifest.spec?.podMetricsEndpoints ?? []).map(({ port }) => port),
  ];
  return wanted
    .filter((port) => port === undefined || !ports.has(port))
    .map((port) => `${nameOf(manifest)}: the pods have no port ${port}`);
}

function monitoredServiceProblems(
  manifest: Manifest,
  selector: Labels,
  manifests: readonly Manifest[],
): string[] {
  const services = manifests.filter(
    ({ kind, metadata }) => kind === "Service" && matches(selector, metadata.labels ?? {}),
  );
  const ports = services.flatMap(({ spec }) => (spec?.ports ?? []).map(({ name }) => name));
  const isRight =
    services.length === 1 && manifest.spec?.endpoints?.every(({ port }) => ports.includes(port));
  return isRight ? [] : [`${nameOf(manifest)} selects ${services.length} services, with ports ${ports}`];
}

function selectorOf({ kind, spec }: Manifest): Labels | undefined {
  if (kind === "Service") return spec?.selector as Labels | undefined;
  return spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels;
}

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function podProblems(manifest: ReturnType<typeof workloads>[number]): string[] {
  const { containers, volumes = [] } = manifest.spec.template.spec;
  const volumeNames = new Set(volumes.map(({ name }) => name));
  return containers.flatMap(({ ports = [], livenessProbe, readinessProbe, volumeMounts = [] }) => {
    const probed = [livenessProbe, readinessProbe].flatMap((probe) => probe?.httpGet.port ?? []);
    const loosePorts = probed.filter((port) => !ports.some(({ name }) => name === port));
    const looseMounts = volumeMounts.filter(({ name }) => !volumeNames.has(name)).map(({ name }) => name);
    return [...loosePorts, ...looseMounts].map((name) => `${nameOf(manifest)}: there is no ${name}`);
  });
}
