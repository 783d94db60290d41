import { connect, type Socket } from "node:net";
import { encodeCommand, type Word } from "../../redis/resp.ts";

/** A key that overheats for a while. */
export interface Overheating {
  readonly key: string;
  readonly command: "INCR" | "DECR";
  readonly fromMs: number;
  readonly untilMs: number;
  readonly perSecond: number;
}

/** After this, the schedule starts anew. */
export const SCHEDULE_MS = 180_000;
export const SCHEDULE: readonly Overheating[] = [
  { key: "product:4711:stock", command: "DECR", fromMs: 8_000, untilMs: 48_000, perSecond: 8_000 },
  {
    key: "campaign:spring-sale:visits",
    command: "INCR",
    fromMs: 100_000,
    untilMs: 140_000,
    perSecond: 6_000,
  },
];
const BASE_PER_SECOND = 3_000;
export const USERS = 20_000;
const SESSIONS = 50_000;
const CARTS = 2_000;
const PAGES = 500;
const FEED_LENGTH = 50;

/** What overheats at `elapsedMs` after the start. Pure. */
export function overheatingAt(elapsedMs: number): Overheating | null {
  const phaseMs = elapsedMs % SCHEDULE_MS;
  return SCHEDULE.find(({ fromMs, untilMs }) => phaseMs >= fromMs && phaseMs < untilMs) ?? null;
}

/** A rank in [0, n) with a popularity of about 1 / (rank + 1), as Zipf's law has it. `random` in [0, 1). */
export function zipfRank(n: number, random: number): number {
  return Math.min(n - 1, Math.floor(n ** random) - 1);
}

/** A name that looks like a UUID, always the same for one number. */
export function uuidOf(number: number): string {
  // A multiplication by an odd number neither merges nor orders the first digits.
  const digits = (Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  const more = (Math.imul(number + 7, 0x85ebca6b) >>> 0).toString(16).padStart(8, "0");
  return `${digits}-${more.slice(0, 4)}-4${more.slice(4, 7)}-8${digits.slice(0, 3)}-${more}${digits.slice(0, 4)}`;
}

const PROFILE = '{"plan":"basic","locale":"en"}';

/** One command of an ordinary shop's load. */
export function ordinaryCommand(random: () => number): readonly Word[] {
  const dice = random();
  if (dice < 0.3) return ["SET", `user:${zipfRank(USERS, random())}`, PROFILE, "EX", 3600];
  if (dice < 0.4) return ["GET", `user:${zipfRank(USERS, random())}`];
  if (dice < 0.55)
    return ["HSET", `cart:${uuidOf(zipfRank(CARTS, random()))}`, "sku-81", Math.floor(random() * 9)];
  if (dice < 0.65)
    return ["LPUSH", `feed:${zipfRank(USERS, random())}`, `post:${Math.floor(random() * 1e6)}`];
  if (dice < 0.7) return ["LTRIM", `feed:${zipfRank(USERS, random())}`, 0, FEED_LENGTH - 1];
  if (dice < 0.9) return ["INCR", `page:${zipfRank(PAGES, random())}:views`];
  // Sessions are never written here: each of these reads finds nothing.
  return ["GET", `session:${uuidOf(zipfRank(SESSIONS, random()))}`];
}

const TICK_MS = 20;
const UNSENT_BYTES_MAX = 1024 * 1024;
const RECONNECT_MS = 500;

/** Sends the demo's load to the server on `port` of the loopback interface, until stopped. */
export class DemoLoad {
  readonly #port: number;
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | null = null;
  #lastTickMs = 0;
  #ordinaryOwed = 0;
  #hotOwed = 0;
  #connectAtMs = 0;

  constructor(port: number) {
    this.#port = port;
    this.#timer = setInterval(() => this.#tick(performance.now() - this.#startMs), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#socket?.destroy();
  }

  #tick(elapsedMs: number): void {
    // After a pause of the process the load goes on, it does not catch up.
    const seconds = Math.min(5 * TICK_MS, elapsedMs - this.#lastTickMs) / 1000;
    this.#lastTickMs = elapsedMs;
    const socket = this.#connected(elapsedMs);
    if (socket === null || socket.writableLength > UNSENT_BYTES_MAX) return;
    const hot = overheatingAt(elapsedMs);
    this.#ordinaryOwed += BASE_PER_SECOND * seconds;
    this.#hotOwed += (hot?.perSecond ?? 0) * seconds;
    const commands: Buffer[] = [];
    for (; this.#ordinaryOwed >= 1; this.#ordinaryOwed--)
      commands.push(encodeCommand(ordinaryCommand(Math.random)));
    if (hot !== null) {
      const bytes = encodeCommand([hot.command, hot.key]);
      for (; this.#hotOwed >= 1; this.#hotOwed--) commands.push(bytes);
    }
    socket.write(Buffer.concat(commands));
  }

  #connected(elapsedMs: number): Socket | null {
    if (this.#socket !== null) return this.#socket.readyState === "open" ? this.#socket : null;
    if (elapsedMs < this.#connectAtMs) return null;
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    // Replies are read and forgotten; a lost connection is made again.
    socket.resume();
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#socket = null;
      this.#connectAtMs = performance.now() - this.#startMs + RECONNECT_MS;
    });
    this.#socket = socket;
    return null;
  }
}
