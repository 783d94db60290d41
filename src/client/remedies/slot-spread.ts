import { LRUCache } from "lru-cache";
import {
  checkedCount,
  checkedKey,
  checkedOptions,
  checkedTtl,
  checkedTtlOrNone,
  checkedValue,
} from "./arguments.ts";
import { type Bytes, type Commands, commandsOf } from "./commands.ts";
import { IncompleteWriteError } from "./incomplete-write-error.ts";
import { keyIdOf } from "./key-id.ts";
import { partNames } from "./part-names.ts";
import { type Observation, Observations } from "./spread/observations.ts";
import { type Topology, TopologyView } from "./spread/topology.ts";
import { type Variant, variantsOf } from "./spread/variants.ts";

export type { Variant } from "./spread/variants.ts";

export interface SlotSpreadOptions {
  /** How many variants of a key, the key itself among them: 1 to 64, 3 if left out. More than there are nodes do not help. */
  readonly copies?: number;
  /** In ms: no copy lives longer after its value was read or written at the key itself; 60,000 if left out. */
  readonly copyTtlMs?: number;
}

export interface SlotSpreadSetOptions {
  /** In ms; without it the value stays. */
  readonly ttlMs?: number;
}

/** Names of variants are text where the key is. */
type NameOf<Key extends Bytes> = Key extends string ? string : Buffer;

const COPIES = 3;
const COPIES_MAX = 64;
const COPY_TTL_MS = 60_000;
/** Variants of so many keys are kept. */
const KEYS_MAX = 1000;
/** Reads and writes notice within so long that the cluster has changed. */
const TOPOLOGY_AGE_MS = 1000;
/** Each further try means that the clock of the key's server is behind what a copy knows. */
const TRIES_MAX = 5;

/**
 * Keys that are read too often for one node of a cluster: variants of each on nodes of their own, computed from the
 * cluster's present slots. The key itself holds the plain value, for whoever reads it without this class; the other
 * variants are copies of it that live a minute at most.
 *
 * Consistency: when `set` or `delete` has resolved, all variants have it, and no read that follows gives an older value,
 * by whoever sees the same topology. Until then, or when it rejects, some reads give the old value and some the new, in
 * any order. What is written to the key by others, or while slots move, is seen by all after `copyTtlMs`, to which the
 * difference of the nodes' clocks adds. A failover that loses what was confirmed counts as a write by others.
 *
 * Cost: a read is one GET of a random variant; every `copyTtlMs`, where a copy has ended, one script at the key itself and
 * one at the copy. A write is a script at the key itself, then one at each copy.
 */
export class SlotSpread {
  readonly #commands: Commands;
  readonly #copies: number;
  readonly #observations: Observations;
  readonly #view: TopologyView;
  readonly #variants = new LRUCache<string, readonly Variant[]>({ max: KEYS_MAX });
  readonly #repairing = new Set<string>();
  #topology: Topology | null = null;
  #hasWarned = false;

  /**
   * `cluster`: a Cluster of ioredis or node-redis.
   *
   * Throws: TypeError where it is none, as one server has nowhere to spread to; TypeError or RangeError for options.
   */
  constructor(cluster: object, options?: SlotSpreadOptions) {
    const { copies, copyTtlMs } = checkedOptions(options, ["copies", "copyTtlMs"]);
    this.#commands = commandsOf(cluster);
    if (!this.#commands.isCluster) {
      throw new TypeError("cluster: expected a Cluster of ioredis or node-redis; one server has one node");
    }
    this.#copies = checkedCount(copies, "copies", { min: 1, max: COPIES_MAX, fallback: COPIES });
    const lifeMs = copyTtlMs === undefined ? COPY_TTL_MS : checkedTtl(copyTtlMs, "copyTtlMs");
    this.#observations = new Observations(this.#commands, lifeMs);
    this.#view = new TopologyView(cluster);
    // A prefix with which all variants would be in one slot is told of at once.
    partNames("any", "spread", 1, this.#commands);
  }

  /** On how many nodes a key's variants lie: fewer than copies where the cluster has fewer. 0: not connected yet. */
  get distinctNodes(): number {
    return Math.min(this.#copies, this.#view.primaries);
  }

  /**
   * As many as there are copies, the key itself first, by the slots as the client knows them now.
   *
   * Throws: Error where the client does not know who serves the key's slot: before it has connected, or while nobody does.
   */
  variants<Key extends Bytes>(key: Key): Variant<NameOf<Key>>[] {
    const found = this.#variantsOf(checkedKey(key), 0);
    if (found.length === 0) {
      throw new Error(`nobody is known to serve the slot of ${key}: wait until the client is ready`);
    }
    return found.map(({ key: name, slot, node }) => ({
      key: (typeof key === "string" ? name.toString() : name) as NameOf<Key>,
      slot,
      node,
    }));
  }

  /**
   * Resolves when all variants have it, or something newer.
   *
   * Throws: IncompleteWriteError when the key itself has it, and not every copy; an older value may be read from those
   * for as long as copies live. Else what the key's server or the connection says.
   */
  async set(key: Bytes, value: Bytes, options?: SlotSpreadSetOptions): Promise<void> {
    const { ttlMs } = checkedOptions(options, ["ttlMs"]);
    await this.#write(checkedKey(key), checkedValue(value), checkedTtlOrNone(ttlMs) ?? 0);
  }

  /** As `set`: then there is nothing. */
  async delete(key: Bytes): Promise<void> {
    await this.#write(checkedKey(key), null, 0);
  }

  /** `null`: there is none. Throws: what a server or a connection says where no variant in reach tells. */
  async get(key: Bytes): Promise<string | null> {
    const value = await this.#read(checkedKey(key));
    return value === null ? null : value.toString();
  }

  async getBuffer(key: Bytes): Promise<Buffer | null> {
    return await this.#read(checkedKey(key));
  }

  async #write(key: Bytes, value: Bytes | null, ttlMs: number): Promise<void> {
    let observed = await this.#observations.write(key, value, ttlMs);
    // Not before: by now the client knows the cluster.
    const [, ...copies] = this.#variantsOf(key, TOPOLOGY_AGE_MS);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const newest = await this.#putAll(key, copies, observed);
      if (newest < observed.at) return;
      // Somebody else saw it in between, or what came after it. Or it is from a clock that was ahead, of a server of the
      // key that was lost, by less than these commands took: so at first it is put again, above that, in any case.
      observed = await this.#observations.observe(key, newest);
      const isClockAbove = observed.at > newest + 1;
      if (tries > 0 && isClockAbove) return;
    }
    throw new Error(`${key}: its server's clock is behind its copies; write it again`);
  }

