import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { AgentAddress } from "./agent-connection.ts";
import { AgentTime } from "./agent-time.ts";
import { EventDecoder } from "./hot-set/event-decoder.ts";
import { type LeaseChange, LeaseTable } from "./hot-set/lease-table.ts";
import { readMessage } from "./hot-set/messages.ts";
import { listenTo } from "./hot-set/stream-connection.ts";
import { type AgentOptions, checkedAgent } from "./options.ts";
import { checkedCount, checkedFunction, checkedOptions } from "./remedies/arguments.ts";
import type { Bytes } from "./remedies/commands.ts";
import type { HotKeySource } from "./remedies/hot-key-source.ts";
import { keyIdOf, keyOfId } from "./remedies/key-id.ts";
import { unrefClock } from "./unref-clock.ts";

/** Well below a lease's length: an agent that is away for a moment costs no lease. */
const RECONNECT = { firstMs: 200, maxMs: 5000 };
/** The agent tells of no lease that has run out by its clock: one that has by ours says that its clock was set. */
const RUN_OUT_MS_MAX = 5000;
/** What takes 10,000 keys of 1 KiB, in base64. */
const EVENT_CHARACTERS_MAX = 16 * 1024 * 1024;
const DB_MAX = 65_535;
const KNOWN = ["agent", "db", "cluster"] as const;

export interface HotSetOptions {
  /** Base URL of the agent (or of `keyheat standalone`), such as `http://127.0.0.1:9379`, with a token where it wants one. */
  readonly agent: string | URL | AgentOptions;
  /** Number of the database whose keys count. Default 0. */
  readonly db?: number | undefined;
  /** Name of the cluster whose keys count, as the agent has it. Left out: those of all clusters that it tells of. */
  readonly cluster?: string | undefined;
}

/**
 * `connecting`: nothing was heard yet. `live`: what is known is what the agent knows. `away`: the agent is not heard; what
 * it said last holds until it runs out.
 */
export type HotSetState = "connecting" | "live" | "away";

/** What has changed; keys that are valid UTF-8 as text, others as Buffers. */
export interface HotSetChange {
  readonly added: readonly (string | Buffer)[];
  readonly removed: readonly (string | Buffer)[];
}

/**
 * The keys that Keyheat lets clients cool now, as the agent tells them: leases, which run out by themselves after half a
 * minute or so unless they are renewed. Tells remedies which keys are hot (`hotSet` of LocalCache and ReplicaRouter).
 *
 * While the agent is away nothing new is known: leases run out, and within their length `has` says no of every key. So
 * where the agent is down caching stops, and each read goes to the server as it did before.
 *
 * Consistency: it changes no value and asks no server. Costs: one connection to the agent, and a look into a map for each
 * `has`; at most 10,000 leases are kept. Nothing of it keeps the process alive.
 *
 * Throws: TypeError where an option is of the wrong kind, RangeError where it makes no sense.
 */
export class HotSet implements HotKeySource {
  readonly #address: AgentAddress;
  readonly #table: LeaseTable;
  readonly #clock: Clock = unrefClock;
  readonly #time: AgentTime;
  readonly #listeners = new Set<(change: HotSetChange) => void>();
  #state: HotSetState = "connecting";
  #problem: string | null = null;
  /** Failures since the last snapshot. */
  #attempt = 0;
  #stopListening: () => void = () => {};
  #cancelConnect: () => void = () => {};
  #cancelExpiry: () => void = () => {};
  #isClosed = false;

  constructor(options: HotSetOptions) {
    const { agent, db, cluster } = checkedOptions(options, KNOWN);
    this.#address = checkedAgent(agent);
    const keyspace = checkedCount(db, "db", { min: 0, max: DB_MAX, fallback: 0 });
    this.#table = new LeaseTable(checkedCluster(cluster), keyspace);
    this.#time = new AgentTime(this.#clock.now(), this.#clock.monotonic());
    this.#connect();
  }

