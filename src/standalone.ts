import { Agent } from "./agent.ts";
import { agentReadiness, withNotes } from "./agent-readiness.ts";
import type { Config, Rule } from "./config/schema.ts";
import { createServer } from "./http/server.ts";
import { defaultWindowMs, type Views } from "./http/views.ts";
import { firingCounts } from "./incidents/firing-counts.ts";
import { forgetfulSilences } from "./incidents/silence-store.ts";
import { openStore } from "./incidents/sqlite-store.ts";
import { memoryStore } from "./incidents/store.ts";
import { LocalSilences } from "./local-silences.ts";
import { LoneAggregator } from "./lone-aggregator.ts";
import { startMetrics } from "./metrics/meter.ts";
import { serviceResource } from "./metrics/resource.ts";
import type { MetricViews } from "./metrics/views.ts";
import type { Heat } from "./model/heat.ts";
import type { Incident } from "./model/incident.ts";
import { createReceivers } from "./notify/receivers/registry.ts";
import { startWatchdog } from "./notify/watchdog.ts";
import { RecordedOutlet } from "./recorded-outlet.ts";
import type { Recording } from "./recording/recording.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { instanceName } from "./runtime/instance-name.ts";
import type { Logger } from "./runtime/logger.ts";
import { ServedHotSet } from "./served-hot-set.ts";
import { problemCount } from "./service.ts";
import type { OwnPod } from "./sources/discovery/pods/cluster-access.ts";
import { podTargetsOf } from "./sources/discovery/pods/pod-targets.ts";
import { MemoryTransport } from "./transport/memory.ts";
import type { Windows } from "./windows/windows.ts";

/** Stages close one after the other; all of it stays under the 5 s that a stop may take. */
const TRANSPORT_CLOSE_MS = 500;
const NOTIFIER_CLOSE_MS = 2000;
const RECORDING_CLOSE_MS = 500;
const USUAL_PORT = 9380;

export interface StandaloneOptions {
  readonly logger: Logger;
  /** Where incidents outlive a restart; `null`: nowhere. */
  readonly dataDir: string | null;
  readonly clock?: Clock;
  /** Of Kubernetes, where that is asked for pods. */
  readonly ownPod?: OwnPod | undefined;
  /** Takes note of everything that is published; it is closed with the rest. */
  readonly recording?: Recording | null;
}

export interface Standalone {
  /** Of the API, without a trailing slash. */
  readonly url: string;
  readonly views: Views;
  /** Of every stage: received = kept + dropped. */
  books(): StageBooks[];
  /** Goes by these rules from now on. */
  setRules(rules: readonly Rule[]): void;
  /** Flushes open panes and closes stage by stage, within 5 s. */
  stop(): Promise<void>;
}

/**
 * Agent and aggregator in one process, over the in-memory transport.
 *
 * Throws: ListenError where the address cannot be had, StoreError where the data directory cannot be used,
 * ClusterAccessError where pods are wanted and cannot be asked for.
 */
export async function startStandalone(config: Config, options: StandaloneOptions): Promise<Standalone> {
  const { logger, dataDir, clock = systemClock, recording = null, ownPod } = options;
  const observe = config.discovery.observe ?? "all";
  const pods = podTargetsOf(config.discovery.kubernetes, { observe, ownPod, clock, logger });
  const listeners = new Set<(incident: Incident) => void>();
  const store =
    dataDir === null
      ? { ...memoryStore(), silences: forgetfulSilences }
      : openStore(dataDir, { logger, nowMs: clock.now() });
  const aggregator = new LoneAggregator({
    config,
    buckets: config.kafka.buckets,
    receivers: createReceivers(config.receivers, { clock, logger, externalUrl: config.http.externalUrl }),
    store,
    clock,
    logger,
    onIncident: (incident) => {
      for (const listener of listeners) listener(incident);
    },
    hotSet: { terms: config.hotSet, write: (changed) => hotSet.put(changed) },
  });
  const { windows, targets, incidents, muting, notifier } = aggregator;
  const silences = new LocalSilences(muting.silences, store.silences, clock);
  const transport = new MemoryTransport({ clock, logger, entriesMax: config.panes.publish });
  transport.consume((messages) => aggregator.take(messages));
  aggregator.start();
  const outlet = recording === null ? transport : new RecordedOutlet(transport, recording);
  const agent = new Agent({ config, observe, pods, transport: outlet, clock, logger });
  const hotSet = new ServedHotSet({ rawKeyOf: (key) => agent.rawKeyOf(key), clock });
  const startedMs = clock.monotonic();

  const metricViews: MetricViews = {
    books: () => books(),
    hotkeys: (limit) => hottest(windows, config, limit),
    firing: () => firingCounts(incidents, aggregator.rules, clustersOf(config, windows)),
    coverage: () => targets.coverage(clock.now()),
    notifications: () => notifier.notifications(),
    leases: () => aggregator.leases?.counts() ?? [],
    taps: () => agent.taps(),
    problems: () => problemCount(views.readiness()),
  };
  const metrics = startMetrics({
    config: config.metrics,
    views: metricViews,
    resource: serviceResource("keyheat", instanceName(config.http.listen, USUAL_PORT)),
    logger,
  });
  const readinessWith = (problems: readonly string[]) =>
    withNotes(agentReadiness(agent, problems, clock.monotonic() - startedMs), agent.notes());
  const watchdog = startWatchdog(config.watchdog, {
    isWell: () => notifier.isHeard() && readinessWith([]).ready,
    clock,
    logger,
  });
  const views: Views = {
    windowsMs: config.windows,
    hotkeys: (cluster, windowMs, limit) => windows.top(cluster, windowMs, limit),
    incidents: (query) => incidents.list(query),
    incident: (id) => incidents.get(id),
    coverage: () => targets.coverage(clock.now()),
    muted: (incident) => muting.muted(incident, null),
    readiness: () => readinessWith([...aggregator.problems(), ...(watchdog?.problems() ?? [])]),
    prometheus: config.metrics.prometheus.enabled ? () => metrics.prometheus() : null,
    onIncident: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  const stopStages = async () => {
    await watchdog?.close();
    hotSet.stop();
    await agent.stop();
    await transport.close(TRANSPORT_CLOSE_MS);
    await recording?.close(RECORDING_CLOSE_MS);
    await aggregator.stop(NOTIFIER_CLOSE_MS);
    await metrics.close();
    incidents.close();
  };
  const intake = config.sources.samples.enabled ? { samples: agent } : {};
  const server = await createServer({
    config,
    views,
    logger,
    clock,
    silences,
    hotSet,
    ...intake,
  }).catch(async (error: unknown) => {
    await stopStages();
    throw error;
  });
  const books = () => [...agent.books(), ...outlet.books(), ...aggregator.books(), ...server.books()];
  return {
    url: server.address,
    views,
    books,
    setRules: (rules) => aggregator.setRules(rules),
    stop: async () => {
      await server.close();
      await stopStages();
    },
  };
}

/** The hottest keys of all clusters, in the window that the API shows by default. */
function hottest(windows: Windows, config: Config, limit: number): readonly Heat[] {
  const windowMs = defaultWindowMs(config.windows);
  const heats = windows.clusters().flatMap((cluster) => windows.top(cluster, windowMs, limit).heats);
  heats.sort((one, other) => other.counts.total.estimate - one.counts.total.estimate);
  return heats.slice(0, limit);
}

/** Those of the config, and those that pods name. */
function clustersOf({ cluster, targets }: Config, windows: Windows): ReadonlySet<string> {
  return new Set([cluster, ...targets.map((target) => target.cluster), ...windows.clusters()]);
}
