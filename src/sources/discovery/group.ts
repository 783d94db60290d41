import type { Observe, TargetConfig } from "../../config/schema.ts";
import type { NamedServer } from "../../redis/topology.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type ClusterView, ClusterViews, renewSlots } from "./cluster-views.ts";
import { groupProblems } from "./group-problems.ts";
import type { HostNames } from "./host-names.ts";
import { type KnownServer, knownServers } from "./known-server.ts";
import type { ListedNames } from "./listed-names.ts";
import { type Member, type Membership, merged } from "./membership.ts";
import { addressOf, hostOf, Naming } from "./naming.ts";
import { isPlain, replicationMembers } from "./replication-members.ts";
import { primariesOfSeeds } from "./seed-primaries.ts";
import { isSentinel, SentinelViews } from "./sentinel-views.ts";
import type { HeldServer, Servers, Wanted } from "./servers.ts";

/** The first look around waits so long for all seeds, so that none of them is found as a second server. */
const SEEDS_MS_MAX = 3000;
/** Outside Cluster mode nobody knows the whole: a seed that does not answer is waited for before that is told. */
const SILENT_SEED_MS = 60_000;
/** That a seed has left is told for so long, whoever answers. */
export const LEFT_MS = 600_000;
/** Nodes that are asked in place of seeds which do not know the cluster (any more). */
const HELPERS_MAX = 3;

export interface GroupOptions {
  /** Name of the cluster in the config, or of its pods. */
  readonly name: string;
  /** The first ones: see `setSeeds`. */
  readonly seeds: readonly TargetConfig[];
  readonly observe: Observe;
  readonly servers: Servers;
  readonly hosts: HostNames;
  readonly clock: Clock;
}

interface Found {
  readonly member: Member;
  readonly cluster: string;
  /** The listed targets that it is. */
  readonly listed: readonly TargetConfig[];
}

/** Who belongs to a cluster, by the names under which they are reported. */
export interface GroupView {
  readonly cluster: string;
  readonly targets: readonly string[];
  readonly slotsCovered: number | null;
}

