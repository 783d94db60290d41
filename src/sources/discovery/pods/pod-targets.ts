import type { KubernetesConfig, Observe, TargetConfig } from "../../../config/schema.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Logger } from "../../../runtime/logger.ts";
import type { MovingTargets } from "../discovery.ts";
import { canonicalIp } from "../host-names.ts";
import { ClusterAccessError, NODE_UNKNOWN, type OwnPod, ownPodOf } from "./cluster-access.ts";
import { NamespacePods } from "./namespace-pods.ts";
import { isRunning, type RunningPod, targetOfPod } from "./pod.ts";
import { podProblem } from "./pod-problem.ts";
import { PODS_MAX, podQueries } from "./pod-query.ts";
import { PodsApi } from "./pods-api.ts";

/** Made once: each use of `localeCompare` makes its own, which takes 40 ms for 1,000 addresses. */
const BY_NUMBER = new Intl.Collator("en", { numeric: true });

export interface PodTargetsOptions {
  readonly config: KubernetesConfig;
  readonly observe: Observe;
  readonly ownPod: OwnPod;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Where the config asks for pods, those; else `undefined`. `ownPod`: what the environment says unless given.
 *
 * Throws: ClusterAccessError where this is no pod that may ask for others.
 */
export function podTargetsOf(
  config: KubernetesConfig | undefined,
  {
    ownPod,
    ...options
  }: Omit<PodTargetsOptions, "config" | "ownPod"> & { readonly ownPod: OwnPod | undefined },
): PodTargets | undefined {
  if (config === undefined) return undefined;
  return new PodTargets({ ...options, config, ownPod: ownPod ?? ownPodOf(process.env) });
}

/** Pods as targets: found by their labels, on the own node or everywhere, and followed. */
export class PodTargets implements MovingTargets {
  readonly #options: PodTargetsOptions;
  readonly #api: PodsApi;
  readonly #nodeName: string | null;
  #namespaces: readonly NamespacePods[] = [];
  #targets: readonly TargetConfig[] = [];
  #isFollowed = true;
  #tell: () => void = () => {};

  /** Throws: ClusterAccessError where the own node is not known, and would have to be. */
  constructor(options: PodTargetsOptions) {
    this.#options = options;
    const { observe, ownPod } = options;
    const { access, nodeName } = ownPod;
    if (observe === "local" && !nodeName) throw new ClusterAccessError(NODE_UNKNOWN);
    this.#nodeName = observe === "local" ? (nodeName ?? null) : null;
    this.#api = new PodsApi(access);
  }

  start(onChange: () => void): void {
    this.#tell = onChange;
    const { config, ownPod, clock } = this.#options;
    this.#namespaces = podQueries(config, ownPod, this.#nodeName).map(
      (query) =>
        new NamespacePods({
          api: this.#api,
          query,
          // One more, so that it shows when some are left out.
          podsMax: PODS_MAX + 1,
          clock,
          onChange: () => this.#review(),
        }),
    );
  }

  get isKnown(): boolean {
    return this.#namespaces.length > 0 && this.#namespaces.every(({ isKnown }) => isKnown);
  }

  get targets(): readonly TargetConfig[] {
    return this.#targets;
  }

  /** Those of pods of the own node. */
  get ownAddresses(): readonly string[] {
    return this.#nodeName === null ? [] : this.#running().map(({ ip }) => canonicalIp(ip));
  }

  problems(): string[] {
    const lines = this.#namespaces.flatMap(({ problem, query }) =>
      problem ? [podProblem(problem, query)] : [],
    );
    if (this.#running().length > PODS_MAX) {
      lines.push(
        `more than ${PODS_MAX} pods have ${this.#options.config.labelSelector}: only so many are watched`,
      );
    }
    return this.#nodeName === null ? [...lines, ...this.#noneLines()] : lines;
  }

  /** Of the agents of a cluster most may be on nodes without pods of servers. */
  notes(): string[] {
    return this.#nodeName === null ? [] : this.#noneLines();
  }

  async stop(): Promise<void> {
    for (const namespace of this.#namespaces) namespace.stop();
    await this.#api.close();
  }

  #noneLines(): string[] {
    if (!this.isKnown || this.#targets.length > 0) return [];
    const { labelSelector } = this.#options.config;
    const places = this.#namespaces.map(({ query }) => query.namespace).join(", ");
    const where = this.#nodeName === null ? "" : ` on node ${this.#nodeName}`;
    return [
      `no running pod${where} has ${labelSelector} (namespace ${places}): nothing is to be watched here`,
    ];
  }

  #running(): RunningPod[] {
    return this.#namespaces.flatMap(({ pods }) => pods.filter(isRunning));
  }

  #review(): void {
    this.#noteFollowed();
    const before = new Map(this.#targets.map((target) => [idOf(target), target]));
    const targets = new Map<string, TargetConfig>();
    for (const pod of this.#running().slice(0, PODS_MAX)) {
      const target = targetOfPod(pod, this.#options.config);
      // Of two pods at one address the later one has it: the other is about to be gone.
      targets.set(target.address, before.get(idOf(target)) ?? target);
    }
    this.#targets = [...targets.values()].sort((a, b) => BY_NUMBER.compare(a.address, b.address));
    this.#tell();
  }

  /** Logs the change, not each try. */
  #noteFollowed(): void {
    const { logger } = this.#options;
    const [lost] = this.#namespaces.filter(({ problem }) => problem !== null);
    const isFollowed = lost === undefined;
    if (isFollowed === this.#isFollowed) return;
    this.#isFollowed = isFollowed;
    if (lost?.problem) logger.warn({ reason: podProblem(lost.problem, lost.query) }, "pods are not followed");
    else logger.info("pods are followed again");
  }
}

function idOf({ cluster, address }: TargetConfig): string {
  return `${cluster} ${address}`;
}
