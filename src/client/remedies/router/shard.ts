import type { Clock } from "../../../runtime/clock.ts";
import { OwnWrites } from "./own-writes.ts";
import { PrimaryOffsets } from "./primary-offsets.ts";
import { type Candidate, ReplicaChoice, type ReplicaStrategy } from "./replica-choice.ts";
import {
  type Answer,
  type Health,
  judgeReplica,
  type LagLimits,
  type PrimaryPast,
} from "./replica-health.ts";

/** One server, as a shard sees it. */
export interface ShardNode extends Candidate {
  /** Since when it is connected to (monotonic): what it said before that may be of a server that was replaced since. */
  readonly readyMs: number | null;
  ask(): Promise<Answer>;
}

export interface ShardOptions extends LagLimits {
  readonly checkEveryMs: number;
  readonly timeoutMs: number;
  /** Own writes that are followed one by one. */
  readonly ownWritesMax: number;
  readonly strategy: ReplicaStrategy;
  readonly clock: Clock;
  /** The first node stays the primary, whatever it and others say. */
  readonly isPrimaryFixed?: boolean;
  /** Called before each round of checks. */
  readonly onCheck?: () => void;
  /** Called after a round in which the primary was none. */
  readonly onWrongPrimary?: () => void;
}

type PrimarySays = Pick<PrimaryPast, "streamId" | "offset">;

interface Member<Node> {
  readonly node: Node;
  /** Of the last check; `null`: it failed. */
  answer: Answer | null;
  failuresInRow: number;
  /** When a read failed: answers to questions asked before that say nothing. */
  failedMs: number;
  health: Health;
}

/** Answers of replicas that come together share one question to the primary. */
const TOGETHER_MS = 5;
/** A primary that fails so many checks gives way to another node that says it is one. */
const FAILURES_UNTIL_GONE = 3;

const UNCHECKED: Health = { verdict: "unchecked", lagBytes: null };
const UNREACHABLE: Health = { verdict: "unreachable", lagBytes: null };

/**
 * A primary and its replicas: asks each where it stands once a period, and knows from that which one is the primary and
 * which replicas may serve a read.
 */
export class Shard<Node extends ShardNode> {
  readonly #options: ShardOptions;
  readonly #offsets: PrimaryOffsets;
  readonly #ownWrites: OwnWrites;
  readonly #choice: ReplicaChoice;
  #members: readonly Member<Node>[];
  #primary: Member<Node>;
  /** Of the primary, whose offsets are meant everywhere. `null`: not known yet. */
  #streamId: string | null = null;
  #floor: number | null = null;
  #floorAfterMs: number;
  #asking: Promise<PrimarySays | null> | null = null;
  #checking: Promise<void> | null = null;
  #cancelCheck: (() => void) | null = null;
  #isStopped = false;

  /** The first node is the primary until another one says so. */
  constructor(nodes: readonly Node[], options: ShardOptions) {
    this.#options = options;
    this.#floorAfterMs = options.clock.monotonic();
    this.#offsets = new PrimaryOffsets(options.maxLagMs + options.checkEveryMs);
    this.#choice = new ReplicaChoice(options.strategy);
    this.#ownWrites = new OwnWrites(options.ownWritesMax);
    this.#members = nodes.map(newMember);
    this.#primary = this.#members[0]!;
  }

  get nodes(): readonly Node[] {
    return this.#members.map(({ node }) => node);
  }

  get primary(): Node {
    return this.#primary.node;
  }

  healthOf(node: Node): Health {
    return this.#members.find((member) => member.node === node)?.health ?? UNCHECKED;
  }

