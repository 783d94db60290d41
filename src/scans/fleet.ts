import { targetFoundAt } from "../config/resolve.ts";
import type { TargetConfig } from "../config/schema.ts";
import { SLOT_COUNT } from "../model/slot.ts";
import { TargetError, type TargetProblem } from "../redis/problem.ts";
import type { NamedServer, Topology } from "../redis/topology.ts";
import { reasonOf } from "../runtime/reason.ts";
import { ScanServer, type ScanServerOptions } from "./scan-server.ts";

export interface FleetOptions extends ScanServerOptions {
  /** `true`: replicas as well. */
  readonly replicas?: boolean;
}

/** The servers that a scan looks at, and why others that belong to them are missing: one line each. */
export interface ScanFleet {
  readonly servers: readonly ScanServer[];
  readonly missing: readonly string[];
}

/**
 * Connects to the given servers and, in Redis Cluster, to all primaries of their cluster; by a Sentinel to what it watches.
 * Each server process is there once, however it was named.
 *
 * Throws: `TargetError` where none can be had.
 */
export async function openFleet(seeds: readonly TargetConfig[], options: FleetOptions): Promise<ScanFleet> {
  const finder = new FleetFinder(options);
  await finder.addSeeds(seeds);
  return finder.fleet();
}

const NO_SERVER: TargetProblem = { code: "UNREACHABLE", message: "there is no server", retryable: true };

const NOBODY_NAMED = {
  cluster: "it names no node that has slots",
  sentinel: "it watches no primary",
} as const;

class FleetFinder {
  readonly #options: FleetOptions;
  readonly #servers = new Map<string, ScanServer>();
  readonly #tried = new Set<string>();
  /** Each once: two nodes of a cluster may say the same of it. */
  readonly #missing = new Set<string>();
  #firstProblem: TargetProblem | null = null;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Connects to all of them first: each by its own user, also where another one names it. */
  async addSeeds(seeds: readonly TargetConfig[]): Promise<void> {
    const servers = await Promise.all(seeds.map((seed) => this.#open(seed)));
    for (const server of servers) if (server !== null) await this.#add(server);
  }

  async #add(server: ScanServer): Promise<void> {
    const seed = server.target;
    const topology = await server.live.topology().catch((err: unknown) => this.#noTopology(server, err));
    // A Sentinel has no keys of its own.
    if (topology === null && server.poll.isSentinel) {
      server.close();
      return;
    }
    if (topology === null || topology.kind === "replication") {
      this.#keep(server);
      if (topology?.kind === "replication" && this.#options.replicas)
        await this.#addFound(seed, topology.replicas);
      return;
    }
    const wanted = membersOf(topology).filter((member) => this.#isWanted(member));
    if (wanted.some(({ nodeId }) => nodeId !== null && nodeId === server.poll.nodeId)) this.#keep(server);
    else server.close();
    await this.#addFound(seed, wanted);
    if (wanted.length === 0) this.#missing.add(`${seed.address}: ${NOBODY_NAMED[topology.kind]}`);
    this.#noteSlots(topology);
  }

  fleet(): ScanFleet {
    if (this.#servers.size === 0) throw this.#nobody();
    return { servers: [...this.#servers.values()], missing: [...this.#missing] };
  }

  /** Nothing was to be had, with the reason of each. */
  #nobody(): TargetError {
    const { code, retryable } = this.#firstProblem ?? NO_SERVER;
    const message = [...this.#missing].join("; ") || NO_SERVER.message;
    return new TargetError({ code, message, retryable });
  }

  #isWanted({ role, slots }: NamedServer): boolean {
    if (role === "replica") return this.#options.replicas === true;
    return slots === null || slots.length > 0;
  }

  async #addFound(seed: TargetConfig, members: readonly NamedServer[]): Promise<void> {
    await Promise.all(
      members.map(async ({ host, port, nodeId }) => {
        if (nodeId !== null && this.#servers.has(nodeId)) return;
        const server = await this.#open(targetFoundAt(seed, host, port, seed.cluster));
        if (server !== null) this.#keep(server);
      }),
    );
  }

  async #open(target: TargetConfig): Promise<ScanServer | null> {
    if (this.#tried.has(target.address) || this.#options.signal.aborted) return null;
    this.#tried.add(target.address);
    try {
      return await ScanServer.open(target, this.#options);
    } catch (err) {
      if (this.#options.signal.aborted) return null;
      if (err instanceof TargetError) this.#firstProblem ??= err.problem;
      this.#missing.add(`${target.address}: ${reasonOf(err)}`);
      return null;
    }
  }

  /** A server that was found by another name is closed again. */
  #keep(server: ScanServer): void {
    const { nodeId, runId } = server.poll;
    const identity = nodeId ?? runId ?? server.address;
    const known = this.#servers.get(identity);
    if (known === server) return;
    if (known === undefined) this.#servers.set(identity, server);
    else server.close();
  }

  #noTopology(server: ScanServer, err: unknown): null {
    if (err instanceof TargetError) this.#firstProblem ??= err.problem;
    this.#missing.add(`who belongs to the cluster of ${server.address} is not known: ${reasonOf(err)}`);
    return null;
  }

  #noteSlots(topology: Topology): void {
    if (topology.kind !== "cluster" || topology.slotsCovered === SLOT_COUNT) return;
    this.#missing.add(`${SLOT_COUNT - topology.slotsCovered} slots of the cluster have no server`);
  }
}

function membersOf(topology: Topology): readonly NamedServer[] {
  if (topology.kind === "cluster") return topology.servers;
  return topology.kind === "sentinel" ? topology.groups.flatMap(({ servers }) => servers) : [];
}
