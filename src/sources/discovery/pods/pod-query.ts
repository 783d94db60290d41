import type { KubernetesConfig } from "../../../config/schema.ts";
import type { OwnPod } from "./cluster-access.ts";

/** As many pods as targets may be listed. */
export const PODS_MAX = 1000;

/** Which pods are meant. */
export interface PodQuery {
  readonly namespace: string;
  readonly labelSelector: string;
  /** `null`: on any node. */
  readonly nodeName: string | null;
}

/** What a config means, one query a namespace: that of the own pod where it names none. */
export function podQueries(
  { labelSelector, namespaces }: KubernetesConfig,
  { access }: OwnPod,
  nodeName: string | null,
): PodQuery[] {
  const places = namespaces ?? [access.namespace];
  return places.map((namespace) => ({ namespace, labelSelector, nodeName }));
}
