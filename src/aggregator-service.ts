import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { ClusterAggregator } from "./cluster-aggregator.ts";
import { ClusterViews } from "./cluster-views.ts";
import type { Config } from "./config/schema.ts";
import { createServer } from "./http/server.ts";
import type { Readiness, Views } from "./http/views.ts";
import { firingCounts } from "./incidents/firing-counts.ts";
import { KafkaOutlet } from "./kafka-outlet.ts";
import { startMetrics } from "./metrics/meter.ts";
import { serviceResource } from "./metrics/resource.ts";
import type { Incident } from "./model/incident.ts";
import { createReceivers } from "./notify/receivers/registry.ts";
import { startWatchdog } from "./notify/watchdog.ts";
import { systemClock } from "./runtime/clock.ts";
import { instanceName } from "./runtime/instance-name.ts";
import { problemCount, type Service, type ServiceOptions, uniqueLines } from "./service.ts";
import { KafkaConnection, kafkaSettings } from "./transport/kafka/connection.ts";
import { PanesGroup } from "./transport/kafka/panes-group.ts";
import { panesPartition } from "./transport/kafka/partitioning.ts";
import { RecordWriter } from "./transport/kafka/record-writer.ts";
import { TopicTable } from "./transport/kafka/topic-table.ts";

/** Stages close one after the other; all of it stays under the 5 s that a stop may take. */
const NOTIFIER_CLOSE_MS = 1500;
const FLUSH_MS = 800;
const CONSUMERS_CLOSE_MS = 1500;
const WRITER_CLOSE_MS = 500;
/** Without a commit, so much before the windows is read. */
const START_SLACK_MS = 5000;
const USUAL_PORT = 9380;

/**
 * An aggregator as a process of its own, one of those that share the panes topic.
 *
 * Throws: ListenError where the address cannot be had.
 */
