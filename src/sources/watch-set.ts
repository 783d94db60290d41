import type { TargetConfig } from "../config/schema.ts";
import type { TargetConnection } from "../redis/target.ts";
import type { StageBooks } from "../runtime/accounting.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Servers, Wanted } from "./discovery/servers.ts";
import { EndedWatches, type TapView } from "./ended-watches.ts";
import type { TargetWatch } from "./target-watch.ts";
import { tapOf, WatchedServer } from "./watched-server.ts";

export interface WatchSetOptions {
  readonly connect: (target: TargetConfig) => TargetConnection;
  readonly watch: (target: TargetConfig, connection: TargetConnection) => TargetWatch;
  /** The target's claim to its server process is given up. */
  readonly release: (target: TargetConfig) => void;
  /** A server of the group has come up, has gone down, or has another role or process. */
  readonly onNews: (group: string) => void;
  readonly logger: Logger;
}

/**
 * The servers of an agent: a connection to each, and a watch of those that are to be watched, in a set that changes.
 *
 * A watch begins with the first answer, or when it is known that there is none: by then a Sentinel, or a server that is
 * watched under another name already, has told itself apart.
 */
export class WatchSet implements Servers {
  readonly #options: WatchSetOptions;
  readonly #groups = new Map<string, Map<string, WatchedServer>>();
  readonly #ended = new EndedWatches();
  /** Watches that are publishing their last pane. */
  readonly #ending = new Map<TargetWatch, Promise<void>>();
  #isStopped = false;

  constructor(options: WatchSetOptions) {
    this.#options = options;
  }

  set(group: string, wanted: readonly Wanted[]): void {
    if (this.#isStopped) return;
    const before = this.#groups.get(group) ?? new Map<string, WatchedServer>();
    const servers = new Map<string, WatchedServer>();
    for (const one of wanted) {
      const id = `${one.target.cluster} ${one.target.address}`;
      const known = before.get(id);
      if (known) Object.assign(known, { isListed: one.isListed, isWatched: one.isWatched });
      servers.set(id, known ?? this.#open(group, one));
    }
    this.#groups.set(group, servers);
    for (const [id, server] of before) if (!servers.has(id)) this.#close(server);
    this.#review();
  }

  held(group: string): readonly WatchedServer[] {
    return [...(this.#groups.get(group)?.values() ?? [])];
  }

  servers(): WatchedServer[] {
    return Array.from(this.#groups.values(), (servers) => [...servers.values()]).flat();
  }

  taps(): TapView[] {
    return this.#ended.taps(this.servers().flatMap((server) => server.tap() ?? []));
  }

  books(): StageBooks[] {
    const live = this.servers().flatMap(({ watch }) => (watch ? [watch] : []));
    return [...[...live, ...this.#ending.keys()].map((watch) => watch.books()), ...this.#ended.books()];
  }

  /** Publishes open panes, then closes the connections. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const servers = this.servers();
    await Promise.all(servers.map(({ watch }) => watch?.stop()));
    await Promise.all(this.#ending.values());
    await Promise.all(servers.map(({ asked }) => asked.close()));
  }

  #open(group: string, wanted: Wanted): WatchedServer {
    const connection = this.#options.connect(wanted.target);
    const news = () => {
      if (this.#isStopped) return;
      this.#review();
      this.#options.onNews(group);
    };
    for (const event of ["up", "down", "role"] as const) connection.on(event, news);
    return new WatchedServer(wanted, connection);
  }

  #close(server: WatchedServer): void {
    const { watch, asked, target } = server;
    if (watch) this.#options.logger.info({ target: target.address, cluster: target.cluster }, "target left");
    void this.#end(server).then(() => asked.close());
  }

  /** Begins and ends watches as they are wanted now. */
  #review(): void {
    this.#findDoubles();
    for (const server of this.servers()) {
      if (server.isToBeWatched === (server.watch !== null)) continue;
      if (server.watch) void this.#end(server);
      else server.watch = this.#options.watch(server.target, server.asked);
    }
  }

  /** Of two names for one server process the listed one stands, else the one that was found first. */
  #findDoubles(): void {
    const holders = new Map<string, WatchedServer>();
    const servers = this.servers().filter(({ isWatched }) => isWatched);
    for (const server of [
      ...servers.filter((one) => one.isListed),
      ...servers.filter((one) => !one.isListed),
    ]) {
      const { asked, isListed } = server;
      const runId = asked.state() === "up" ? asked.latestPoll?.runId : null;
      const holder = runId ? holders.get(runId) : undefined;
      server.double = holder && !isListed ? holder.target : null;
      if (runId && !holder) holders.set(runId, server);
    }
  }

  async #end(server: WatchedServer): Promise<void> {
    const { watch, target } = server;
    if (!watch) return;
    server.watch = null;
    this.#options.release(target);
    const ending = watch.stop().then(() => {
      this.#ending.delete(watch);
      this.#ended.add(watch.books(), tapOf(watch));
    });
    this.#ending.set(watch, ending);
    await ending;
  }
}