/** The targets of one cluster name: seeds, from which all of its servers are found and then followed. */
export class Group {
  readonly #options: GroupOptions;
  #seeds: readonly TargetConfig[];
  #clusterViews: ClusterViews;
  #sentinels = new SentinelViews();
  readonly #startedMs: number;
  /** When a seed has last left. */
  #leftMs = Number.NEGATIVE_INFINITY;
  /** Under which names its servers were told; a Sentinel may have named several. */
  readonly #clusters: Set<string>;
  #helpers: readonly TargetConfig[] = [];
  #servers: readonly KnownServer[] = [];
  #hasLooked = false;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#seeds = options.seeds;
    this.#clusterViews = new ClusterViews(options.clock);
    this.#startedMs = options.clock.monotonic();
    this.#clusters = new Set([options.name]);
    options.servers.set(options.name, this.#wantedSeeds([]));
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether it was tried to find all servers. */
  get isSettled(): boolean {
    return this.#hasLooked;
  }

  get servers(): readonly KnownServer[] {
    return this.#servers;
  }

  /**
   * Goes by other seeds from now on. Without any, nothing is left of the cluster as far as can be seen from here.
   * Returns whether they are others.
   */
  setSeeds(seeds: readonly TargetConfig[]): boolean {
    const { name, servers, clock } = this.#options;
    const haveLeft = this.#seeds.some((seed) => !seeds.includes(seed));
    if (!haveLeft && seeds.length === this.#seeds.length) return false;
    if (haveLeft) this.#leftMs = clock.monotonic();
    this.#seeds = seeds;
    const held = servers.held(name);
    const isWatched = new Map(held.map((server) => [server.target.address, server.isWatched]));
    const listed = this.#wantedSeeds([]).map((wanted) => ({
      ...wanted,
      // What of them is local may only be known once they have been looked at again.
      isWatched: isWatched.get(wanted.target.address) ?? wanted.isWatched,
    }));
    const addresses = new Set(seeds.map(({ address }) => address));
    const found = held.filter(({ isListed, target }) => !isListed && !addresses.has(target.address));
    servers.set(name, [
      ...listed,
      ...found.map(({ target, isWatched: was }) => ({ target, isListed: false, isWatched: was })),
    ]);
    return true;
  }

  /** Looks around once. Returns what is sure enough to be told. */
  async look(): Promise<readonly GroupView[]> {
    const { name, servers, clock } = this.#options;
    if (this.#seeds.length === 0) return this.#lookAtNothing();
    const held = servers.held(name);
    const isWaiting = held.some(({ isListed, asked }) => isListed && asked.state() === "connecting");
    if (!this.#hasLooked && isWaiting && clock.monotonic() - this.#startedMs < SEEDS_MS_MAX) return [];
    const confirmed = await this.#ask(held);
    const naming = this.#naming();
    const memberships = this.#memberships(held, naming.listed);
    this.#follow(memberships, naming);
    this.#hasLooked = true;
    return confirmed ? this.#viewsOf(memberships, naming) : [];
  }

  /** Whoever was known is known no more: nobody is left to ask. */
  #lookAtNothing(): readonly GroupView[] {
    const { name, servers, clock } = this.#options;
    servers.set(name, []);
    this.#clusterViews = new ClusterViews(clock);
    this.#sentinels = new SentinelViews();
    this.#helpers = [];
    this.#servers = [];
    this.#hasLooked = true;
    return Array.from(this.#clusters, (cluster) => ({ cluster, targets: [], slotsCovered: null }));
  }

  /** What keeps it from finding or watching servers, one line each. */
  problems(): string[] {
    if (this.#seeds.length === 0) return [];
    const { name, servers, observe } = this.#options;
    return groupProblems({
      name,
      observe,
      held: servers.held(name),
      known: this.#servers.map(({ address }) => address),
      isMonitored: this.#sentinels.memberships(name).length > 0,
      hasLooked: this.#hasLooked,
    });
  }

  /** Whether anything that is known now was said just now. */
  async #ask(held: readonly HeldServer[]): Promise<boolean> {
    const isHelper = ({ target }: HeldServer) =>
      this.#helpers.some(({ address }) => address === target.address);
    const helpers = held.filter(isHelper);
    const own = held.filter((server) => !isHelper(server));
    const [cluster, hasSentinel] = await Promise.all([
      this.#clusterViews.ask(own, helpers),
      this.#sentinels.ask(held.filter(isSentinel)),
    ]);
    const { known } = this.#clusterViews;
    this.#helpers = known && cluster.needsHelp ? this.#helpersOf(known, helpers, own) : [];
    if (known) {
      renewSlots(known, held);
      return cluster.isConfirmed;
    }
    return hasSentinel || this.#isPlainKnown(held);
  }

  /** Keeps those that answer, in place of those that do not. */
  #helpersOf(
    { topology, via }: ClusterView,
    helpers: readonly HeldServer[],
    own: readonly HeldServer[],
  ): TargetConfig[] {
    const naming = this.#naming();
    const kept = helpers.filter(({ asked }) => asked.state() !== "down").map(({ target }) => target);
    const taken = new Set([...helpers, ...own].map(({ target }) => target.address));
    const others = topology.servers
      .map((server) => naming.targetOf({ server, via }, this.name))
      .filter(({ address }) => !taken.has(address));
    return [...kept, ...others].slice(0, HELPERS_MAX);
  }

  #isPlainKnown(held: readonly HeldServer[]): boolean {
    const listed = held.filter(({ isListed }) => isListed);
    const nowMs = this.#options.clock.monotonic();
    const isLong = nowMs - this.#startedMs >= SILENT_SEED_MS;
    // Somebody knows that it is gone: its incidents must not wait for others that are down.
    if (isLong && nowMs - this.#leftMs < LEFT_MS) return true;
    const hasAnswered = listed.some((server) => isPlain(server) && server.asked.state() === "up");
    return hasAnswered && (isLong || listed.every(({ asked }) => asked.latestPoll !== null));
  }

  #naming(): Naming {
    const { name, servers, hosts } = this.#options;
    return new Naming(servers.held(name), hosts);
  }

  #memberships(held: readonly HeldServer[], names: ListedNames): Membership[] {
    const { name } = this.#options;
    const { known } = this.#clusterViews;
    const plainSeeds = held.filter((server) => server.isListed && isPlain(server));
    const plain = replicationMembers(plainSeeds, held, names, { mayBeStale: true });
    const sentinel = this.#sentinels.memberships(name).map((membership) => ({
      ...membership,
      members: [...membership.members, ...this.#alongside(membership, held, names)],
    }));
    const ofCluster = known?.topology.servers.map((server) => ({ server, via: known.via })) ?? [];
    const slotsCovered = known?.topology.slotsCovered ?? null;
    if (sentinel.length > 0 && known === null && plainSeeds.length === 0) return merged(sentinel);
    return merged([{ cluster: name, members: [...ofCluster, ...plain], slotsCovered }, ...sentinel]);
  }

  /** Sentinels look at replication every 10 s; the servers themselves know at once. */
  #alongside(membership: Membership, held: readonly HeldServer[], names: ListedNames): Member[] {
    const addresses = new Set(membership.members.map(({ server }) => addressOf(server)));
    const roots = held.filter(({ target }) => addresses.has(target.address));
    return replicationMembers(roots, held, names, { mayBeStale: false });
  }

  /** Holds and watches what is to be held and watched from now on. */
  #follow(memberships: readonly Membership[], naming: Naming): void {
    const { name, servers } = this.#options;
    const wanted = new Map<string, Wanted>();
    const add = (one: Wanted) => {
      const id = `${one.target.cluster} ${one.target.address}`;
      if (!wanted.has(id)) wanted.set(id, one);
    };
    const found: Found[] = memberships.flatMap(({ cluster, members }) =>
      members.map((member) => ({ member, cluster, listed: naming.listed.find(member.server) })),
    );
    for (const seed of this.#wantedSeeds(found)) add(seed);
    // What is found now may be a listed server whose name is still being resolved.
    const isFinding = !naming.listed.isPending || this.#hasLooked;
    for (const { member, cluster, listed } of isFinding ? found : []) {
      const isWatched = listed.length === 0 && this.#isToBeWatched(member.server);
      if (isWatched) add({ target: naming.targetOf(member, cluster), isListed: false, isWatched });
    }
    for (const target of [...this.#helpers, ...primariesOfSeeds(servers.held(name), naming, name)])
      add({ target, isListed: false, isWatched: false });
    servers.set(name, [...wanted.values()]);
    this.#servers = found.flatMap(({ member, cluster }) => knownServers(member, naming, cluster));
  }

  #wantedSeeds(found: readonly Found[]): Wanted[] {
    const { name, observe, servers } = this.#options;
    const held = servers.held(name);
    return this.#seeds.map((target) => {
      const own = found.filter(({ listed }) => listed.includes(target)).map(({ member }) => member.server);
      const holdsKeys = !held.some(
        (server) => server.target.address === target.address && this.#isTakenForSentinel(server, held),
      );
      const isWatched = holdsKeys && (observe !== "local" || this.#isLocalSeed(target, own));
      return { target, isListed: true, isWatched };
    });
  }

  /** Beside a Sentinel, a seed that has never answered is taken for another one: nobody expects keys of it. */
  #isTakenForSentinel(server: HeldServer, held: readonly HeldServer[]): boolean {
    return isSentinel(server) || (server.asked.latestPoll === null && held.some(isSentinel));
  }

  #isLocalSeed({ endpoint }: TargetConfig, servers: readonly NamedServer[]): boolean {
    if ("path" in endpoint) return true;
    const { hosts } = this.#options;
    return [endpoint.host, ...servers.map(hostOf)].some((host) => hosts.isLocal(host) === true);
  }

  #isToBeWatched(server: NamedServer): boolean {
    const { observe, hosts } = this.#options;
    return observe === "all" || (observe === "local" && hosts.isLocal(hostOf(server)) === true);
  }

  #viewsOf(memberships: readonly Membership[], naming: Naming): GroupView[] {
    const { name, servers } = this.#options;
    const held = servers.held(name);
    const listed = held.filter((server) => server.isListed && !this.#isTakenForSentinel(server, held));
    return memberships.map(({ cluster, members, slotsCovered }) => {
      const found = members.flatMap((member) => naming.namesOf(member));
      // In Cluster mode the nodes say who is one of them; elsewhere the config does as well.
      const own = cluster === name ? listed.filter((server) => slotsCovered === null || isPlain(server)) : [];
      this.#clusters.add(cluster);
      const targets = new Set([...found, ...own.map(({ target }) => target.address)]);
      return { cluster, targets: [...targets].sort(), slotsCovered };
    });
  }
}
