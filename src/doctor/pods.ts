import type { KubernetesConfig, TargetConfig } from "../config/schema.ts";
import { reasonOf } from "../runtime/reason.ts";
import { NODE_UNKNOWN, type OwnPod, ownPodOf } from "../sources/discovery/pods/cluster-access.ts";
import { isRunning, targetOfPod } from "../sources/discovery/pods/pod.ts";
import { podProblem } from "../sources/discovery/pods/pod-problem.ts";
import { PODS_MAX, type PodQuery, podQueries } from "../sources/discovery/pods/pod-query.ts";
import { PodsApi } from "../sources/discovery/pods/pods-api.ts";
import { type Finding, Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";

const NAMED_MAX = 5;

export interface FoundPods {
  readonly targets: readonly TargetConfig[];
  readonly findings: readonly Finding[];
}

/** The pods that `discovery.kubernetes` means now, as far as they may be listed from here. */
export async function findPods(options: DoctorOptions): Promise<FoundPods> {
  const { kubernetes, observe } = options.config.discovery;
  if (kubernetes === undefined) return { targets: [], findings: [] };
  const findings = new Findings("pods");
  const ownPod = ownPodOrNot(options, findings);
  if (ownPod === null) return { targets: [], findings: findings.all };
  const { access, nodeName } = ownPod;
  if (observe === "local" && !nodeName) findings.fail("node", NODE_UNKNOWN);
  // Who runs it in an agent's pod wants to know what that agent sees.
  const isLocal = observe === "local" || (observe === undefined && nodeName !== undefined);
  const queries = podQueries(kubernetes, ownPod, (isLocal && nodeName) || null);
  const api = new PodsApi(access);
  const found = await Promise.all(
    queries.map((query) => listed({ api, query, kubernetes, findings, signal: options.signal })),
  );
  await api.close();
  const byAddress = new Map(found.flat().map((target) => [`${target.cluster} ${target.address}`, target]));
  return { targets: [...byAddress.values()], findings: findings.all };
}

function ownPodOrNot({ ownPod }: DoctorOptions, findings: Findings): OwnPod | null {
  try {
    return ownPod ?? ownPodOf(process.env);
  } catch (error) {
    findings.warn("listed", `${reasonOf(error)}; what they need is looked at from the agent's pod`);
    return null;
  }
}

interface Listing {
  readonly api: PodsApi;
  readonly query: PodQuery;
  readonly kubernetes: KubernetesConfig;
  readonly findings: Findings;
  readonly signal: AbortSignal;
}

async function listed({ api, query, kubernetes, findings, signal }: Listing): Promise<TargetConfig[]> {
  const { namespace, labelSelector, nodeName } = query;
  const place = `namespace ${namespace}${nodeName === null ? "" : `, node ${nodeName}`}`;
  try {
    const { pods, resourceVersion } = await api.list(query, PODS_MAX, signal);
    const running = pods.filter(isRunning);
    const named = running.slice(0, NAMED_MAX).map(({ name, ip }) => `${name} (${ip})`);
    const more = running.length > NAMED_MAX ? ", ..." : "";
    if (running.length > 0)
      findings.ok("listed", `${running.length} run (${place}): ${named.join(", ")}${more}`);
    else
      findings.warn(
        "listed",
        `none that runs has ${labelSelector} (${place}), of ${pods.length} that have it`,
      );
    await tryWatch({ api, query, findings, signal }, resourceVersion);
    return running.map((pod) => targetOfPod(pod, kubernetes));
  } catch (error) {
    if (!signal.aborted) findings.explained("fail", "listed", problemOf(error, query));
    return [];
  }
}

/** They are followed by a right of its own. The watch is left as soon as it has begun. */
async function tryWatch(
  { api, query, findings, signal }: Omit<Listing, "kubernetes">,
  resourceVersion: string,
): Promise<void> {
  const begun = new AbortController();
  const either = AbortSignal.any([signal, begun.signal]);
  const from = { resourceVersion, seconds: 1 };
  try {
    await api.watch(query, from, either, () => begun.abort()).next();
  } catch (error) {
    if (!either.aborted) findings.explained("fail", "followed", problemOf(error, query));
  }
}

function problemOf(error: unknown, query: PodQuery): string {
  return podProblem(error instanceof Error ? error : new Error(reasonOf(error)), query);
}
