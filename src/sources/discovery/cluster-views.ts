import type { TargetConfig } from "../../config/schema.ts";
import { SLOT_COUNT } from "../../model/slot.ts";
import type { ClusterTopology } from "../../redis/topology.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { HeldServer } from "./servers.ts";

/** So many nodes are asked in one round at most. */
const ASKED_MAX = 8;
/** A view that covers fewer slots than before is believed after so long, where half of the nodes have answered. */
const WORSE_MS = 5000;

/** A Redis Cluster as one node sees it, and the node. */
export interface ClusterView {
  readonly topology: ClusterTopology;
  readonly via: TargetConfig;
}

/**
 * Asks nodes of one Redis Cluster who belongs to it, one a round while its view is good.
 *
 * A node that was reset knows only itself, and one that is cut off takes the others for failing: then more are asked, and
 * the view that covers the most slots stands. Where all that can be asked cover fewer than before, what was known stays
 * for a while: those who know better may just be away.
 */
export class ClusterViews {
  readonly #clock: Clock;
  #known: ClusterView | null = null;
  #preferred: string | null = null;
  #worseSinceMs: number | null = null;
  #rounds = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `null`: nobody has answered yet. */
  get known(): ClusterView | null {
    return this.#known;
  }

  /**
   * Asks once around. `own` are asked before `helpers`.
   *
   * `isConfirmed`: what is known now was said in this round. `needsHelp`: nobody of `own` knows the best view.
   */
  async ask(
    own: readonly HeldServer[],
    helpers: readonly HeldServer[],
  ): Promise<{ readonly isConfirmed: boolean; readonly needsHelp: boolean }> {
    this.#rounds++;
    const views: ClusterView[] = [];
    for (const group of [own, helpers]) {
      const [first, ...others] = this.#inOrder(group);
      if (first) views.push(...(await viewsOf([first])));
      if (!views.some(isTrusted)) views.push(...(await viewsOf(others.slice(0, ASKED_MAX - 1))));
      if (views.some(isTrusted)) break;
    }
    const best = views.reduce<ClusterView | null>((a, b) => (a && !isBetter(b, a) ? a : b), null);
    const isConfirmed = best !== null && this.#mayStand(best, views.length);
    if (isConfirmed) {
      this.#known = best;
      this.#preferred = best.via.address;
    }
    const most = this.#known?.topology.slotsCovered ?? 0;
    const isOwn = ({ via }: ClusterView) => own.some(({ target }) => target.address === via.address);
    const needsHelp = !views.some((view) => isOwn(view) && view.topology.slotsCovered >= most);
    return { isConfirmed, needsHelp };
  }

  /** The node that knew best, then primaries: they are the first to be told of slots that move. */
  #inOrder(servers: readonly HeldServer[]): HeldServer[] {
    const able = servers.filter(({ asked }) => asked.state() === "up" && asked.latestPoll?.clusterEnabled);
    const rank = ({ target, asked }: HeldServer) =>
      target.address === this.#preferred ? 0 : asked.latestPoll?.role === "primary" ? 1 : 2;
    const [first, ...others] = able.sort((a, b) => rank(a) - rank(b));
    // Each round begins elsewhere, so that in a large cluster everyone is heard after a while.
    const start = others.length === 0 ? 0 : this.#rounds % others.length;
    return first ? [first, ...others.slice(start), ...others.slice(0, start)] : [];
  }

  #mayStand({ topology }: ClusterView, answers: number): boolean {
    const before = this.#known?.topology;
    if (!before || topology.slotsCovered >= before.slotsCovered) {
      this.#worseSinceMs = null;
      return true;
    }
    const nowMs = this.#clock.monotonic();
    this.#worseSinceMs ??= nowMs;
    const enough = Math.ceil(Math.min(before.servers.length, ASKED_MAX) / 2);
    if (answers < enough || nowMs - this.#worseSinceMs < WORSE_MS) return false;
    this.#worseSinceMs = null;
    return true;
  }
}

/** Nodes ask for their own slots seldom: whose slots have moved is told to ask again. */
export function renewSlots({ topology }: ClusterView, held: readonly HeldServer[]): void {
  const byNodeId = new Map(topology.servers.map((server) => [server.nodeId, server]));
  for (const { asked } of held) {
    const poll = asked.latestPoll;
    if (!poll?.nodeId) continue;
    const seen = byNodeId.get(poll.nodeId)?.slots;
    if (JSON.stringify(seen) !== JSON.stringify(poll.slots)) asked.forgetSlots();
  }
}

async function viewsOf(servers: readonly HeldServer[]): Promise<ClusterView[]> {
  const views = await Promise.all(servers.map(viewOf));
  return views.filter((view) => view !== null);
}

async function viewOf({ asked, target }: HeldServer): Promise<ClusterView | null> {
  const topology = await asked.topology().catch(() => null);
  return topology?.kind === "cluster" ? { topology, via: target } : null;
}

/** Nobody is likely to know better. */
function isTrusted({ topology }: ClusterView): boolean {
  return topology.slotsCovered === SLOT_COUNT && !topology.hasFailing;
}

function isBetter({ topology: a }: ClusterView, { topology: b }: ClusterView): boolean {
  if (a.slotsCovered !== b.slotsCovered) return a.slotsCovered > b.slotsCovered;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  return a.servers.length > b.servers.length;
}
