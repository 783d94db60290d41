import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand } from "../../src/redis/resp.ts";
import { command } from "./redis.ts";
import { waitFor } from "./wait.ts";

/** A command as MONITOR shows it. */
export interface MonitoredCommand {
  /** `127.0.0.1:6379` of the server that ran it. */
  readonly target: string;
  readonly db: number;
  /** `127.0.0.1:50000`, `unix:/path`; `lua` where a script made the call. */
  readonly source: string;
  /** Lower case. */
  readonly name: string;
  /** Exact bytes, without the name. */
  readonly args: readonly Buffer[];
}

export interface MonitorOptions {
  /** Calls that scripts make: left out by default. */
  readonly withScripts?: boolean;
}

/** Reads what servers run, from `start` until `stop`. */
export interface Monitor {
  /** Ends it. Returns: everything that was run until this call, in the order of each server, but for the monitor's own. */
  stop(): Promise<MonitoredCommand[]>;
}

/**
 * Starts MONITOR at each server; resolves when all of them have begun. A command that is answered before `stop` is
 * called is sure to be among those that `stop` gives: it waits for a command of its own. What replicas repeat is left
 * out where their primary is monitored too. Servers do not show commands that they refuse before running them, nor
 * administrative ones (CONFIG, CLUSTER SETSLOT).
 */
export async function startMonitor(
  ports: readonly number[],
  { withScripts = false }: MonitorOptions = {},
): Promise<Monitor> {
  const readers = await Promise.all(ports.map((port) => NodeMonitor.start(port)));
  return {
    stop: async () => {
      const seen = await Promise.all(readers.map((reader) => reader.stop()));
      // At a replica the commands of its primary come from the primary's own address.
      const servers = new Set(ports.map((port) => `127.0.0.1:${port}`));
      return seen.flat().filter(({ source }) => !servers.has(source) && (withScripts || source !== "lua"));
    },
  };
}

class NodeMonitor {
  readonly #port: number;
  readonly #socket: Socket;
  readonly #seen: MonitoredCommand[] = [];
  readonly #fence = `fence-${crypto.randomUUID()}`;
  #rest: Buffer = Buffer.alloc(0);
  #isStarted = false;
  #isFenced = false;
  #failure: Error | null = null;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => this.#take(piece));
    socket.on("error", (error) => {
      this.#failure = error;
    });
  }

  static async start(port: number): Promise<NodeMonitor> {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    const monitor = new NodeMonitor(port, socket);
    socket.write(encodeCommand(["MONITOR"]));
    await waitFor(`MONITOR at ${port}`, () => monitor.#isStarted, 10_000, 2);
    return monitor;
  }

  async stop(): Promise<MonitoredCommand[]> {
    try {
      await command(this.#port, ["ECHO", this.#fence]);
      await waitFor(`the last of MONITOR at ${this.#port}`, () => this.#isFenced || this.#failure, 10_000, 2);
    } finally {
      this.#socket.destroy();
    }
    if (this.#failure !== null) throw this.#failure;
    return this.#seen;
  }

  #take(piece: Buffer): void {
    let bytes = Buffer.concat([this.#rest, piece]);
    for (let end = bytes.indexOf("\r\n"); end !== -1; end = bytes.indexOf("\r\n")) {
      this.#line(bytes.toString("latin1", 0, end));
      bytes = bytes.subarray(end + 2);
    }
    this.#rest = bytes;
  }

  #line(line: string): void {
    if (line === "+OK") {
      this.#isStarted = true;
      return;
    }
    const seen = parseMonitorLine(line, `127.0.0.1:${this.#port}`);
    if (seen.name === "echo" && seen.args[0]?.toString() === this.#fence) this.#isFenced = true;
    else if (!this.#isFenced) this.#seen.push(seen);
  }
}

const LINE = /^\+\d+\.\d+ \[(\d+) ([^\]]*)\] (.*)$/s;
const WORD = /"((?:[^"\\]|\\.)*)"/gs;
const ESCAPE = /\\(x[0-9a-f]{2}|.)/gis;
const ESCAPED: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b" };

/** Reads `+1700000000.123456 [0 127.0.0.1:50000] "SET" "k" "\xff"`. Throws: Error if it is no such line. */
export function parseMonitorLine(line: string, target: string): MonitoredCommand {
  const match = LINE.exec(line);
  // An IPv6 source has brackets of its own; tests stay on IPv4.
  if (match === null) throw new Error(`not a line of MONITOR: ${line}`);
  const [, db, source = "", rest = ""] = match;
  const words = [...rest.matchAll(WORD)].map(([, quoted = ""]) =>
    Buffer.from(
      quoted.replace(ESCAPE, (_, code: string) =>
        code.length === 3 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPED[code] ?? code),
      ),
      "latin1",
    ),
  );
  const [name, ...args] = words;
  return { target, db: Number(db), source, name: name?.toString().toLowerCase() ?? "", args };
}
