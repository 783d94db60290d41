import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { waitFor } from "./wait.ts";

/** What the webhook received. `atMs` is the wall clock when the whole body was there. */
export interface ReceivedRequest {
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON; throws when it is none. */
  json(): unknown;
}

/** `"hang"`: never answers. `"cut"`: closes the connection without an answer. */
export type Answer =
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      readonly delayMs?: number;
    }
  | "hang"
  | "cut";

/** Says what the `n`-th request (0-based) gets. */
export type Answerer = (request: ReceivedRequest, n: number) => Answer;

/** A receiver of webhooks on the loopback interface. */
export class TestWebhook implements AsyncDisposable {
  /** In the order of arrival. */
  readonly requests: ReceivedRequest[] = [];
  answer: Answerer;
  readonly #server = createServer((request, response) => void this.#take(request, response));
  #port = 0;

  constructor(answer: Answerer = () => ({ status: 200 })) {
    this.answer = answer;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** Listens, after `refuse()` on the same port again. */
  async listen(): Promise<void> {
    // Meanwhile some connection may have been given the port for its own end.
    await waitFor("the port to be free again", () => this.#tryListening());
    const address = this.#server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  async #tryListening(): Promise<boolean> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    return true;
  }

  /** Ends every connection and refuses new ones, until `listen()`. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Waits until `count` requests have come (that fulfil `matches`), and returns these. */
  async received(
    count = 1,
    {
      matches = () => true,
      timeoutMs = 30_000,
    }: { matches?: (request: ReceivedRequest) => boolean; timeoutMs?: number } = {},
  ): Promise<ReceivedRequest[]> {
    return await waitFor(
      `${count} requests at the webhook (${this.requests.length} came)`,
      () => {
        const matching = this.requests.filter(matches);
        return matching.length >= count ? matching : null;
      },
      timeoutMs,
      2,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.refuse();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      return; // The sender gave up: there is no request to record.
    }
    const body = Buffer.concat(pieces);
    const received: ReceivedRequest = {
      atMs: Date.now(),
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body,
      json: () => JSON.parse(body.toString("utf8")),
    };
    this.requests.push(received);
    reply(this.answer(received, this.requests.length - 1), response);
  }
}

function reply(answer: Answer, response: ServerResponse): void {
  if (answer === "hang") return;
  if (answer === "cut") {
    response.destroy();
    return;
  }
  const { status, headers = {}, body = "", delayMs = 0 } = answer;
  setTimeout(() => response.writeHead(status, headers).end(body), delayMs).unref();
}

/** Starts a webhook; it ends with the test `t`. */
export async function startWebhook(t: TestContext | null, answer?: Answerer): Promise<TestWebhook> {
  const webhook = new TestWebhook(answer);
  await webhook.listen();
  t?.after(() => webhook.refuse());
  return webhook;
}
