import type { Clock } from "../../../runtime/clock.ts";
import type { Bytes } from "../commands.ts";
import { keyIdOf } from "../key-id.ts";
import { AbsentKeys } from "./absent-keys.ts";
import type { Fleet } from "./fleet.ts";
import type { HotKeys } from "./hot-keys.ts";
import { isTimeout, type NodeLink, type Values } from "./node-link.ts";
import type { Shard } from "./shard.ts";

const ABSENT_MS = 1000;
const ABSENT_KEYS_MAX = 1000;

/** Why hot keys were read from the primary, by keys. */
export interface RouterFallbacks {
  /** No replica was healthy, near enough, and known to be so. */
  unavailable: number;
  /** This process wrote the key, and the replicas were not known to have that yet. */
  ownWrite: number;
  /** The replica did not answer in time. */
  timeout: number;
  /** The replica does not have the slot, or not any more. */
  moved: number;
  /** The replica of a cluster said that there is none; while a slot moves this may be wrong. */
  absent: number;
  /** The replica, or the connection, failed otherwise. */
  error: number;
}

/** One key of a read. Each is sent once, however often it was asked for. */
interface Wanted {
  readonly key: Bytes;
  readonly id: string;
  readonly group: number;
  value: Buffer | null;
}

interface Route {
  readonly shard: Shard<NodeLink>;
  readonly link: NodeLink;
}

/** Reads hot keys from replicas and all others, and what replicas cannot tell, from primaries. */
export class HotReader {
  /** Keys read, by who answered. */
  readonly reads = { replica: 0, primary: 0 };
  readonly fallbacks: RouterFallbacks = {
    unavailable: 0,
    ownWrite: 0,
    timeout: 0,
    moved: 0,
    absent: 0,
    error: 0,
  };
  readonly #fleet: Fleet;
  readonly #hotKeys: HotKeys;
  readonly #clock: Clock;
  readonly #absent = new AbsentKeys(ABSENT_MS, ABSENT_KEYS_MAX);
  readonly #fullKey = (key: Bytes) => this.#fleet.fullKey(key);

  constructor(fleet: Fleet, hotKeys: HotKeys, clock: Clock) {
    this.#fleet = fleet;
    this.#hotKeys = hotKeys;
    this.#clock = clock;
  }

