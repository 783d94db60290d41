import type { Clock } from "../runtime/clock.ts";
import { parseClusterNodes } from "./cluster-nodes.ts";
import { countWriteCalls } from "./commands.ts";
import {
  cpuSecondsOf,
  type Info,
  infoNumber,
  keyspaceReadsOf,
  parseCommandCalls,
  parseInfo,
  productOf,
} from "./info.ts";
import type { TargetAccess } from "./options.ts";
import type { OwnReads } from "./own-reads.ts";
import type { TargetPoll } from "./poll.ts";
import { TargetError } from "./problem.ts";
import type { Refusals } from "./refusals.ts";
import { askAllowed, type RightedLine } from "./refusals.ts";
import { type RoleView, replicasFromInfo, replicasFromReply, roleFromInfo, roleFromReply } from "./role.ts";
import type { Session } from "./session.ts";
import { type OwnPlace, placeFromNodes, placeFromRows } from "./slots.ts";

/** Slots move seldom; a role change asks at once. */
const SLOTS_PERIOD_MS = 10_000;

export interface PollerOptions {
  readonly session: Session;
  readonly target: TargetAccess;
  readonly refusals: Refusals;
  readonly ownReads: OwnReads;
  readonly clock: Clock;
}

/** Asks one connection for the state of its server. What may not be asked degrades just that part. */
export class Poller {
  readonly #options: PollerOptions;
  #place: OwnPlace | null = null;
  #slotsAskedMs = Number.NEGATIVE_INFINITY;
  #slotsRole: string | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** The slots are known to have moved: the next round asks for them. */
  forgetSlots(): void {
    this.#slotsAskedMs = Number.NEGATIVE_INFINITY;
  }

  /** One round of pipelined commands. Throws: `TargetError`. */
  async poll(): Promise<TargetPoll> {
    const replies = await this.#ask([
      ["role", ["ROLE"]],
      ["info", ["INFO"]],
      ["info", ["INFO", "commandstats"]],
    ]);
    const takenAtMs = this.#options.clock.monotonic();
    const [role, infoText, statsText] = replies;
    if (typeof infoText !== "string" && role === undefined) throw this.#blind();
    const info = parseInfo(typeof infoText === "string" ? infoText : "");
    refuseLoading(info);
    const view = role === undefined ? roleFromInfo(info) : roleFromReply(role);
    const calls = parseCommandCalls(typeof statsText === "string" ? statsText : "");
    const clusterEnabled = info.get("cluster_enabled") === "1";
    const place = clusterEnabled ? await this.#placeOf(info, view) : null;
    return {
      ...view,
      ...this.#numbersOf(info, calls),
      replicas: typeof infoText === "string" ? replicasFromInfo(info) : replicasFromReply(role),
      isSentinel: isSentinel(info),
      clusterEnabled,
      nodeId: place?.nodeId ?? null,
      slots: place?.slots ?? null,
      calls,
      takenAtMs,
    };
  }

  #numbersOf(info: Info, calls: ReadonlyMap<string, number>) {
    const runId = info.get("run_id") ?? null;
    const reads = keyspaceReadsOf(info);
    return {
      ...productOf(info),
      runId,
      reads: reads === null ? null : this.#options.ownReads.takeOff(runId, reads),
      writeCalls: calls.size === 0 ? null : countWriteCalls(calls),
      cpuSeconds: cpuSecondsOf(info),
      memoryBytes: infoNumber(info, "used_memory"),
      clients: infoNumber(info, "connected_clients"),
      opsPerSecond: infoNumber(info, "instantaneous_ops_per_sec"),
      uptimeSeconds: infoNumber(info, "uptime_in_seconds"),
    };
  }

  #ask(commands: readonly RightedLine[]): Promise<unknown[]> {
    const { session, refusals, clock } = this.#options;
    return askAllowed(session, refusals, commands, clock.monotonic());
  }

  async #placeOf(info: Info, { role }: RoleView): Promise<OwnPlace | null> {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#slotsAskedMs < SLOTS_PERIOD_MS && role === this.#slotsRole) return this.#place;
    this.#slotsAskedMs = nowMs;
    this.#slotsRole = role;
    const [nodes] = await this.#ask([["cluster|nodes", ["CLUSTER", "NODES"]]]);
    this.#place = placeFromNodes(parseClusterNodes(nodes) ?? []) ?? (await this.#placeFromRows(info));
    return this.#place;
  }

  async #placeFromRows(info: Info): Promise<OwnPlace | null> {
    const { endpoint } = this.#options.target;
    const serverPort = infoNumber(info, "tcp_port");
    const self =
      "path" in endpoint
        ? { host: null, port: serverPort ?? 0, serverPort }
        : { host: endpoint.host, port: endpoint.port, serverPort };
    const [rows] = await this.#ask([["cluster|slots", ["CLUSTER", "SLOTS"]]]);
    return placeFromRows(rows, self);
  }

  #blind(): TargetError {
    const { refusals } = this.#options;
    return new TargetError({
      code: "NOPERM",
      message: refusals.reasonOf("info") ?? "the server answers neither INFO nor ROLE",
      retryable: false,
    });
  }
}

function isSentinel(info: Info): boolean {
  return (info.get("redis_mode") ?? info.get("server_mode")) === "sentinel";
}

/** INFO is answered while the data set loads, commands on keys are not. */
function refuseLoading(info: Info): void {
  if (info.get("loading") !== "1") return;
  const percent = infoNumber(info, "loading_loaded_perc");
  const done = percent === null ? "" : ` (${Math.floor(percent)}% done)`;
  throw new TargetError({
    code: "LOADING",
    message: `the server is loading its data set${done}`,
    retryable: true,
  });
}