  /** Returns the time of the newest observation that any of the copies had. */
  async #putAll(key: Bytes, copies: readonly Variant[], observed: Observation): Promise<number> {
    const replies = await Promise.allSettled(
      copies.map((copy) => this.#observations.put(copy.key, observed)),
    );
    const failures = replies.filter((reply) => reply.status === "rejected").map(({ reason }) => reason);
    if (failures.length > 0) throw new IncompleteWriteError(`the key ${key}`, copies.length + 1, failures);
    return Math.max(0, ...replies.map((reply) => (reply.status === "fulfilled" ? reply.value : 0)));
  }

  /** Asks a variant on a random node, then the key itself, then, where that is out of reach, the others. */
  async #read(key: Bytes): Promise<Buffer | null> {
    const [home, ...copies] = this.#variantsOf(key, TOPOLOGY_AGE_MS);
    // Those beyond as many as there are nodes would bring some nodes more reads than others.
    const nodes = Math.min(copies.length + 1, this.#topology?.nodes.length ?? 0);
    const random = Math.floor(Math.random() * nodes);
    const first = home === undefined || random === 0 ? null : copies[random - 1]!;
    const failures: unknown[] = [];
    let missing: Variant | null = null;
    if (first !== null) {
      const value = await this.#observations.readCopy(first.key).catch((error) => void failures.push(error));
      if (value !== undefined) return value;
      if (failures.length === 0) missing = first;
    }
    try {
      return await (missing === null ? this.#observations.readHome(key) : this.#readAndCopy(key, missing));
    } catch (error) {
      failures.push(error);
    }
    for (const copy of copies) {
      if (copy === first) continue;
      const value = await this.#observations.readCopy(copy.key).catch((error) => void failures.push(error));
      if (value !== undefined) return value;
    }
    throw failures[0];
  }

  /** Reads the key itself; who comes first since the copy is missing makes it again, and waits for that no longer. */
  async #readAndCopy(key: Bytes, copy: Variant): Promise<Buffer | null> {
    const id = keyIdOf(copy.key);
    if (this.#repairing.has(id)) return await this.#observations.readHome(key);
    this.#repairing.add(id);
    const end = () => this.#repairing.delete(id);
    try {
      const observed = await this.#observations.observe(key);
      this.#observations.put(copy.key, observed).then(end, end);
      return observed.value;
    } catch (error) {
      end();
      throw error;
    }
  }

  #variantsOf(key: Bytes, maxAgeMs: number): readonly Variant[] {
    const topology = this.#view.current(maxAgeMs);
    if (topology !== this.#topology) this.#variants.clear();
    this.#topology = topology;
    if (topology.nodes.length === 0) return [];
    this.#warnOfFewNodes(topology);
    const id = keyIdOf(key);
    const known = this.#variants.get(id);
    if (known !== undefined) return known;
    const variants = variantsOf(key, this.#copies, topology, this.#commands);
    this.#variants.set(id, variants);
    return variants;
  }

  #warnOfFewNodes({ nodes }: Topology): void {
    if (this.#hasWarned || nodes.length >= this.#copies || this.#view.primaries >= this.#copies) return;
    this.#hasWarned = true;
    const told = `SlotSpread: ${this.#copies} copies on ${nodes.length} nodes: some nodes have several of them`;
    process.emitWarning(told, { type: "KeyheatWarning", code: "KEYHEAT_FEW_NODES" });
  }
}
