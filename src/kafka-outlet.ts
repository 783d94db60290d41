import type { ClusterOutlet } from "./cluster-outlet.ts";
import type { ClusterHeats, HeatSnapshot } from "./model/heat-snapshot.ts";
import type { HotSet } from "./model/hot-set.ts";
import { type StateRecord, stateKey } from "./model/state-record.ts";
import type { TopicNames } from "./transport/kafka/names.ts";
import { heatPartition, statePartition } from "./transport/kafka/partitioning.ts";
import type { RecordWriter } from "./transport/kafka/record-writer.ts";
import { encodeHeat } from "./wire/heat-codec.ts";
import { encodeHotSet } from "./wire/hot-set-codec.ts";
import { encodeState } from "./wire/state-codec.ts";

/** Below the topic's `max.message.bytes`. */
const HEAT_BYTES_MAX = 900 * 1024;

/** Writes what aggregators tell each other, and agents, into the topics. */
export class KafkaOutlet implements ClusterOutlet {
  readonly #writer: Pick<RecordWriter, "put">;
  readonly #topics: TopicNames;
  readonly #partitions: number;

  constructor(writer: Pick<RecordWriter, "put">, topics: TopicNames, partitions: number) {
    this.#writer = writer;
    this.#topics = topics;
    this.#partitions = partitions;
  }

  state(record: StateRecord): void {
    this.#writer.put({
      topic: this.#topics.state,
      partition: statePartition(record.authority.cluster, this.#partitions),
      key: stateKey(record),
      value: encodeState(record),
    });
  }

  eraseState(cluster: string, key: string): void {
    const partition = statePartition(cluster, this.#partitions);
    this.#writer.put({ topic: this.#topics.state, partition, key, value: null });
  }

  heat(snapshot: HeatSnapshot): void {
    const { partition } = snapshot;
    this.#writer.put({
      topic: this.#topics.heat,
      partition: heatPartition(partition, this.#partitions),
      key: `${partition}`,
      value: encodedWithin(snapshot, HEAT_BYTES_MAX),
    });
  }

  hotSet(hotSet: HotSet): void {
    const { cluster } = hotSet.authority;
    this.#writer.put({
      topic: this.#topics.hotset,
      partition: statePartition(cluster, this.#partitions),
      key: cluster,
      value: encodeHotSet(hotSet),
    });
  }
}

/** With as many of the hottest keys as fit: long names of many clusters may take more than a record may. */
function encodedWithin(snapshot: HeatSnapshot, bytesMax: number): Uint8Array {
  let bytes = encodeHeat(snapshot);
  for (let fewer = snapshot; bytes.length > bytesMax; bytes = encodeHeat(fewer)) {
    const longest = Math.max(0, ...fewer.clusters.flatMap(lengthsOf));
    if (longest === 0) break;
    fewer = withKeys(fewer, Math.floor(longest / 2));
  }
  return bytes;
}

function lengthsOf({ windows, demands }: ClusterHeats): number[] {
  return [demands.length, ...windows.map(({ heats }) => heats.length)];
}

function withKeys(snapshot: HeatSnapshot, keysMax: number): HeatSnapshot {
  const clusters = snapshot.clusters.map((cluster) => ({
    ...cluster,
    windows: cluster.windows.map((window) => ({ ...window, heats: window.heats.slice(0, keysMax) })),
    demands: cluster.demands.slice(0, keysMax),
  }));
  return { ...snapshot, clusters };
}
