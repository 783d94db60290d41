import type { Facts } from "../model/target.ts";
import type { Clock } from "../runtime/clock.ts";
import { factsDialectOf } from "./acl.ts";
import { FactLookUp } from "./key-facts.ts";
import type { TargetAccess, Timeouts } from "./options.ts";
import type { OwnReads } from "./own-reads.ts";
import type { TargetPoll } from "./poll.ts";
import { Poller } from "./poller.ts";
import { Refusals } from "./refusals.ts";
import { Session } from "./session.ts";
import type { Topology } from "./topology.ts";
import { TopologyAsker } from "./topology-asker.ts";

export interface LiveSessionOptions {
  readonly clock: Clock;
  readonly ownReads: OwnReads;
  readonly timeouts: Timeouts;
  /** Gives up connecting. */
  readonly signal: AbortSignal;
}

/** A connection with what is remembered for its life: refusals, slots, the last round. */
export class LiveSession {
  readonly session: Session;
  readonly refusals: Refusals;
  readonly #target: TargetAccess;
  readonly #options: LiveSessionOptions;
  readonly #poller: Poller;
  readonly #topologyAsker: TopologyAsker;
  #round: Promise<TargetPoll> | null = null;
  #lookUp: FactLookUp | null = null;
  #lastPoll: TargetPoll | null = null;

  private constructor(session: Session, target: TargetAccess, options: LiveSessionOptions) {
    this.session = session;
    this.#target = target;
    this.#options = options;
    this.refusals = new Refusals(target.username);
    const { clock, ownReads } = options;
    this.#poller = new Poller({ session, target, refusals: this.refusals, ownReads, clock });
    this.#topologyAsker = new TopologyAsker({ session, target, refusals: this.refusals, clock });
  }

  /** Connects and logs in. Throws: `TargetError`. */
  static async open(target: TargetAccess, options: LiveSessionOptions): Promise<LiveSession> {
    return new LiveSession(await Session.open(target, options.timeouts, options.signal), target, options);
  }

  /** One round; whoever asks while one is under way gets its answer. Throws: `TargetError`. */
  poll(): Promise<TargetPoll> {
    this.#round ??= this.#poller
      .poll()
      .then((poll) => {
        this.#lastPoll = poll;
        return poll;
      })
      .finally(() => {
        this.#round = null;
      });
    return this.#round;
  }

  /** Who belongs to the server's cluster. Throws: `TargetError`. */
  async topology(): Promise<Topology> {
    return this.#topologyAsker.ask(this.#lastPoll ?? (await this.poll()));
  }

  /** The slots are known to have moved: the next round asks for them. */
  forgetSlots(): void {
    this.#poller.forgetSlots();
  }

  facts(db: number, key: Uint8Array): Promise<Facts | null> {
    this.#lookUp ??= new FactLookUp({
      session: this.session,
      refusals: this.refusals,
      ownReads: this.#options.ownReads,
      clock: this.#options.clock,
      username: this.#target.username,
      dialect: factsDialectOf(this.#lastPoll?.version ?? ""),
    });
    return this.#lookUp.facts(db, key);
  }
}
