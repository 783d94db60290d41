import { slotOf } from "../../../model/slot.ts";
import { type Bytes, bytesOf, type Commands, commandsOf } from "../commands.ts";
import { type Fleet, nodesOf, type RouterNode } from "./fleet.ts";
import type { ClusterClient } from "./ioredis-client.ts";
import { NodeLink } from "./node-link.ts";
import { Shard, type ShardOptions } from "./shard.ts";

/** A shard without reads of hot keys for so long is no longer connected to. */
const IDLE_MS = 60_000;
/** ioredis may look again only when it is sent elsewhere; a replica that comes, or comes back, sends nobody. */
const REFRESH_MS = 5000;

interface KnownShard {
  readonly shard: Shard<NodeLink>;
  readonly links: Map<string, NodeLink>;
  usedMs: number;
}

/**
 * A cluster, as its client of the app's knows it: who has which slots comes from there, after its natMap, and so do the
 * options of connections. Only shards of which hot keys are read are connected to and checked.
 */
export class ClusterFleet implements Fleet {
  /** While a slot moves, a replica loses keys one by one, and cannot say ASK. */
  readonly isNilUnsure = true;
  readonly #cluster: ClusterClient;
  readonly #commands: Commands;
  readonly #options: ShardOptions;
  /** By `host:port` of the primary. */
  readonly #shards = new Map<string, KnownShard>();
  readonly #onRefresh = () => this.#followSlots();
  #refreshedMs: number;

  constructor(cluster: ClusterClient, options: ShardOptions) {
    this.#cluster = cluster;
    this.#commands = commandsOf(cluster);
    this.#options = options;
    this.#refreshedMs = options.clock.monotonic();
    cluster.on("refresh", this.#onRefresh);
  }

  fullKey(key: Bytes): Bytes {
    return this.#commands.fullKey(key);
  }

  groupOf(key: Bytes): number {
    return slotOf(bytesOf(this.fullKey(key)));
  }

  shardOf(slot: number): Shard<NodeLink> | null {
    const addresses = this.#cluster.slots[slot] ?? [];
    const [primary] = addresses;
    if (primary === undefined) return null;
    const known = this.#shards.get(primary) ?? this.#open(primary, new Set(addresses));
    if (known === null) {
      this.#refreshInTime();
      return null;
    }
    known.usedMs = this.#options.clock.monotonic();
    return known.shard;
  }

  watchedShardOf(slot: number): Shard<NodeLink> | null {
    const primary = this.#cluster.slots[slot]?.[0];
    return primary === undefined ? null : (this.#shards.get(primary)?.shard ?? null);
  }

  atPrimary<Reply>(send: (commands: Commands) => Promise<Reply>): Promise<Reply> {
    return send(this.#commands);
  }

  refresh(): void {
    this.#refreshedMs = this.#options.clock.monotonic();
    this.#cluster.refreshSlotsCache(() => {});
  }

  nodes(): RouterNode[] {
    return [...this.#shards.values()].flatMap(({ shard }) => nodesOf(shard));
  }

  close(): void {
    this.#cluster.off("refresh", this.#onRefresh);
    for (const primary of [...this.#shards.keys()]) this.#closeShard(primary);
  }

  /** `null`: it has no replicas, or the app's client is not connected. */
  #open(primary: string, addresses: ReadonlySet<string>): KnownShard | null {
    if (addresses.size < 2 || this.#cluster.nodes().length === 0) return null;
    const links = new Map([...addresses].map((address) => [address, this.#connect(address)]));
    const shard = new Shard([...links.values()], {
      ...this.#options,
      onCheck: () => {
        this.#refreshInTime();
        this.#closeIfIdle(primary);
      },
      onWrongPrimary: () => this.refresh(),
    });
    const known = { shard, links, usedMs: this.#options.clock.monotonic() };
    this.#shards.set(primary, known);
    shard.start();
    return known;
  }

  #connect(address: string): NodeLink {
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon);
    const port = Number(address.slice(colon + 1));
    const nodes = this.#cluster.nodes();
    const template = nodes.find(({ options }) => options.host === host && options.port === port) ?? nodes[0]!;
    const keyPrefix = this.#cluster.options.keyPrefix;
    return new NodeLink(template, this.#options.timeoutMs, { host, port, readOnly: true, keyPrefix });
  }

  #refreshInTime(): void {
    if (this.#options.clock.monotonic() - this.#refreshedMs >= REFRESH_MS) this.refresh();
  }

  #closeIfIdle(primary: string): void {
    const known = this.#shards.get(primary);
    if (known !== undefined && this.#options.clock.monotonic() - known.usedMs > IDLE_MS)
      this.#closeShard(primary);
  }

  #closeShard(primary: string): void {
    const known = this.#shards.get(primary);
    this.#shards.delete(primary);
    known?.shard.stop();
    for (const link of known?.links.values() ?? []) link.close();
  }

  /** Shards whose primary has no slots any more end, and the others get the replicas that they have now. */
  #followSlots(): void {
    const addressesByPrimary = this.#addressesByPrimary();
    for (const [primary, { shard, links }] of [...this.#shards]) {
      const addresses = addressesByPrimary.get(primary);
      if (addresses === undefined || addresses.size < 2) {
        this.#closeShard(primary);
        continue;
      }
      const gone = [...links.keys()].filter((address) => !addresses.has(address));
      for (const address of addresses) if (!links.has(address)) links.set(address, this.#connect(address));
      shard.replaceNodes([...addresses].map((address) => links.get(address)!));
      for (const address of gone) {
        links.get(address)?.close();
        links.delete(address);
      }
    }
  }

  #addressesByPrimary(): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    let last: readonly string[] | undefined;
    for (const addresses of this.#cluster.slots) {
      // Slots of one range have the same array.
      if (addresses === last || addresses?.[0] === undefined) continue;
      last = addresses;
      const known = found.get(addresses[0]);
      if (known === undefined) found.set(addresses[0], new Set(addresses));
      else for (const address of addresses) known.add(address);
    }
    return found;
  }
}
