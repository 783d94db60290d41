/**
 * A steady load on a server: `steady-load.ts PORT PER_SECOND`. SETs of 1,000 keys, each ms those that are due, whether earlier
 * ones are answered or not. Each message is answered by the latencies since the last one.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand } from "../../src/redis/resp.ts";
import { median, quantile } from "./statistics.ts";

/** What the load saw in whole seconds of an interval, in ms. */
export interface Latencies {
  readonly commands: number;
  readonly p50: number;
  readonly p99: number;
  /** The median of the p99 of each second: a second in which the machine had other work counts once. */
  readonly p99OfSecond: number;
  /** How far the load was behind its pace at worst. */
  readonly worstLagMs: number;
}

const CONNECTIONS = 8;
const KEYS = 1000;
const BEAT_MS = 1;
const SECOND_MS = 1000;
const ANSWER_BYTES = "+OK\r\n".length;

/** One connection; answers come in order. */
class Line {
  readonly #socket: Socket;
  readonly #sentMs: number[] = [];
  readonly #note: (latencyMs: number) => void;
  #unreadBytes = 0;

  constructor(socket: Socket, note: (latencyMs: number) => void) {
    this.#socket = socket;
    this.#note = note;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    // The server may end first.
    socket.on("error", () => process.exit());
  }

  send(command: Buffer, nowMs: number): void {
    this.#socket.write(command);
    this.#sentMs.push(nowMs);
  }

  #take(bytes: Buffer): void {
    const nowMs = performance.now();
    this.#unreadBytes += bytes.length;
    for (; this.#unreadBytes >= ANSWER_BYTES; this.#unreadBytes -= ANSWER_BYTES)
      this.#note(nowMs - (this.#sentMs.shift() ?? nowMs));
  }
}

async function run(port: number, perSecond: number): Promise<() => Latencies> {
  let latenciesMs: number[] = [];
  let secondMs: number[] = [];
  let p99OfSeconds: number[] = [];
  let worstLagMs = 0;
  const lines: Line[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    lines.push(new Line(socket, (latencyMs) => secondMs.push(latencyMs)));
  }
  const commands = Array.from({ length: KEYS }, (_, n) => encodeCommand(["SET", `load:${n}`, "value"]));
  const startMs = performance.now();
  let sent = 0;
  setInterval(() => {
    const nowMs = performance.now();
    const due = Math.floor(((nowMs - startMs) * perSecond) / 1000);
    worstLagMs = Math.max(worstLagMs, ((due - sent) * 1000) / perSecond - BEAT_MS);
    for (; sent < due; sent++)
      lines[sent % CONNECTIONS]?.send(commands[sent % KEYS] ?? Buffer.alloc(0), nowMs);
  }, BEAT_MS);
  const closeSecond = () => {
    latenciesMs = latenciesMs.concat(secondMs);
    p99OfSeconds.push(quantile(secondMs, 0.99));
    secondMs = [];
  };
  setInterval(closeSecond, SECOND_MS);
  return () => {
    const taken = {
      commands: latenciesMs.length,
      p50: quantile(latenciesMs, 0.5),
      p99: quantile(latenciesMs, 0.99),
      p99OfSecond: median(p99OfSeconds),
      worstLagMs,
    };
    latenciesMs = [];
    p99OfSeconds = [];
    worstLagMs = 0;
    return taken;
  };
}

const [port = "", perSecond = ""] = process.argv.slice(2);
const take = await run(Number(port), Number(perSecond));
process.on("message", () => process.send?.(take()));
process.on("disconnect", () => process.exit());
process.send?.("ready");
