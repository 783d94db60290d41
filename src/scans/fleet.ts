import { targetFoundAt } from "../config/resolve.ts";
import type { TargetConfig } from "../config/schema.ts";
import { SLOT_COUNT } from "../model/slot.ts";
import { TargetError, type TargetProblem } from "../redis/problem.ts";
import type { NamedServer, Topology } from "../redis/topology.ts";
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
  for (const seed of seeds) await finder.add(seed);
  return finder.fleet();
}

const NO_MEMBERS: TargetProblem = {
  code: "UNREACHABLE",
  message: "it names no server that has slots",
  retryable: true,
};

class FleetFinder {
  readonly #options: FleetOptions;
  readonly #servers = new Map<string, ScanServer>();
  readonly #tried = new Set<string>();
  readonly #missing: string[] = [];
  #firstProblem: TargetProblem | null = null;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async add(seed: TargetConfig): Promise<void> {
    const server = await this.#open(seed);
    if (server === null) return;
    const topology = await server.live.topology().catch((err: unknown) => this.#noTopology(server, err));
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
    this.#noteSlots(topology);
  }

  fleet(): ScanFleet {
    if (this.#servers.size === 0) throw this.#nobody();
    return { servers: [...this.#servers.values()], missing: this.#missing };
  }

  /** Nothing was to be had, with the reason of each. */
  #nobody(): TargetError {
    const { code, retryable } = this.#firstProblem ?? NO_MEMBERS;
    const message = this.#missing.length > 0 ? this.#missing.join("; ") : NO_MEMBERS.message;
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
    if (this.#tried.has(target.address)) return null;
    this.#tried.add(target.address);
    try {
      return await ScanServer.open(target, this.#options);
    } catch (err) {
      if (err instanceof TargetError) this.#firstProblem ??= err.problem;
      this.#missing.push(`${target.address}: ${reasonOf(err)}`);
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
    this.#missing.push(`who belongs to the cluster of ${server.address} is not known: ${reasonOf(err)}`);
    return null;
  }

  #noteSlots(topology: Topology): void {
    if (topology.kind !== "cluster" || topology.slotsCovered === SLOT_COUNT) return;
    this.#missing.push(`${SLOT_COUNT - topology.slotsCovered} slots of the cluster have no server`);
  }
}

function membersOf(topology: Topology): readonly NamedServer[] {
  if (topology.kind === "cluster") return topology.servers;
  return topology.kind === "sentinel" ? topology.groups.flatMap(({ servers }) => servers) : [];
}

/** One line. */
export function reasonOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
