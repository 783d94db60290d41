import type { SlotRange } from "../model/slot.ts";
import type { Clock } from "../runtime/clock.ts";
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
import { type RoleView, roleFromInfo, roleFromReply } from "./role.ts";
import type { CommandLine, Session } from "./session.ts";
import { slotsFromNodes, slotsFromRows } from "./slots.ts";

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
  #slots: readonly SlotRange[] | null = null;
  #slotsAskedMs = Number.NEGATIVE_INFINITY;
  #slotsRole: string | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
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
    refuseSentinel(info);
    refuseLoading(info);
    const view = role === undefined ? roleFromInfo(info) : roleFromReply(role);
    const calls = parseCommandCalls(typeof statsText === "string" ? statsText : "");
    const clusterEnabled = info.get("cluster_enabled") === "1";
    const slots = clusterEnabled ? await this.#slotsOf(info, view) : null;
    return { ...view, ...this.#numbersOf(info, calls), clusterEnabled, slots, calls, takenAtMs };
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

  /** Values in the order of `commands`; `undefined` for those that were refused, now or lately. */
  async #ask(commands: readonly (readonly [right: string, line: CommandLine])[]): Promise<unknown[]> {
    const { session, refusals, clock } = this.#options;
    const asked = commands.map(([right]) => refusals.mayAsk(right, clock.monotonic()));
    const answers = await session.ask(commands.filter((_, i) => asked[i]).map(([, line]) => line));
    let next = 0;
    return commands.map(([right], i) => {
      const answer = asked[i] ? answers[next++] : undefined;
      if (!answer) return undefined;
      if ("error" in answer) {
        refusals.refuse(right, answer.error, clock.monotonic());
        return undefined;
      }
      refusals.allow(right);
      return answer.value;
    });
  }

  async #slotsOf(info: Info, { role }: RoleView): Promise<readonly SlotRange[] | null> {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#slotsAskedMs < SLOTS_PERIOD_MS && role === this.#slotsRole) return this.#slots;
    this.#slotsAskedMs = nowMs;
    this.#slotsRole = role;
    const [nodes] = await this.#ask([["cluster|nodes", ["CLUSTER", "NODES"]]]);
    this.#slots = slotsFromNodes(nodes) ?? (await this.#slotsFromRows(info));
    return this.#slots;
  }

  async #slotsFromRows(info: Info): Promise<readonly SlotRange[] | null> {
    const { endpoint } = this.#options.target;
    const serverPort = infoNumber(info, "tcp_port");
    const self =
      "path" in endpoint
        ? { host: null, port: serverPort ?? 0, serverPort }
        : { host: endpoint.host, port: endpoint.port, serverPort };
    const [rows] = await this.#ask([["cluster|slots", ["CLUSTER", "SLOTS"]]]);
    return slotsFromRows(rows, self);
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

function refuseSentinel(info: Info): void {
  if ((info.get("redis_mode") ?? info.get("server_mode")) !== "sentinel") return;
  throw new TargetError({
    code: "PROTOCOL",
    message: "this is a Sentinel, which holds no keys; give the addresses of the servers it watches",
    retryable: false,
  });
}

/** INFO is answered while the data set loads, commands on keys are not. */
function refuseLoading(info: Info): void {
  if (info.get("loading") !== "1") return;
  const percent = infoNumber(info, "loading_loaded_perc");
  const done = percent === null ? "" : ` (${Math.floor(percent)}% done)`;
  throw new TargetError({
    code: "LOADING",
    message: `the server is loading its data set${done}; waiting for it`,
    retryable: true,
  });
}
