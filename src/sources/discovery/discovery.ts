import type { Observe, TargetConfig } from "../../config/schema.ts";
import type { TopologyReport } from "../../model/topology.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { Group, type GroupView, type KnownServer } from "./group.ts";
import { HostNames } from "./host-names.ts";
import type { Servers } from "./servers.ts";

const LOOK_EVERY_MS = 2000;
/** After news it looks again at once, but not at each of many. */
const LOOK_AGAIN_MS = 250;

export interface DiscoveryOptions {
  readonly agent: string;
  readonly targets: readonly TargetConfig[];
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
}

/** From the targets of the config to all servers of their clusters, followed while it runs. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #loops: ReadonlyMap<string, Loop>;
  #isStopped = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { targets, observe, servers, clock } = options;
    const hosts = options.hosts ?? new HostNames({ clock, onChange: () => this.#noteAll() });
    const names = [...new Set(targets.map(({ cluster }) => cluster))];
    this.#loops = new Map(
      names.map((name) => {
        const seeds = targets.filter(({ cluster }) => cluster === name);
        const group = new Group({ name, seeds, observe, servers, hosts, clock });
        return [name, { group, cancel: () => {}, isLooking: false, hasNews: false }];
      }),
    );
    for (const loop of this.#loops.values()) this.#schedule(loop, LOOK_AGAIN_MS);
  }

  /** Whether it was tried to find all servers. */
  get isSettled(): boolean {
    return this.#groups().every(({ isSettled }) => isSettled);
  }

  /** All servers that are known, watched or not. */
  servers(): readonly KnownServer[] {
    return this.#groups().flatMap(({ servers }) => servers);
  }

  problems(): string[] {
    return this.#groups().flatMap((group) => group.problems());
  }

  /** A server of the group has come up, has gone down, or has another role: time to look around. */
  noteNews(name: string): void {
    const loop = this.#loops.get(name);
    if (!loop || this.#isStopped) return;
    if (loop.isLooking) loop.hasNews = true;
    else this.#schedule(loop, LOOK_AGAIN_MS);
  }

  stop(): void {
    this.#isStopped = true;
    for (const { cancel } of this.#loops.values()) cancel();
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
    if (!this.#isStopped) this.#schedule(loop, loop.hasNews ? LOOK_AGAIN_MS : LOOK_EVERY_MS);
  }

  #tell(views: readonly GroupView[]): void {
    const { agent, clock, emit } = this.#options;
    const atMs = clock.now();
    if (views.length > 0) emit(views.map((view) => ({ type: "topology", agent, atMs, ...view })));
  }
}
