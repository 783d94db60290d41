import { setTimeout as sleep } from "node:timers/promises";
import type { IncidentJson } from "../../src/model/incident-json.ts";
import { startRedis, type TestServer, waitFor } from "../../test/support/redis.ts";
import { startWebhook, type TestWebhook } from "../../test/support/webhook.ts";
import { PacedWrites } from "./paced-writes.ts";
import { StandaloneProcess } from "./standalone-process.ts";

export const THRESHOLD_PER_SECOND = 1000;
export const WINDOW_MS = 10_000;
/** The count in the trailing window at which the rule holds. */
export const CROSSING_COUNT = (THRESHOLD_PER_SECOND * WINDOW_MS) / 1000;

const BACKGROUND = { keys: 2000, perSecond: 2000 };
const PAGE_MS_MAX = 10_000;

/** One key that overheats, from the first command to the page. Wall clock, ms. */
export interface Onset {
  readonly key: string;
  readonly startedMs: number;
  /** When the command left that brought the count in the window to the threshold; the server runs it later. */
  readonly crossedMs: number;
  /** When its answer was read. */
  readonly answeredMs: number;
  /** What the incident says of its start, and the message of its leaving. */
  readonly firedMs: number;
  readonly leftMs: number;
  readonly arrivedMs: number;
  readonly currentRatePerSecond: number;
}

interface Page {
  readonly incident: IncidentJson;
  readonly leftMs: number;
  readonly arrivedMs: number;
}

interface Body {
  readonly type: string;
  readonly timestamp: string;
  readonly data: IncidentJson | { readonly incidents: readonly IncidentJson[] };
}

/** A real server with background writes, a keyheat process that watches it, and a webhook that it pages. */
export class OnsetRig implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #webhook: TestWebhook;
  readonly #keyheat: StandaloneProcess;
  readonly #background: PacedWrites;
  readonly #pages = new Map<string, Page[]>();
  #read = 0;

  private constructor(
    server: TestServer,
    webhook: TestWebhook,
    keyheat: StandaloneProcess,
    background: PacedWrites,
  ) {
    this.#server = server;
    this.#webhook = webhook;
    this.#keyheat = keyheat;
    this.#background = background;
  }

  /** `route`: settings that differ from the default ones. */
  static async start(route: object): Promise<OnsetRig> {
    const server = await startRedis(null);
    try {
      return await OnsetRig.#startOn(server, route);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  static async #startOn(server: TestServer, route: object): Promise<OnsetRig> {
    const webhook = await startWebhook(null);
    const keyheat = await StandaloneProcess.start({
      targets: [{ url: server.url }],
      sources: { keyspace: { configure: "ensure" } },
      rules: [{ name: "hot-key", type: "rate", threshold: "1000/s", window: "10s" }],
      routes: [{ match: {}, receivers: ["hook"], ...route }],
      receivers: [{ name: "hook", webhook: { url: webhook.url } }],
      log: { level: "warn" },
    });
    const keys = Array.from({ length: BACKGROUND.keys }, (_, i) => `background:${i}`);
    const { perSecond } = BACKGROUND;
    const background = await PacedWrites.open({ port: server.port, keys, perSecond });
    background.start();
    return new OnsetRig(server, webhook, keyheat, background);
  }

  /** Heats a cold key until its page has come. Starts at a random phase of the second. */
  async onset(key: string, perSecond: number): Promise<Onset> {
    await sleep(Math.random() * 1000);
    const writes = await this.writes(key, perSecond);
    const startedMs = Date.now();
    writes.start();
    try {
      const { sentMs, answeredMs } = await writes.watched;
      const [page] = await waitFor(`the page of ${key}`, () => this.pagesOf(key), PAGE_MS_MAX, 2);
      if (!page) throw new Error(`no page of ${key}`);
      const { incident, leftMs, arrivedMs } = page;
      const firedMs = Date.parse(incident.startedAt);
      const { currentRatePerSecond } = incident;
      return {
        key,
        startedMs,
        crossedMs: sentMs,
        answeredMs,
        firedMs,
        leftMs,
        arrivedMs,
        currentRatePerSecond,
      };
    } finally {
      await writes.stop();
    }
  }

  /** Writes of one key that have not begun; the command that crosses is watched. */
  async writes(key: string, perSecond: number): Promise<PacedWrites> {
    return await PacedWrites.open({
      port: this.#server.port,
      keys: [key],
      perSecond,
      watched: CROSSING_COUNT,
    });
  }

  /** Firings that the webhook was told of a key; `null`: none. */
  pagesOf(key: string): Page[] | null {
    for (const request of this.#webhook.requests.slice(this.#read)) {
      this.#read += 1;
      const { type, timestamp, data } = request.json() as Body;
      if (type === "incident.resolved") continue;
      const incidents = "incidents" in data ? data.incidents : [data];
      for (const incident of incidents) {
        if (incident.key === null) continue;
        const page = { incident, leftMs: Date.parse(timestamp), arrivedMs: request.atMs };
        const pages = this.#pages.get(incident.key);
        if (pages) pages.push(page);
        else this.#pages.set(incident.key, [page]);
      }
    }
    return this.#pages.get(key) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#background.stop();
    await this.#keyheat.stop();
    await this.#webhook.refuse();
    await this.#server.stop();
  }
}
