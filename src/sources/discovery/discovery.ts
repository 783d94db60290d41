import type { Observe, TargetConfig } from "../../config/schema.ts";
import type { TopologyReport } from "../../model/topology.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { Group, type GroupView, LEFT_MS } from "./group.ts";
import { HostNames } from "./host-names.ts";
import type { KnownServer } from "./known-server.ts";
import type { Servers } from "./servers.ts";

const LOOK_EVERY_MS = 2000;
/** After news it looks again at once, but not at each of many. */
const LOOK_AGAIN_MS = 250;

/** Targets that come and go by somebody's word: pods. */
export interface MovingTargets {
  /** Begins to follow them. `onChange`: there are others, or it is known by now that there are none. */
  start(onChange: () => void): void;
  /** Whether all of them were ever known. */
  readonly isKnown: boolean;
  /** Each is one object for as long as it stays. */
  readonly targets: readonly TargetConfig[];
  /** Addresses that count as this host's, in the form of `canonicalIp`. */
  readonly ownAddresses: readonly string[];
  /** Why they are not known, or not followed, one line each. */
  problems(): string[];
  /** What is no fault, but good to know. */
  notes(): string[];
  stop(): Promise<void>;
}

export interface DiscoveryOptions {
  readonly agent: string;
  readonly targets: readonly TargetConfig[];
  /** More targets, which come and go. */
  readonly pods?: MovingTargets | undefined;
  readonly observe: Observe;
  readonly servers: Servers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: (reports: readonly TopologyReport[]) => void;
  /** `HostNames` of this host unless given. */
  readonly hosts?: HostNames;
}

interface Loop {
  readonly group: Group;
  cancel: () => void;
  isLooking: boolean;
  hasNews: boolean;
  /** Since when it has had no seeds; `null`: it has some. */
  emptySinceMs: number | null;
}

/** From the targets of the config to all servers of their clusters, followed while it runs. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #hosts: HostNames;
  /** By name of the cluster in the config, or of its pods. */
  readonly #loops = new Map<string, Loop>();
  #isStopped = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { clock, pods } = options;
    this.#hosts = options.hosts ?? new HostNames({ clock, onChange: () => this.#noteAll() });
    this.#seed();
    pods?.start(() => this.#seed());
  }

  /** Whether it was tried to find all servers. */
  get isSettled(): boolean {
    const arePodsKnown = this.#options.pods?.isKnown ?? true;
    return arePodsKnown && this.#groups().every(({ isSettled }) => isSettled);
  }

  /** Whether it is known that nothing is to be watched here, as on a node without pods of servers. */
  get hasNothing(): boolean {
    const { pods, targets } = this.#options;
    return pods?.isKnown === true && targets.length + pods.targets.length === 0;
  }

  /** All servers that are known, watched or not. */
  servers(): readonly KnownServer[] {
    return this.#groups().flatMap(({ servers }) => servers);
  }

  problems(): string[] {
    const ofPods = this.#options.pods?.problems() ?? [];
    return [...ofPods, ...this.#groups().flatMap((group) => group.problems())];
  }

  notes(): string[] {
    return this.#options.pods?.notes() ?? [];
  }

  /** A server of the group has come up, has gone down, or has another role: time to look around. */
  noteNews(name: string): void {
    const loop = this.#loops.get(name);
    if (!loop || this.#isStopped) return;
    if (loop.isLooking) loop.hasNews = true;
    else this.#schedule(loop, LOOK_AGAIN_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { cancel } of this.#loops.values()) cancel();
    await this.#options.pods?.stop();
  }

  /** Gives each group the targets that are its seeds now. */
  #seed(): void {
    if (this.#isStopped) return;
    const { targets, pods } = this.#options;
    this.#hosts.setAlsoLocal(pods?.ownAddresses ?? []);
    const listed = new Set(targets.map(({ address }) => address));
    const others = pods?.targets.filter(({ address }) => !listed.has(address)) ?? [];
    const seeds = Map.groupBy([...targets, ...others], ({ cluster }) => cluster);
    for (const [name, own] of seeds) if (!this.#loops.has(name)) this.#begin(name, own);
    for (const [name, loop] of this.#loops) this.#reseed(loop, seeds.get(name) ?? []);
  }

  #begin(name: string, seeds: readonly TargetConfig[]): void {
    const { observe, servers, clock } = this.#options;
    const group = new Group({ name, seeds, observe, servers, hosts: this.#hosts, clock });
    const loop: Loop = { group, cancel: () => {}, isLooking: false, hasNews: false, emptySinceMs: null };
    this.#loops.set(name, loop);
    this.#schedule(loop, LOOK_AGAIN_MS);
  }

  #reseed(loop: Loop, seeds: readonly TargetConfig[]): void {
    loop.emptySinceMs = seeds.length > 0 ? null : (loop.emptySinceMs ?? this.#options.clock.monotonic());
    if (loop.group.setSeeds(seeds)) this.noteNews(loop.group.name);
  }

  #groups(): Group[] {
    return Array.from(this.#loops.values(), ({ group }) => group);
  }

  #noteAll(): void {
    for (const name of this.#loops.keys()) this.noteNews(name);
  }

  #schedule(loop: Loop, delayMs: number): void {
    loop.cancel();
    loop.cancel = this.#options.clock.after(delayMs, () => void this.#look(loop));
  }

  async #look(loop: Loop): Promise<void> {
    loop.isLooking = true;
    loop.hasNews = false;
    try {
      const views = await loop.group.look();
      if (!this.#isStopped) this.#tell(views);
    } catch (err) {
      this.#options.logger.error({ cluster: loop.group.name, err }, "looking for servers failed");
    }
    loop.isLooking = false;
    if (this.#isOver(loop)) this.#loops.delete(loop.group.name);
    else if (!this.#isStopped) this.#schedule(loop, loop.hasNews ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
  }

  /** It has lost its last pod, and was told to be empty for long enough. */
  #isOver({ emptySinceMs }: Loop): boolean {
    return emptySinceMs !== null && this.#options.clock.monotonic() - emptySinceMs >= LEFT_MS;
  }

  #tell(views: readonly GroupView[]): void {
    const { agent, clock, emit } = this.#options;
    const atMs = clock.now();
    if (views.length > 0) emit(views.map((view) => ({ type: "topology", agent, atMs, ...view })));
  }
}
