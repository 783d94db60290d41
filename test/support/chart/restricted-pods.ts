import type { Container, PodSpec } from "./manifest.ts";

const VOLUMES = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

/**
 * In what a pod does not meet the restricted Pod Security Standard, a line each; and it must not write to its root.
 *
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 */
export function restrictedProblems(pod: PodSpec): string[] {
  const containers = [...pod.containers, ...(pod.initContainers ?? [])];
  return [...podProblems(pod), ...containers.flatMap((container) => containerProblems(container, pod))];
}

function podProblems({ hostNetwork, hostPID, hostIPC, volumes = [] }: PodSpec): string[] {
  const host = Object.entries({ hostNetwork, hostPID, hostIPC }).filter(([, value]) => value === true);
  const kinds = volumes.flatMap(({ name: _, ...kind }) => Object.keys(kind));
  return [
    ...host.map(([key]) => `${key} is set`),
    ...kinds.filter((kind) => !VOLUMES.has(kind)).map((kind) => `a volume is a ${kind}`),
  ];
}

function containerProblems(
  { name, ports = [], securityContext: own = {} }: Container,
  pod: PodSpec,
): string[] {
  const merged = { ...pod.securityContext, ...own };
  const { capabilities, seccompProfile } = merged as {
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
    readonly seccompProfile?: { readonly type?: string };
  };
  const added = (capabilities?.add ?? []).filter((capability) => capability !== "NET_BIND_SERVICE");
  const profile = seccompProfile?.type ?? "none";
  const rules: readonly [isMet: boolean, problem: string][] = [
    [own.privileged !== true, "is privileged"],
    [own.allowPrivilegeEscalation === false, "may escalate its privileges"],
    [own.readOnlyRootFilesystem === true, "may write to its root"],
    [capabilities?.drop?.includes("ALL") === true, "keeps capabilities"],
    [added.length === 0, `adds capabilities ${added}`],
    [merged.runAsNonRoot === true && merged.runAsUser !== 0, "may run as root"],
    [["RuntimeDefault", "Localhost"].includes(profile), `has the seccomp profile ${profile}`],
    [ports.every(({ hostPort }) => hostPort === undefined), "has a port of the host"],
  ];
  return rules.filter(([isMet]) => !isMet).map(([, problem]) => `${name} ${problem}`);
}
