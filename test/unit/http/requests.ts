import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer, type RunningServer, type ServerOptions } from "../../../src/http/server.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { makeConfig, makeViews } from "./fake-views.ts";

/** Starts a server on a free port; it ends with the test. */
export async function startServer(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  const server = await createServer({
    config: makeConfig(),
    views: makeViews(),
    logger: silentLogger,
    ...options,
  });
  t.after(() => server.close());
  return server;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies of every shape
  json(): any;
}

/** One request with exactly these headers, `Host` included: `fetch` would not send all of them. */
export function ask(
  url: string,
  {
    method = "GET",
    headers = {},
    body,
  }: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece);
      const text = Buffer.concat(pieces).toString("utf8");
      const { statusCode = 0 } = response;
      resolve({ status: statusCode, headers: response.headers, text, json: () => JSON.parse(text) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends bytes as they are and returns all that comes back until the server hangs up. */
export async function askRaw(url: string, text: string): Promise<string> {
  const socket = openSocket(url);
  socket.write(text);
  let answer = "";
  for await (const piece of socket) answer += piece;
  return answer;
}

export function openSocket(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname);
}

export interface SentEvent {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies of every shape
  readonly body: any;
}

/** A listener of server-sent events that keeps all that it got. */
export class Listener {
  readonly comments: string[] = [];
  readonly events: SentEvent[] = [];
  status = 0;
  headers: IncomingHttpHeaders = {};
  isClosed = false;
  readonly #sent;
  #rest = "";

  constructor(url: string) {
    this.#sent = request(url, { agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      response.setEncoding("utf8");
      response.on("data", (text: string) => this.#take(text));
      response.on("close", () => {
        this.isClosed = true;
      });
      response.on("error", () => {});
    });
    this.#sent.on("error", () => {
      this.isClosed = true;
    });
    this.#sent.end();
  }

  named(name: string): SentEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  close(): void {
    this.#sent.destroy();
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(block) ?? [];
      if (name !== undefined && data !== undefined) this.events.push({ name, body: JSON.parse(data) });
      else this.comments.push(block);
    }
  }
}
