import { Agent } from "./agent.ts";
import { agentReadiness, withNotes } from "./agent-readiness.ts";
import type { Config } from "./config/schema.ts";
import { createAgentServer } from "./http/server.ts";
import type { ProbeViews } from "./http/views.ts";
import { startMetrics } from "./metrics/meter.ts";
import { serviceResource } from "./metrics/resource.ts";
import { RecordedOutlet } from "./recorded-outlet.ts";
import type { Recording } from "./recording/recording.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import { systemClock } from "./runtime/clock.ts";
import { instanceName } from "./runtime/instance-name.ts";
import { ServedHotSet } from "./served-hot-set.ts";
import { problemCount, type Service, type ServiceOptions, uniqueLines } from "./service.ts";
import { podTargetsOf } from "./sources/discovery/pods/pod-targets.ts";
import { KafkaConnection, type KafkaSettings, kafkaSettings } from "./transport/kafka/connection.ts";
import { PanesPublisher } from "./transport/kafka/panes-publisher.ts";
import { panesPartition } from "./transport/kafka/partitioning.ts";
import type { KafkaProblem } from "./transport/kafka/problem.ts";
import { TopicTable } from "./transport/kafka/topic-table.ts";
import { MessageBuckets } from "./transport/message-buckets.ts";
import type { Message } from "./transport/transport.ts";
import { decodeHotSet } from "./wire/hot-set-codec.ts";
import { encodeMessage } from "./wire/message-codec.ts";

/** Stages close one after the other; all of it stays under the 5 s that a stop may take. */
const PUBLISHER_CLOSE_MS = 2500;
const TABLE_CLOSE_MS = 1000;
const RECORDING_CLOSE_MS = 500;
const USUAL_PORT = 9379;

export interface AgentServiceOptions extends ServiceOptions {
  /** Takes note of everything that is published; it is closed with the rest. */
  readonly recording?: Recording | null;
}

/**
 * An agent as a process of its own: targets and client samples -> panes -> Kafka; and the hot set from there.
 *
 * Throws: ListenError where the address cannot be had, ClusterAccessError where pods are wanted and cannot be asked for.
 */
export async function startAgent(
  config: Config,
  { logger, clock = systemClock, onDead, recording = null, ownPod }: AgentServiceOptions,
): Promise<Service> {
  const name = instanceName(config.http.listen, USUAL_PORT);
  const observe = config.discovery.observe ?? "local";
  const pods = podTargetsOf(config.discovery.kubernetes, { observe, ownPod, clock, logger });
  const settings = kafkaSettings(config.kafka);
  const connection = new KafkaConnection(settings, { logger, clock, clientId: `keyheat-agent-${name}` });
  const publisher = new PanesPublisher({
    connection,
    encode: encodeMessage,
    route: routes(settings),
    entriesMax: config.panes.publish,
  });
  const outlet = recording === null ? publisher : new RecordedOutlet(publisher, recording);
  const agent = new Agent({ config, observe, pods, transport: outlet, clock, logger, name });
  const hotSet = new ServedHotSet({ rawKeyOf: (key) => agent.rawKeyOf(key), clock });
  const table = hotSetTable(connection, hotSet, onDead);
  table.start();
  const startedMs = clock.monotonic();
  const books = (): StageBooks[] => [...agent.books(), ...outlet.books(), ...server.books()];
  const metrics = startMetrics({
    config: config.metrics,
    views: {
      books,
      hotkeys: () => [],
      firing: () => [],
      coverage: () => [],
      notifications: () => [],
      leases: () => [],
      taps: () => agent.taps(),
      problems: () => problemCount(readiness()),
    },
    resource: serviceResource("keyheat-agent", name),
    logger,
  });
  // That Kafka is away holds nothing up: panes are kept meanwhile.
  const kafkaProblems = () => uniqueLines([publisher.problem(), table.problem()]);
  const readiness = () => agentReadiness(agent, kafkaProblems(), clock.monotonic() - startedMs);
  const probes: ProbeViews = {
    readiness: () => withNotes(readiness(), agent.notes()),
    prometheus: config.metrics.prometheus.enabled ? () => metrics.prometheus() : null,
  };
  const stopStages = async () => {
    hotSet.stop();
    await agent.stop();
    await Promise.all([
      publisher.close(PUBLISHER_CLOSE_MS),
      table.close(TABLE_CLOSE_MS),
      recording?.close(RECORDING_CLOSE_MS),
    ]);
    await metrics.close();
  };
  const intake = config.sources.samples.enabled ? { samples: agent } : {};
  const server = await createAgentServer({ config, probes, logger, clock, hotSet, ...intake }).catch(
    async (error: unknown) => {
      await stopStages();
      throw error;
    },
  );
  return {
    url: server.address,
    books,
    stop: async () => {
      await server.close();
      await stopStages();
    },
  };
}

/** Which partitions have to hear of a message: those of the buckets that it concerns, each once. */
function routes({ buckets, partitions }: KafkaSettings) {
  const concerned = new MessageBuckets(buckets);
  return (message: Message) => {
    const byPartition = new Map<number, string>();
    for (const bucket of concerned.of(message)) {
      const partition = panesPartition(message.cluster, bucket, partitions);
      if (!byPartition.has(partition)) byPartition.set(partition, `${message.cluster}/${bucket}`);
    }
    return Array.from(byPartition, ([partition, key]) => ({ partition, key }));
  };
}

function hotSetTable(
  connection: KafkaConnection,
  hotSet: ServedHotSet,
  onDead: (problem: KafkaProblem) => void,
): TopicTable {
  return new TopicTable({
    connection,
    topics: [connection.topics.hotset],
    onRecords: (_topic, _partition, records) => {
      for (const { value } of records) {
        const decoded = value === null ? { problem: "no value" } : decodeHotSet(value);
        if ("value" in decoded) hotSet.put(decoded.value);
        else connection.logger.debug({ reason: decoded.problem }, "record of the hot set cannot be read");
      }
    },
    onDead,
  });
}
