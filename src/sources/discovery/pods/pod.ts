import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { targetFoundAt } from "../../../config/resolve.ts";
import type { KubernetesConfig, TargetConfig } from "../../../config/schema.ts";
import { canonicalIp } from "../host-names.ts";

/** Of a pod, what matters here. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
const podSchema = z.object({
  metadata: z.object({
    uid: z.string().min(1),
    name: z.string(),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    resourceVersion: z.string().optional(),
  }),
  status: z.object({ phase: z.string().optional(), podIP: z.string().optional() }).optional(),
});

export interface Pod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `null`: it has none (yet), or its containers have not begun, or have ended. */
  readonly ip: string | null;
  /** `null`: not told. */
  readonly resourceVersion: string | null;
}

/** One that can be reached. */
export type RunningPod = Pod & { readonly ip: string };

export function isRunning(pod: Pod): pod is RunningPod {
  return pod.ip !== null;
}

/** Whether two states of a pod differ in nothing that counts: most changes are of its conditions. */
export function isAlike(one: Pod, other: Pod): boolean {
  return one.ip === other.ip && isDeepStrictEqual(one.labels, other.labels);
}

/** How to reach the server in a pod. */
export function targetOfPod({ ip, labels }: RunningPod, config: KubernetesConfig): TargetConfig {
  const { clusterLabel, cluster, port } = config;
  const named = clusterLabel === undefined ? undefined : labels[clusterLabel];
  return targetFoundAt(config, canonicalIp(ip), port, named || cluster);
}

/**
 * A pod as the API server has it. One that is being deleted serves until it is gone.
 *
 * Throws: ZodError for what is no pod.
 */
export function podOf(json: unknown): Pod {
  const { metadata, status } = podSchema.parse(json);
  const { uid, name, namespace, labels = {}, resourceVersion = null } = metadata;
  const ip = status?.phase === "Running" && status.podIP ? status.podIP : null;
  return { uid, name, namespace, labels, ip, resourceVersion };
}
