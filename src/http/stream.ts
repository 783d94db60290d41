import type { ServerResponse } from "node:http";
import { Ledger, type StageBooks } from "../runtime/accounting.ts";

export interface StreamOptions {
  readonly clientsMax: number;
  /** A client with more than this unread is dropped. */
  readonly unreadBytesMax: number;
}

interface Client {
  readonly response: ServerResponse;
  readonly cluster: string;
}

/** One server-sent event, for any number of clients. */
export function eventOf(name: string, body: object): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${JSON.stringify(body)}\n\n`);
}

const HEARTBEAT = Buffer.from(": still here\n\n");

/** The clients that listen to server-sent events. Each takes what it is sent in time, or is dropped. */
export class Stream {
  readonly #options: StreamOptions;
  readonly #clients = new Set<Client>();
  readonly #ledger: Ledger;

  constructor(options: StreamOptions, stage = "stream") {
    this.#options = options;
    this.#ledger = new Ledger(stage);
  }

  get isFull(): boolean {
    return this.#clients.size >= this.#options.clientsMax;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** The clusters whose hot keys some client listens to. */
  clusters(): Set<string> {
    return new Set(Array.from(this.#clients, ({ cluster }) => cluster));
  }

  /** Takes over a response whose headers are written, and sends it `first`. */
  open(response: ServerResponse, cluster: string, first: readonly Buffer[]): void {
    const client = { response, cluster };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    // What an aborted connection says, "close" says too.
    response.on("error", () => this.#clients.delete(client));
    for (const event of first) this.#sendTo(client, event);
  }

  /** Sends an event to all clients, or to those of one cluster. */
  send(event: Buffer, cluster?: string): void {
    for (const client of this.#clients) {
      if (cluster === undefined || client.cluster === cluster) this.#sendTo(client, event);
    }
  }

  /** Lets proxies and clients see that the connection lives. */
  heartbeat(): void {
    for (const { response } of this.#clients) response.write(HEARTBEAT);
  }

  books(): StageBooks {
    return this.#ledger.books();
  }

  close(): void {
    for (const { response } of this.#clients) response.end();
    this.#clients.clear();
  }

  #sendTo(client: Client, event: Buffer): void {
    this.#ledger.receive();
    if (client.response.writableLength > this.#options.unreadBytesMax) {
      this.#ledger.drop("slow-client");
      this.#clients.delete(client);
      client.response.destroy();
      return;
    }
    this.#ledger.keep();
    client.response.write(event);
  }
}