export async function startAggregator(
  config: Config,
  { logger, clock = systemClock, onDead }: ServiceOptions,
): Promise<Service> {
  const instance = `${hostname()}-${randomBytes(4).toString("hex")}`;
  const settings = kafkaSettings(config.kafka);
  const { partitions, sessionTimeout } = settings;
  const connection = new KafkaConnection(settings, {
    logger,
    clock,
    clientId: `keyheat-aggregator-${instance}`,
  });
  const { topics } = connection;
  const writer = new RecordWriter({ connection, sheddable: [topics.heat] });
  const outlet = new KafkaOutlet(writer, topics, partitions);
  const listeners = new Set<(incident: Incident) => void>();
  const aggregator = new ClusterAggregator({
    config,
    instance,
    receivers: createReceivers(config.receivers, { clock, logger, externalUrl: config.http.externalUrl }),
    outlet,
    partitionOf: (cluster, bucket) => panesPartition(cluster, bucket, partitions),
    isConfirmed: () => clock.monotonic() - group.confirmedAt < sessionTimeout,
    clock,
    logger,
    onIncident: (incident) => {
      for (const listener of listeners) listener(incident);
    },
  });
  const group: PanesGroup = new PanesGroup({
    connection,
    startAtMs: () => clock.now() - Math.max(...config.windows) - config.grace - START_SLACK_MS,
    handler: {
      assigned: (partition) => aggregator.assigned(partition),
      caughtUp: (partition) => aggregator.caughtUp(partition),
      revoked: (partition) => aggregator.revoked(partition),
      records: (partition, records) => aggregator.panes(partition, records),
      commitOffset: (partition) => aggregator.commitOffset(partition),
    },
    onDead,
  });
  const table = new TopicTable({
    connection,
    topics: [topics.state, topics.heat, topics.hotset],
    onRecords: (topic, _partition, records) => {
      for (const record of records) {
        try {
          if (topic === topics.state) aggregator.state(record);
          else if (topic === topics.heat) aggregator.heat(record);
          else aggregator.hotSet(record);
        } catch (err) {
          logger.error({ err, topic, offset: record.offset }, "record could not be taken in");
        }
      }
    },
    onDead,
  });
  void table.caughtUp.then(() => aggregator.stateRead());
  table.start();
  group.start();

  const kafkaProblems = () => uniqueLines([group.problem(), table.problem(), writer.problem()]);
  const clusterViews = new ClusterViews(aggregator, config, clock);
  const books = () => [...aggregator.books(), ...writer.books(), ...server.books()];
  const metrics = startMetrics({
    config: config.metrics,
    views: {
      books,
      hotkeys: (limit) => clusterViews.ownHottest(limit),
      firing: () => firingCounts(aggregator.incidents, aggregator.rules, clustersOf(config, aggregator)),
      coverage: () => clusterViews.ownCoverage(),
      notifications: () => aggregator.notifier.notifications(),
      leases: () => aggregator.leases.counts(),
      taps: () => [],
      problems: () => problemCount(ready.readiness()),
    },
    resource: serviceResource("keyheat-aggregator", instanceName(config.http.listen, USUAL_PORT)),
    logger,
  });
  const ready = new ReadyLatch(
    () => [
      ...(Number.isFinite(group.confirmedAt) ? [] : ["the group of aggregators is being joined"]),
      ...aggregator.missing(),
    ],
    () => [...kafkaProblems(), ...aggregator.problems(), ...(watchdog?.problems() ?? [])],
  );
  const watchdog = startWatchdog(config.watchdog, {
    // Ready it stays without Kafka, but alone it finds nothing.
    isWell: () => ready.readiness().ready && kafkaProblems().length === 0 && aggregator.notifier.isHeard(),
    clock,
    logger,
  });
  const views: Views = {
    windowsMs: config.windows,
    hotkeys: (cluster, windowMs, limit) => clusterViews.hotkeys(cluster, windowMs, limit),
    incidents: (query) => clusterViews.incidents(query),
    incident: (id) => clusterViews.incident(id),
    coverage: () => clusterViews.coverage(),
    muted: (incident) => aggregator.muting.muted(incident, null),
    readiness: () => ready.readiness(),
    prometheus: config.metrics.prometheus.enabled ? () => metrics.prometheus() : null,
    onIncident: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const stopStages = async () => {
    await watchdog?.close();
    await aggregator.notifier.close(NOTIFIER_CLOSE_MS);
    aggregator.stop();
    await writer.flush(FLUSH_MS);
    await Promise.all([group.close(CONSUMERS_CLOSE_MS), table.close(CONSUMERS_CLOSE_MS), metrics.close()]);
    await writer.close(WRITER_CLOSE_MS);
  };
  const server = await createServer({ config, views, logger, clock, silences: aggregator.silences }).catch(
    async (error: unknown) => {
      await stopStages();
      throw error;
    },
  );
  return {
    url: server.address,
    books,
    setRules: (rules) => aggregator.setRules(rules),
    stop: async () => {
      await server.close();
      await stopStages();
    },
  };
}

/** Those of which this process judges some keys, whoever owns them, and the one that the config names. */
function clustersOf({ cluster }: Config, aggregator: ClusterAggregator): ReadonlySet<string> {
  const judged = Array.from(aggregator.lanes(), ({ windows }) => windows.clusters()).flat();
  return new Set([cluster, ...judged]);
}

/** Ready once it knows what the others know and has its share of the work; what it lacks later is said, no more. */
class ReadyLatch {
  readonly #missing: () => readonly string[];
  readonly #problems: () => readonly string[];
  #hasBeenReady = false;

  constructor(missing: () => readonly string[], problems: () => readonly string[]) {
    this.#missing = missing;
    this.#problems = problems;
  }

  readiness(): Readiness {
    const missing = this.#missing();
    if (missing.length === 0) this.#hasBeenReady = true;
    const lines = [...missing, ...this.#problems()];
    const ready = this.#hasBeenReady;
    return { ready, reasons: ready ? [] : lines, degraded: ready ? lines : [] };
  }
}
