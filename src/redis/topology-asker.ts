import type { Clock } from "../runtime/clock.ts";
import { type ClusterNode, parseClusterNodes } from "./cluster-nodes.ts";
import {
  type Endpoints,
  endpointsFromRows,
  topologyFromNodes,
  topologyFromRows,
} from "./cluster-topology.ts";
import type { TargetAccess } from "./options.ts";
import type { TargetPoll } from "./poll.ts";
import { TargetError } from "./problem.ts";
import { askAllowed, type Refusals, type RightedLine } from "./refusals.ts";
import { groupOf, primariesFromReply } from "./sentinel-topology.ts";
import type { Session } from "./session.ts";
import { replicationOf, type Topology } from "./topology.ts";

/** Where clients are to connect changes with the nodes; what an operator sets by hand is seen after so long. */
const ENDPOINTS_PERIOD_MS = 30_000;

export interface TopologyAskerOptions {
  readonly session: Session;
  readonly target: TargetAccess;
  readonly refusals: Refusals;
  readonly clock: Clock;
}

/** Asks one connection who belongs to its server's cluster. */
export class TopologyAsker {
  readonly #options: TopologyAskerOptions;
  #endpoints: Endpoints = new Map();
  /** What `#endpoints` were asked for. */
  #endpointsOf = "";
  #endpointsAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: TopologyAskerOptions) {
    this.#options = options;
  }

  /** `poll`: what the server last said of itself. Throws: `TargetError`. */
  async ask(poll: TargetPoll): Promise<Topology> {
    if (poll.isSentinel) return { kind: "sentinel", groups: await this.#groups() };
    if (!poll.clusterEnabled) return replicationOf(poll);
    const [reply] = await this.#ask([["cluster|nodes", ["CLUSTER", "NODES"]]]);
    const nodes = parseClusterNodes(reply);
    if (nodes) return topologyFromNodes(nodes, await this.#endpointsFor(nodes), this.#askedHost);
    const topology = topologyFromRows(await this.#rows(), this.#askedHost);
    if (!topology) throw this.#blind();
    return topology;
  }

  async #groups() {
    const [reply] = await this.#ask([["sentinel|masters", ["SENTINEL", "MASTERS"]]]);
    if (reply === undefined) throw this.#blind();
    const primaries = primariesFromReply(reply);
    const lines = primaries.map(
      ({ name }): RightedLine => ["sentinel|replicas", ["SENTINEL", "REPLICAS", name]],
    );
    const replies = lines.length === 0 ? [] : await this.#ask(lines);
    return primaries.map((primary, index) => groupOf(primary, replies[index]));
  }

  /** CLUSTER SLOTS is long where slots are scattered: it is asked when the nodes are others than before. */
  async #endpointsFor(nodes: readonly ClusterNode[]): Promise<Endpoints> {
    const nowMs = this.#options.clock.monotonic();
    const text = nodes.map(
      ({ id, ip, port, hostname, slots }) => `${id} ${ip} ${port} ${hostname} ${slots.length > 0}`,
    );
    const wanted = text.sort().join("\n");
    if (wanted !== this.#endpointsOf || nowMs - this.#endpointsAskedMs >= ENDPOINTS_PERIOD_MS) {
      this.#endpoints = endpointsFromRows(await this.#rows());
      this.#endpointsOf = wanted;
      this.#endpointsAskedMs = nowMs;
    }
    return this.#endpoints;
  }

  async #rows(): Promise<unknown> {
    const [rows] = await this.#ask([["cluster|slots", ["CLUSTER", "SLOTS"]]]);
    return rows;
  }

  #ask(lines: readonly RightedLine[]): Promise<unknown[]> {
    const { session, refusals, clock } = this.#options;
    return askAllowed(session, refusals, lines, clock.monotonic());
  }

  /** A server behind a socket's path is on this host. */
  get #askedHost(): string {
    const { endpoint } = this.#options.target;
    return "path" in endpoint ? "127.0.0.1" : endpoint.host;
  }

  #blind(): TargetError {
    const { refusals } = this.#options;
    const reason = refusals.reasonOf("cluster|nodes") ?? refusals.reasonOf("sentinel|masters");
    return new TargetError({
      code: "NOPERM",
      message: reason ?? "the server does not say who belongs to its cluster",
      retryable: false,
    });
  }
}