  /** Checks now, and then once a period. */
  start(): void {
    const startMs = this.#options.clock.monotonic();
    this.#options.onCheck?.();
    if (this.#isStopped) return;
    void this.check().finally(() => {
      if (this.#isStopped) return;
      const passedMs = this.#options.clock.monotonic() - startMs;
      const delayMs = Math.max(0, this.#options.checkEveryMs - passedMs);
      this.#cancelCheck = this.#options.clock.after(delayMs, () => this.start());
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelCheck?.();
  }

  /** Other nodes, the primary first; those that stay keep what is known of them. */
  replaceNodes(nodes: readonly Node[]): void {
    const known = new Map(this.#members.map((member) => [member.node, member]));
    this.#members = nodes.map((node) => known.get(node) ?? newMember(node));
    const [primary] = this.#members;
    if (primary !== undefined && primary !== this.#primary) this.#follow(primary);
  }

  /** Whether the key was written by this process, and not all replicas that serve are known to have it. */
  isOwnWrite(id: string): boolean {
    return this.#ownWrites.has(id);
  }

  /** A replica that may serve a read; `null`: there is none. */
  reader(): Node | null {
    const nodes = this.#serving().map(({ node }) => node);
    return this.#choice.pick(nodes, this.#options.clock.monotonic());
  }

  /** A write was answered, or its outcome is not known. */
  wrote(id: string): void {
    const nowMs = this.#options.clock.monotonic();
    // Beyond that the writes are followed together.
    if (!this.#ownWrites.add(id, nowMs)) this.#raiseFloor();
  }

  /** A read failed there: nothing is read from it until a check says that it is well. */
  failed(node: Node): void {
    const member = this.#members.find((other) => other.node === node);
    if (member === undefined) return;
    member.health = UNREACHABLE;
    member.failedMs = this.#options.clock.monotonic();
  }

  /** Asks all nodes, and resolves when it is known who is the primary; one at a time. */
  check(): Promise<void> {
    this.#checking ??= this.#checkAll().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  /** The same, by questions that are all asked from now on. */
  async checkAnew(): Promise<void> {
    await this.#checking;
    await this.check();
  }

  #serving(): readonly Member<Node>[] {
    const { clock, checkEveryMs, timeoutMs } = this.#options;
    // What is older was not followed by the next check in time: it says nothing any more.
    const sinceMs = clock.monotonic() - checkEveryMs - 2 * timeoutMs;
    return this.#members.filter(
      ({ node, health, answer }) =>
        health.verdict === "serving" &&
        answer !== null &&
        answer.askedMs >= sinceMs &&
        node.readyMs !== null &&
        answer.askedMs >= node.readyMs,
    );
  }

  async #checkAll(): Promise<void> {
    const replicas = this.#members.filter((member) => member !== this.#primary);
    await Promise.all([this.#askPrimary(), ...replicas.map((member) => this.#checkReplica(member))]);
    this.#elect();
    this.#releaseWrites();
  }

  async #checkReplica(member: Member<Node>): Promise<void> {
    const replica = await this.#ask(member);
    if (replica === null) {
      member.health = UNREACHABLE;
      return;
    }
    const primary = await this.#askPrimary();
    if (replica.askedMs <= member.failedMs) return;
    if (primary === null) {
      member.health = UNCHECKED;
      return;
    }
    const equalMs = this.#offsets.lastAt(replica.info.offset);
    member.health = judgeReplica(replica, { ...primary, equalMs, floor: this.#floor }, this.#options);
  }

  /**
   * By a question that is sent from now on: a replica's answer must be the older one. `null`: it is no primary, or has
   * never answered.
   */
  #askPrimary(): Promise<PrimarySays | null> {
    this.#asking ??= new Promise((resolve) => {
      this.#options.clock.after(TOGETHER_MS, () => {
        this.#asking = null;
        resolve(this.#askPrimaryNow());
      });
    });
    return this.#asking;
  }

  async #askPrimaryNow(): Promise<PrimarySays | null> {
    const asked = this.#primary;
    const answer = await this.#ask(asked);
    if (asked !== this.#primary) return null;
    // A primary that is too busy to answer is the last one that should get all the reads: as long as a replica is known
    // to be near enough by time, it serves.
    if (answer === null) return this.#streamId === null ? null : { streamId: this.#streamId, offset: null };
    if (answer.info.role !== "primary") return null;
    this.#take(answer);
    return answer.info;
  }

  #take({ info, askedMs }: Answer): void {
    if (info.streamId !== this.#streamId) {
      // Another stream, by a failover or a restart: its offsets have nothing to do with those before.
      this.#follow(this.#primary);
      this.#streamId = info.streamId;
    }
    if (this.#floor === null && askedMs > this.#floorAfterMs) this.#floor = info.offset;
    this.#offsets.add(info.offset, askedMs);
    this.#ownWrites.primaryWasAt(info.offset, askedMs);
  }

  async #ask(member: Member<Node>): Promise<Answer | null> {
    try {
      member.answer = await member.node.ask();
      member.failuresInRow = 0;
    } catch {
      member.answer = null;
      member.failuresInRow++;
    }
    return member.answer;
  }

  /**
   * The primary stays while it says that it is one, or until it has failed several checks: a replica that was taken out
   * of replication says so too. Among several, the one with most replicas, then with the highest offset.
   */
  #elect(): void {
    const { answer, failuresInRow } = this.#primary;
    const isPrimary = answer?.info.role === "primary";
    if (isPrimary || (answer === null && failuresInRow < FAILURES_UNTIL_GONE)) return;
    this.#options.onWrongPrimary?.();
    if (this.#options.isPrimaryFixed) return;
    const others = this.#members.filter((member) => member.answer?.info.role === "primary");
    others.sort((a, b) => {
      const [first, second] = [a.answer!.info, b.answer!.info];
      return second.replicas - first.replicas || second.offset - first.offset;
    });
    const [next] = others;
    if (next !== undefined) this.#follow(next);
  }

  /** From now on nothing is known of lags: what was written is on replicas that have what the primary has then. */
  #follow(primary: Member<Node>): void {
    this.#primary = primary;
    this.#streamId = null;
    this.#floor = null;
    this.#offsets.clear();
    this.#ownWrites.forgetOffsets();
    this.#uncheck();
  }

  /** No replica serves until it is known to have applied all that was written up to now. */
  #raiseFloor(): void {
    this.#floor = null;
    this.#floorAfterMs = this.#options.clock.monotonic();
    this.#ownWrites.clear();
    this.#uncheck();
  }

  #uncheck(): void {
    for (const member of this.#members) member.health = UNCHECKED;
  }

  #releaseWrites(): void {
    const offsets = this.#serving().map(({ answer }) => answer!.info.offset);
    if (offsets.length === 0 || this.#floor === null) return;
    // A replica that serves only later must have them as well.
    this.#floor = Math.max(this.#floor, this.#ownWrites.release(Math.min(...offsets)));
  }
}

function newMember<Node>(node: Node): Member<Node> {
  return { node, answer: null, failuresInRow: 0, failedMs: Number.NEGATIVE_INFINITY, health: UNCHECKED };
}