  /** Whether clients may cool this key now. */
  has(key: Bytes): boolean {
    return this.rateOf(key) !== null;
  }

  /** How often the key is wanted, in reads a second, as of when its lease was last renewed; `null`: it is not leased. */
  rateOf(key: Bytes): number | null {
    if (this.#table.size === 0) return null;
    return this.#table.rateOf(keyIdOf(key), this.#clock.monotonic());
  }

  /** The keys that are leased now: text where it is valid UTF-8, else Buffers. */
  keys(): (string | Buffer)[] {
    return this.#table.keys(this.#clock.monotonic()).map(keyOfId);
  }

  get state(): HotSetState {
    return this.#state;
  }

  /** Why the agent is not heard; `null` while it is, or before anything was tried. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Calls `listener` whenever keys are leased anew, or their leases end. What it throws is nobody's: it is reported as a
   * warning of the process. The returned function ends it.
   */
  onChange(listener: (change: HotSetChange) => void): () => void {
    const checked = checkedFunction<void>(listener, "listener");
    this.#listeners.add(checked);
    return () => void this.#listeners.delete(checked);
  }

  /** Listens no more, and knows of no key any more. */
  close(): void {
    this.#isClosed = true;
    this.#state = "away";
    this.#stopListening();
    this.#cancelConnect();
    this.#cancelExpiry();
    this.#listeners.clear();
    this.#table.apply({ type: "snapshot", add: [] }, 0, 0);
  }

  #connect(): void {
    const decoder = new EventDecoder(EVENT_CHARACTERS_MAX);
    this.#stopListening = listenTo(this.#address, {
      onOpen: (agentMs, sentMs, receivedMs) => this.#time.learn(agentMs, sentMs, receivedMs),
      onPiece: (piece) => {
        for (const { name, data } of decoder.push(piece)) this.#take(name, data);
      },
      onEnd: (problem, retryAfterMs) => this.#ended(problem, retryAfterMs),
    });
  }

  #take(name: string, data: string): void {
    const message = readMessage(name, data);
    if (message === null || this.#isClosed) return;
    const nowMs = this.#clock.monotonic();
    const agentMs = this.#time.at(nowMs);
    if (message.add.some(({ leaseUntilMs }) => leaseUntilMs < agentMs - RUN_OUT_MS_MAX)) {
      throw new Error("the agent's clock was set");
    }
    const change = this.#table.apply(message, agentMs, nowMs);
    if (message.type === "snapshot") {
      this.#state = "live";
      this.#problem = null;
      this.#attempt = 0;
    }
    this.#tell(change);
    this.#awaitExpiry();
  }

  #ended(problem: string, retryAfterMs: number): void {
    if (this.#isClosed) return;
    this.#state = "away";
    this.#problem = problem;
    const delayMs = Math.max(retryAfterMs, backoffMs(this.#attempt++, RECONNECT));
    this.#cancelConnect = this.#clock.after(delayMs, () => this.#connect());
  }

  #awaitExpiry(): void {
    this.#cancelExpiry();
    const nextEndMs = this.#table.nextEndMs;
    if (nextEndMs === null || this.#isClosed) return;
    const delayMs = Math.max(1, Math.ceil(nextEndMs - this.#clock.monotonic()));
    this.#cancelExpiry = this.#clock.after(delayMs, () => {
      this.#tell(this.#table.settle(this.#clock.monotonic()));
      this.#awaitExpiry();
    });
  }

  #tell({ added, removed }: LeaseChange): void {
    if (added.length + removed.length === 0) return;
    const change = { added: added.map(keyOfId), removed: removed.map(keyOfId) };
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}

function checkedCluster(cluster: unknown): string | null {
  if (cluster === undefined) return null;
  if (typeof cluster !== "string") throw new TypeError("cluster: expected a name");
  if (cluster === "") throw new RangeError("cluster: must not be empty");
  return cluster;
}
