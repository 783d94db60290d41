import type { Clock } from "../../../runtime/clock.ts";
import type { TrackingSettings } from "../local-cache-options.ts";
import type { Connection, Primary } from "./primaries.ts";

const CHANNEL = "__redis__:invalidate";
const OPEN_MS_MAX = 5000;
const BEAT_MS = 1000;
/** A read without an answer for so long goes by the app's own connection: this one may be the only one in trouble. */
const READ_MS_MAX = 250;
/** So many PINGs may be without an answer when the next one is due. */
const UNANSWERED_MAX = 2;

export interface LinkListener {
  /** `null`: every key. */
  onInvalidated(keys: readonly Buffer[] | null): void;
  /** Once: nothing more comes. */
  onEnded(): void;
}

/** What the server calls keys, for one that the client puts a prefix before. */
export interface LinkSettings extends TrackingSettings {
  readonly keyPrefix: Buffer;
}

/**
 * One life of the connections that carry a primary's invalidations. It ends by the first sign of trouble: when one of
 * them closes, and when a PING, sent each second, has no answer 2 to 3 s after the server was heard last.
 *
 * Source: Redis, "Client-side caching in Redis" (two connections, RESP2).
 */
export class TrackingLink {
  /** In Pub/Sub mode. */
  readonly #listening: Connection;
  /** Reads on it are tracked; `null`: the server tells of all keys. */
  readonly #reading: Connection | null;
  readonly #settings: LinkSettings;
  readonly #listener: LinkListener;
  readonly #clock: Clock;
  #readsUnderWay = 0;
  #unanswered = 0;
  #cancelTimer = () => {};
  #isEnded = false;

  constructor(primary: Primary, settings: LinkSettings, listener: LinkListener, clock: Clock) {
    this.#settings = settings;
    this.#listener = listener;
    this.#clock = clock;
    this.#listening = this.#newConnection(primary);
    this.#reading = settings.mode === "default" ? this.#newConnection(primary) : null;
    this.#listening.on("messageBuffer", (channel: Buffer, keys: unknown) => this.#hear(channel, keys));
  }

  /** Resolves when reads are tracked. Rejects with what the server says against it, or that there is no connection. */
  async open(): Promise<void> {
    this.#cancelTimer = this.#clock.after(OPEN_MS_MAX, () => this.end());
    await Promise.all(this.#connections().map((connection) => connection.connect()));
    // While a name or a Sentinel changes its mind. By chance the other server has a client of the same number.
    if (!areOfOneServer(this.#connections())) throw new Error("connected to two servers");
    const id = String(await this.#listening.client("ID"));
    // Before it is in Pub/Sub mode, in which it may do nothing else.
    if (this.#reading === null) await this.#listening.client(...this.#trackingWords(id));
    await this.#listening.subscribe(CHANNEL);
    await this.#reading?.client(...this.#trackingWords(id));
    if (this.#isEnded) throw new Error("Connection is closed.");
    this.#cancelTimer();
    this.#scheduleBeat();
  }

  /** `null`: keys are not tracked by who reads them. Otherwise rejects where the connection is lost. */
  get reader(): ((key: Buffer) => Promise<Buffer | null>) | null {
    const reading = this.#reading;
    return reading === null ? null : (key) => this.#read(reading, key);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelTimer();
    for (const connection of this.#connections()) {
      connection.disconnect();
      // A half-open one would wait for the other side.
      connection.stream?.destroy();
    }
    this.#listener.onEnded();
  }

  #connections(): Connection[] {
    return this.#reading === null ? [this.#listening] : [this.#listening, this.#reading];
  }

  #newConnection(primary: Primary): Connection {
    const connection = primary.newConnection();
    // What is wrong also ends it, or is the answer of a command.
    connection.on("error", () => {});
    connection.on("connect", () => connection.stream?.unref?.());
    connection.on("close", () => this.end());
    return connection;
  }

  #trackingWords(listeningId: string): string[] {
    const { mode, prefixes, keyPrefix } = this.#settings;
    const words = ["TRACKING", "ON", "REDIRECT", listeningId];
    // Without NOLOOP: writes by the app's other means than the cache are told of only so.
    if (mode === "default") return words;
    const ofKeys = (prefixes.length === 0 ? [""] : prefixes).map((prefix) => keyPrefix.toString() + prefix);
    return [
      ...words,
      "BCAST",
      ...ofKeys.filter((prefix) => prefix !== "").flatMap((prefix) => ["PREFIX", prefix]),
    ];
  }

  #hear(channel: Buffer, keys: unknown): void {
    if (this.#isEnded || channel.toString() !== CHANNEL) return;
    this.#listener.onInvalidated(Array.isArray(keys) ? keys : null);
  }

  async #read(reading: Connection, key: Buffer): Promise<Buffer | null> {
    // The process stays for it.
    if (this.#readsUnderWay++ === 0) reading.stream?.ref?.();
    const late = Promise.withResolvers<never>();
    const cancelLate = this.#clock.after(READ_MS_MAX, () => late.reject(new Error("no answer in time")));
    try {
      return (await Promise.race([reading.callBuffer("GET", key), late.promise])) as Buffer | null;
    } finally {
      cancelLate();
      if (--this.#readsUnderWay === 0) reading.stream?.unref?.();
    }
  }

  #scheduleBeat(): void {
    this.#cancelTimer = this.#clock.after(BEAT_MS, () => this.#beat());
  }

  #beat(): void {
    if (this.#unanswered >= UNANSWERED_MAX) {
      this.end();
      return;
    }
    this.#unanswered++;
    const answered = () => {
      this.#unanswered = 0;
    };
    // One that fails is not answered: it timed out perhaps. With its connection the link ends anyway.
    Promise.all(this.#connections().map((connection) => connection.ping())).then(answered, () => {});
    this.#scheduleBeat();
  }
}

function areOfOneServer(connections: readonly Connection[]): boolean {
  const addresses = connections.map(({ stream }) => `${stream?.remoteAddress} ${stream?.remotePort}`);
  return new Set(addresses).size === 1;
}
