import type { ClusterOutlet } from "./cluster-outlet.ts";
import type { HeatSnapshot } from "./model/heat-snapshot.ts";
import type { HotSet } from "./model/hot-set.ts";
import { type StateRecord, stateKey } from "./model/state-record.ts";
import type { TopicNames } from "./transport/kafka/names.ts";
import { heatPartition, statePartition } from "./transport/kafka/partitioning.ts";
import type { RecordWriter } from "./transport/kafka/record-writer.ts";
import { encodeHeat } from "./wire/heat-codec.ts";
import { encodeHotSet } from "./wire/hot-set-codec.ts";
import { encodeState } from "./wire/state-codec.ts";

/** Writes what aggregators tell each other, and agents, into the topics. */
export class KafkaOutlet implements ClusterOutlet {
  readonly #writer: RecordWriter;
  readonly #topics: TopicNames;
  readonly #partitions: number;

  constructor(writer: RecordWriter, topics: TopicNames, partitions: number) {
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
      value: encodeHeat(snapshot),
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
