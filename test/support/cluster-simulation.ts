import { ClusterAggregator } from "../../src/cluster-aggregator.ts";
import { defaultConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import type { HotSet } from "../../src/model/hot-set.ts";
import type { Incident } from "../../src/model/incident.ts";
import { type StateRecord, stateKey } from "../../src/model/state-record.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Message } from "../../src/transport/transport.ts";
import { encodeHeat } from "../../src/wire/heat-codec.ts";
import { encodeHotSet } from "../../src/wire/hot-set-codec.ts";
import { encodeMessage } from "../../src/wire/message-codec.ts";
import { encodeState } from "../../src/wire/state-codec.ts";
import { FakeReceiver } from "../unit/notify/fake-receiver.ts";
import { SimulatedClock } from "./simulated-clock.ts";

const PARTITIONS = 4;

interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly timestampMs: number;
}

/** One aggregator process of a simulation. */
export interface Instance {
  readonly name: string;
  readonly aggregator: ClusterAggregator;
  readonly receiver: FakeReceiver;
  readonly changes: Incident[];
  /** Stopped by a signal: it reads, writes and does nothing, its timers included. */
  isFrozen: boolean;
  isConfirmed: boolean;
  isDead: boolean;
  stateRead: number;
  readonly offsets: Map<number, number>;
}

/**
 * Aggregators that share the work over logs in memory, under simulated time: what the consumer group, the panes topic
 * and the state topic do, in the order in which the test says.
 */
export class ClusterSimulation {
  readonly clock = new SimulatedClock();
  readonly config: Config;
  /** The log of the state topic; `null`: compaction took the record away. */
  readonly state: (StateEntry | null)[] = [];
  /** The log of the heat topic; who joins later has not read it. */
  readonly heats: Uint8Array[] = [];
  /** What the topic of hot sets was written, oldest first. */
  readonly hotSets: HotSet[] = [];
  readonly instances: Instance[] = [];
  readonly #panes = Array.from({ length: PARTITIONS }, (): Uint8Array[] => []);
  readonly #commits = new Map<number, number>();

  constructor(rule: object = {}) {
    const hot = { name: "hot", type: "rate", window: "10s", threshold: "1000/s", ...rule };
    this.config = {
      ...defaultConfig({ redisUrls: [], rules: [hot] }),
      routes: [{ match: {}, receivers: ["hook"], groupWait: 100, groupInterval: 30_000, burst: 5 }],
    };
  }

  readonly partitionOf = (_cluster: string, bucket: number): number => bucket % PARTITIONS;

  join(name: string): Instance {
    const receiver = new FakeReceiver("hook", this.clock);
    const instance: Omit<Instance, "aggregator"> = {
      name,
      receiver,
      changes: [],
      isFrozen: false,
      isConfirmed: true,
      isDead: false,
      stateRead: 0,
      offsets: new Map(),
    };
    const write = (key: string, value: Uint8Array | null) => {
      if (!joined.isFrozen && !joined.isDead) this.state.push({ key, value, timestampMs: this.clock.now() });
    };
    const aggregator = new ClusterAggregator({
      config: this.config,
      instance: name,
      receivers: [receiver],
      outlet: {
        state: (record) => write(stateKey(record), encodeState(record)),
        eraseState: (_cluster, key) => write(key, null),
        heat: (snapshot) => {
          const value = encodeHeat(snapshot);
          this.heats.push(value);
          for (const reader of this.instances)
            if (!reader.isFrozen) reader.aggregator.heat({ key: null, value, timestampMs: this.clock.now() });
        },
        hotSet: (hotSet) => {
          if (joined.isFrozen || joined.isDead) return;
          this.writeHotSet(hotSet);
        },
      },
      partitionOf: this.partitionOf,
      isConfirmed: () => joined.isConfirmed && !joined.isFrozen && !joined.isDead,
      clock: this.clock,
      logger: silentLogger,
      onIncident: (incident) => instance.changes.push(incident),
    });
    const joined: Instance = Object.assign(instance, { aggregator });
    this.instances.push(joined);
    this.deliver();
    const last = this.hotSets.at(-1);
    if (last) this.#tellHotSet(joined, last);
    aggregator.stateRead();
    return joined;
  }

  assign({ aggregator, offsets }: Instance, partitions: readonly number[] = [0, 1, 2, 3]): void {
    for (const partition of partitions) {
      aggregator.assigned(partition);
      offsets.set(partition, this.#commits.get(partition) ?? 0);
    }
    this.deliver();
    for (const partition of partitions) aggregator.caughtUp(partition);
    this.deliver();
  }

  revoke({ aggregator, offsets }: Instance, partitions: readonly number[] = [0, 1, 2, 3]): void {
    for (const partition of partitions) {
      this.commit(partition);
      aggregator.revoked(partition);
      offsets.delete(partition);
    }
  }

  /** Ends a process without a word. */
  kill(instance: Instance): void {
    instance.isDead = true;
    instance.aggregator.stop();
  }

  commit(partition: number): void {
    for (const { aggregator, offsets, isDead } of this.instances) {
      const offset = isDead || !offsets.has(partition) ? null : aggregator.commitOffset(partition);
      if (offset !== null) this.#commits.set(partition, offset);
    }
  }

  publish(bucket: number, messages: readonly Message[]): void {
    this.#panes[this.partitionOf("", bucket)]!.push(...messages.map((message) => encodeMessage(message)));
    this.deliver();
  }

  /** Writes a record as any process may. */
  write(record: StateRecord): void {
    this.state.push({ key: stateKey(record), value: encodeState(record), timestampMs: this.clock.now() });
    this.deliver();
  }

  /** Writes a hot set as any process may. */
  writeHotSet(hotSet: HotSet): void {
    this.hotSets.push(hotSet);
    for (const reader of this.instances)
      if (!reader.isFrozen && !reader.isDead) this.#tellHotSet(reader, hotSet);
  }

  /** Leaves the last record of each key of the state topic alone, at its offset. */
  compact(): void {
    const last = new Map(this.state.map((entry, offset) => [entry?.key, offset]));
    for (const [offset, entry] of this.state.entries())
      if (last.get(entry?.key) !== offset) this.state[offset] = null;
  }

  /** Hands everything that is there to everybody who reads, until nobody writes any more. */
  deliver(): void {
    for (const instance of this.instances) {
      if (instance.isFrozen || instance.isDead) continue;
      for (const [partition, offset] of instance.offsets) {
        const records = this.#panes[partition]!.slice(offset).map((value, index) => ({
          offset: offset + index,
          value,
        }));
        instance.offsets.set(partition, offset + records.length);
        if (records.length > 0) instance.aggregator.panes(partition, records);
      }
    }
    while (this.instances.some((instance) => this.#readState(instance))) {
      // Each may write because of what another one wrote.
    }
  }

  /** Lets time pass in small steps. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(50);
      this.deliver();
    }
  }

  #tellHotSet({ aggregator }: Instance, hotSet: HotSet): void {
    const key = hotSet.authority.cluster;
    aggregator.hotSet({ key, value: encodeHotSet(hotSet), timestampMs: this.clock.now() });
  }

  #readState(instance: Instance): boolean {
    const { aggregator, isFrozen, isDead } = instance;
    if (isFrozen || isDead || instance.stateRead >= this.state.length) return false;
    const entry = this.state[instance.stateRead++];
    if (entry) aggregator.state(entry);
    return true;
  }
}
