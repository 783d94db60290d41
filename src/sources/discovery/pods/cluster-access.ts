import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";

/** Where Kubernetes mounts what a pod may show to the API server. */
const MOUNTED = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Why the pods of the own node cannot be told, and what to do. */
export const NODE_UNKNOWN =
  "discovery.kubernetes needs NODE_NAME in the environment to find the pods of the own node (env: - { name: NODE_NAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }); discovery.observe: all takes those of all nodes";

/** How a pod reaches the API server of its cluster. */
export interface ClusterAccess {
  /** Without a trailing slash. */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** Tokens are renewed about each hour: the file is read anew for each request. */
  readonly tokenFile: string;
  /** Of the own pod. */
  readonly namespace: string;
}

/** What a process knows of the pod that it runs in. */
export interface OwnPod {
  readonly access: ClusterAccess;
  /** Of the node that it runs on, where the environment says it. */
  readonly nodeName: string | undefined;
}

export class ClusterAccessError extends Error {
  override readonly name = "ClusterAccessError";
}

/** Throws: ClusterAccessError, as `inClusterAccess`. */
export function ownPodOf(env: NodeJS.ProcessEnv): OwnPod {
  return { access: inClusterAccess(env), nodeName: env.NODE_NAME };
}

/**
 * What Kubernetes gives every pod that mounts its service account.
 *
 * Throws: ClusterAccessError, outside a pod, or where the account is not mounted.
 * Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 */
export function inClusterAccess(env: NodeJS.ProcessEnv, folder = MOUNTED): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (!host) {
    throw new ClusterAccessError(
      "discovery.kubernetes works in a pod only: KUBERNETES_SERVICE_HOST is not set; elsewhere list the servers under targets",
    );
  }
  return {
    url: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: mounted(folder, "ca.crt"),
    tokenFile: join(folder, "token"),
    namespace: mounted(folder, "namespace").trim(),
  };
}

function mounted(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (cause) {
    const message =
      "discovery.kubernetes needs the pod's service account: set automountServiceAccountToken: true in the pod's spec";
    throw new ClusterAccessError(message, { cause });
  }
}