  async get(key: Bytes): Promise<Buffer | null> {
    const wanted = this.#wanted(key);
    const route = this.#routeOf(wanted);
    if (route !== null && (await this.#getFrom(route, wanted))) return wanted.value;
    const askedMs = this.#clock.monotonic();
    const value = (await this.#fleet.atPrimary((commands) => commands.run("GET", key))) as Buffer | null;
    this.#takeFromPrimary([wanted], [value], askedMs);
    return value;
  }

  /** Returns: the values in the order of `keys`. */
  async mget(keys: readonly Bytes[]): Promise<(Buffer | null)[]> {
    const wantedById = new Map<string, Wanted>();
    const inOrder = keys.map((key) => {
      const id = keyIdOf(key);
      const wanted = wantedById.get(id) ?? this.#wanted(key);
      wantedById.set(id, wanted);
      return wanted;
    });
    const { primary, replicas } = this.#routesOf([...wantedById.values()]);
    const left = replicas.map(({ route, wanted }) => this.#mgetFrom(route, wanted));
    await Promise.all([
      this.#mgetFromPrimary(primary),
      ...left.map(async (unanswered) => this.#mgetFromPrimary(await unanswered)),
    ]);
    return inOrder.map(({ value }) => value);
  }

  /** A write of the key begins. Returns: to be called when it was answered, or its outcome is not known. */
  writing(key: Bytes): () => void {
    const id = keyIdOf(key);
    const group = this.#fleet.groupOf(key);
    const before = this.#fleet.watchedShardOf(group);
    return () => {
      this.#absent.delete(id);
      // A failover, or a slot that moves, may have made it another one; and when one slot has moved, ioredis takes its
      // whole range for moved until it has asked again.
      for (const shard of new Set([before, this.#fleet.watchedShardOf(group)])) shard?.wrote(id);
    };
  }

  #wanted(key: Bytes): Wanted {
    return { key, id: keyIdOf(key), group: this.#fleet.groupOf(key), value: null };
  }

  /** `null`: it is read from the primary. */
  #routeOf(wanted: Wanted, chosen: Map<Shard<NodeLink>, Route | null> = new Map()): Route | null {
    if (!this.#isHot(wanted)) return null;
    const shard = this.#fleet.shardOf(wanted.group);
    if (shard?.isOwnWrite(wanted.id)) {
      this.fallbacks.ownWrite++;
      return null;
    }
    const route = shard === null ? null : (chosen.get(shard) ?? routeInto(shard));
    if (shard !== null) chosen.set(shard, route);
    if (route === null) this.fallbacks.unavailable++;
    return route;
  }

  /** What goes to each: keys of one shard to one replica. */
  #routesOf(all: readonly Wanted[]) {
    const chosen = new Map<Shard<NodeLink>, Route | null>();
    const primary: Wanted[] = [];
    const replicas = new Map<NodeLink, { readonly route: Route; readonly wanted: Wanted[] }>();
    for (const wanted of all) {
      const route = this.#routeOf(wanted, chosen);
      if (route === null) {
        primary.push(wanted);
        continue;
      }
      const known = replicas.get(route.link);
      if (known === undefined) replicas.set(route.link, { route, wanted: [wanted] });
      else known.wanted.push(wanted);
    }
    return { primary, replicas: [...replicas.values()] };
  }

  /** Returns: whether the value is known now. */
  async #getFrom(route: Route, wanted: Wanted): Promise<boolean> {
    try {
      const value = await route.link.get(wanted.key);
      return this.#takeFromReplica([wanted], [value]).length === 0;
    } catch (error) {
      this.#failed(route, error, 1);
      return false;
    }
  }

  /** Returns: those whose values are not known yet. */
  async #mgetFrom(route: Route, all: readonly Wanted[]): Promise<readonly Wanted[]> {
    const groups = groupsOf(all);
    try {
      const replies = await route.link.mget(groups.map((group) => group.map(({ key }) => key)));
      return groups.flatMap((group, index) => {
        const reply = replies[index]!;
        if (!(reply instanceof Error)) return this.#takeFromReplica(group, reply);
        this.#failed(route, reply, group.length);
        return group;
      });
    } catch (error) {
      this.#failed(route, error, all.length);
      return all;
    }
  }

  async #mgetFromPrimary(all: readonly Wanted[]): Promise<void> {
    const readGroup = async (group: readonly Wanted[]) => {
      const askedMs = this.#clock.monotonic();
      const keys = group.map(({ key }) => key);
      const values = await this.#valuesAtPrimary(keys).catch((error: unknown) => {
        if (keys.length === 1 || !isBetweenServers(error)) throw error;
        return Promise.all(keys.map(async (key) => (await this.#valuesAtPrimary([key]))[0] ?? null));
      });
      this.#takeFromPrimary(group, values, askedMs);
    };
    await Promise.all(groupsOf(all).map(readGroup));
  }

  async #valuesAtPrimary(keys: readonly Bytes[]): Promise<Values> {
    return (await this.#fleet.atPrimary((commands) => commands.runOver("MGET", keys))) as Values;
  }

  /** Returns: those that the primary must be asked for. */
  #takeFromReplica(group: readonly Wanted[], values: Values): Wanted[] {
    const unsure: Wanted[] = [];
    for (const [index, wanted] of group.entries()) {
      const value = values[index] ?? null;
      if (
        value === null &&
        this.#fleet.isNilUnsure &&
        !this.#absent.has(wanted.id, this.#clock.monotonic())
      ) {
        this.fallbacks.absent++;
        unsure.push(wanted);
        continue;
      }
      this.reads.replica++;
      wanted.value = value;
    }
    return unsure;
  }

  #takeFromPrimary(group: readonly Wanted[], values: Values, askedMs: number): void {
    this.reads.primary += group.length;
    for (const [index, wanted] of group.entries()) {
      wanted.value = values[index] ?? null;
      if (wanted.value === null && this.#fleet.isNilUnsure && this.#isHot(wanted))
        this.#absent.add(wanted.id, askedMs);
    }
  }

  #isHot({ key, id }: Wanted): boolean {
    return this.#hotKeys.has(key, id, this.#fullKey);
  }

  #failed({ shard, link }: Route, error: unknown, keys: number): void {
    const message = error instanceof Error ? error.message : "";
    const reason = isTimeout(error) ? "timeout" : message.startsWith("MOVED ") ? "moved" : "error";
    this.fallbacks[reason] += keys;
    // That is the key's fault: the primary will say the same.
    if (message.startsWith("WRONGTYPE ")) return;
    shard.failed(link);
    if (reason === "moved") this.#fleet.refresh();
  }
}

function routeInto(shard: Shard<NodeLink>): Route | null {
  const link = shard.reader();
  return link === null ? null : { shard, link };
}

/**
 * While a slot moves, no server has all of its keys, and each sends those who ask for several to the other one, until
 * ioredis gives up; one by one they can be read.
 */
function isBetweenServers(error: unknown): boolean {
  return error instanceof Error && /^TRYAGAIN |^Too many Cluster redirections/.test(error.message);
}

function groupsOf(all: readonly Wanted[]): Wanted[][] {
  return [...Map.groupBy(all, ({ group }) => group).values()];
}
