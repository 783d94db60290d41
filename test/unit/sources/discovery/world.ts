import { defaultConfig } from "../../../../src/config/load.ts";
import type { Observe, TargetConfig } from "../../../../src/config/schema.ts";
import type { TopologyReport } from "../../../../src/model/topology.ts";
import type { TargetPoll } from "../../../../src/redis/poll.ts";
import { TargetError } from "../../../../src/redis/problem.ts";
import type { TargetState } from "../../../../src/redis/target.ts";
import { type NamedServer, replicationOf, type Topology } from "../../../../src/redis/topology.ts";
import { silentLogger } from "../../../../src/runtime/logger.ts";
import { Discovery, type MovingTargets } from "../../../../src/sources/discovery/discovery.ts";
import { HostNames } from "../../../../src/sources/discovery/host-names.ts";
import type { Asked, HeldServer, Servers, Wanted } from "../../../../src/sources/discovery/servers.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";

export const PLAIN = {
  clusterEnabled: false,
  isSentinel: false,
  nodeId: null,
  slots: null,
  replicas: [],
} as const;

/** A server that says what it is told to say. */
export class FakeServer implements Asked {
  current: TargetState = "up";
  peer: string | null = null;
  poll: Partial<TargetPoll> = { ...PLAIN, role: "primary", primary: null };
  /** What it says of its cluster; `null`: what its poll says of replication. */
  sees: Topology | null = null;
  /** How often it was asked for its topology. */
  asks = 0;
  /** How often it was told that its slots have moved. */
  renewals = 0;

  state(): TargetState {
    return this.current;
  }

  get latestPoll(): TargetPoll | null {
    return this.current === "connecting" ? null : (this.poll as TargetPoll);
  }

  problem() {
    return this.current === "down"
      ? { code: "UNREACHABLE" as const, message: "away", retryable: true }
      : null;
  }

  async topology(): Promise<Topology> {
    this.asks++;
    if (this.current !== "up")
      throw new TargetError({ code: "UNREACHABLE", message: "away", retryable: true });
    return this.sees ?? replicationOf(this.poll as TargetPoll);
  }

  forgetSlots(): void {
    this.renewals++;
  }
}

/** The servers of a test by address, and the connections that discovery wants to them. */
export class World implements Servers {
  readonly clock = new SimulatedClock();
  readonly servers = new Map<string, FakeServer>();
  readonly reports: TopologyReport[] = [];
  /** Names that are known to the resolver. */
  readonly names = new Map<string, readonly string[]>();
  ownAddresses: readonly string[] = [];
  /** Addresses that are another name for a server that is watched already, with that server's. */
  readonly doubles = new Map<string, string>();
  readonly #wanted = new Map<string, readonly Wanted[]>();

  discover(
    urls: readonly string[],
    observe: Observe = "all",
    fields: Record<string, unknown> = {},
    pods?: MovingTargets,
  ): Discovery {
    const { targets } = defaultConfig({ targets: urls.map((url) => ({ url })), ...fields });
    const discovery: Discovery = new Discovery({
      agent: "agent-a",
      targets,
      pods,
      observe,
      servers: this,
      clock: this.clock,
      logger: silentLogger,
      emit: (reports) => void this.reports.push(...reports),
      hosts: new HostNames({
        clock: this.clock,
        onChange: () => {},
        resolve: async (host) => {
          const found = this.names.get(host);
          if (!found) throw new Error("no such name");
          return found;
        },
        ownAddresses: () => this.ownAddresses,
      }),
    });
    return discovery;
  }

  /** The server at an address; it is made when it is first asked for. */
  at(address: string): FakeServer {
    const known = this.servers.get(address) ?? new FakeServer();
    this.servers.set(address, known);
    return known;
  }

  /** A Redis Cluster of these nodes, which all see each other; the slots are shared out among them. */
  cluster(addresses: readonly string[], fields: Partial<ClusterView> = {}): void {
    const view = clusterOf(addresses, fields);
    for (const [index, address] of addresses.entries()) {
      const { nodeId = null, slots = null } = view.servers[index] ?? {};
      const server = this.at(address);
      server.poll = { ...PLAIN, clusterEnabled: true, nodeId, slots, role: "primary", primary: null };
      server.sees = view;
    }
  }

  set(group: string, wanted: readonly Wanted[]): void {
    this.#wanted.set(group, wanted);
  }

  held(group: string): readonly HeldServer[] {
    return (this.#wanted.get(group) ?? []).map((wanted) => {
      const { address } = wanted.target;
      const double = this.doubles.get(address);
      return {
        ...wanted,
        asked: this.at(address),
        double: double === undefined ? null : ({ address: double } as TargetConfig),
      };
    });
  }

  wanted(group = "default"): readonly Wanted[] {
    return this.#wanted.get(group) ?? [];
  }

  get watched(): string[] {
    return namesOf([...this.#wanted.values()].flat().filter(({ isWatched }) => isWatched));
  }

  /** Servers that are only asked. */
  get asked(): string[] {
    return namesOf([...this.#wanted.values()].flat().filter(({ isWatched }) => !isWatched));
  }

  /** Targets in the last report. */
  get told(): readonly string[] | undefined {
    return this.reports.at(-1)?.targets;
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms);
  }
}

function namesOf(wanted: readonly Wanted[]): string[] {
  return wanted.map(({ target }) => target.address).sort();
}

type ClusterView = Extract<Topology, { kind: "cluster" }>;

/** What a node sees of a Redis Cluster; node ids are `id-ADDRESS`. */
export function clusterOf(addresses: readonly string[], fields: Partial<ClusterView> = {}): ClusterView {
  const boundary = (i: number) => Math.floor((i * 16_384) / addresses.length);
  const servers = addresses.map((address, i): NamedServer => {
    const { host, port } = placeOf(address);
    const slots: [number, number][] = [[boundary(i), boundary(i + 1) - 1]];
    return { host, port, aliases: [], role: "primary", nodeId: `id-${address}`, slots };
  });
  return { kind: "cluster", servers, slotsCovered: 16_384, epoch: 1, hasFailing: false, ...fields };
}

/** What a node sees after a reset. */
export function aloneAt(address: string): ClusterView {
  return clusterOf([address], { slotsCovered: 0, epoch: 0 });
}

export function placeOf(address: string): { readonly host: string; readonly port: number } {
  const [host = "", port = ""] = address.split(":");
  return { host, port: Number(port) };
}
