import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { SentSample } from "./samples-sink.ts";

export interface TestLease {
  readonly key: string;
  readonly keyEncoding?: "utf8" | "base64";
  readonly db?: number;
  readonly cluster?: string;
  /** From now. */
  readonly leftMs?: number;
  readonly ratePerSecond?: number;
}

/** Serves a hot set as an agent does, event by event as a test wants it, and takes samples. */
export class HotSetAgent {
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** What the clock of the agent is ahead. */
  aheadMs = 0;
  /** What is answered in place of the stream. */
  refusal: { readonly status: number; readonly headers?: Record<string, string> } | null = null;
  /** What listeners are told first. */
  leases: readonly TestLease[] = [];
  readonly #listeners = new Set<ServerResponse>();
  /** What apps have posted of the keys they read, by key. */
  readonly reads = new Map<string, { reads: number; absorbed: number }>();
  readonly #server = createServer((request, response) => {
    if (request.method === "POST") {
      void this.#takeSamples(request, response);
      return;
    }
    this.requests.push({ path: request.url ?? "", headers: request.headers });
    response.setHeader("date", new Date(this.nowMs).toUTCString());
    if (this.refusal !== null) {
      response.writeHead(this.refusal.status, this.refusal.headers).end("{}");
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("retry: 5000\n\n");
    this.#listeners.add(response);
    response.on("close", () => this.#listeners.delete(response));
    this.#sendTo(response, "snapshot", { version: 1, keys: this.leases.map((lease) => this.#json(lease)) });
  });

  get nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get listening(): number {
    return this.#listeners.size;
  }

  async start(port = 0): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  update(add: readonly TestLease[], remove: readonly TestLease[] = []): void {
    const body = {
      add: add.map((lease) => this.#json(lease)),
      remove: remove.map((lease) => this.#place(lease)),
    };
    for (const listener of this.#listeners) this.#sendTo(listener, "update", body);
  }

  /** Text into the middle of all streams. */
  send(text: string): void {
    for (const listener of this.#listeners) listener.write(text);
  }

  async #takeSamples(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { samples } = (await json(request)) as { samples: readonly SentSample[] };
    for (const { key = "", reads = 0, absorbed = 0 } of samples) {
      const sum = this.reads.get(key) ?? { reads: 0, absorbed: 0 };
      this.reads.set(key, { reads: sum.reads + reads, absorbed: sum.absorbed + absorbed });
    }
    response.writeHead(202).end("{}");
  }

  #sendTo(listener: ServerResponse, name: string, body: object): void {
    listener.write(`event: ${name}\ndata: ${JSON.stringify(body)}\n\n`);
  }

  #json(lease: TestLease) {
    return {
      ...this.#place(lease),
      leaseUntil: new Date(this.nowMs + (lease.leftMs ?? 30_000)).toISOString(),
      remedies: ["local-cache"],
      ratePerSecond: lease.ratePerSecond ?? 5000,
    };
  }

  #place({ cluster = "default", db = 0, key, keyEncoding = "utf8" }: TestLease) {
    return { cluster, db, key, keyEncoding };
  }
}

/** It ends with the test. */
export async function startHotSetAgent(
  t: TestContext,
  leases: readonly TestLease[] = [],
): Promise<HotSetAgent> {
  const agent = new HotSetAgent();
  agent.leases = leases;
  await agent.start();
  t.after(() => agent.stop());
  return agent;
}
