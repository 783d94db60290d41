import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";

const TIMEOUT_MS = 2000;
/** What comes beyond it is no answer of an agent. */
const ANSWER_BYTES_MAX = 64 * 1024;

export interface AgentAddress {
  /** Base URL, such as `http://127.0.0.1:9379`. */
  readonly url: URL;
  readonly token: string | null;
}

export interface AgentAnswer {
  readonly status: number;
  readonly body: string;
}

/** Posts batches to an agent over one connection that is kept. Nothing of it keeps the process alive, unless `hold`. */
export class AgentConnection {
  readonly #url: URL;
  readonly #headers: http.OutgoingHttpHeaders;
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;
  #socket: Socket | null = null;
  #isHeld = false;

  constructor({ url, token }: AgentAddress) {
    const isSecure = url.protocol === "https:";
    this.#url = new URL("v1/samples", url.href.endsWith("/") ? url : `${url.href}/`);
    this.#headers = {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    this.#agent = new (isSecure ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
    this.#request = isSecure ? https.request : http.request;
  }

  /** Rejects when no whole answer came within 2 s. */
  post(body: Buffer): Promise<AgentAnswer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#url, {
        method: "POST",
        agent: this.#agent,
        headers: { ...this.#headers, "content-length": body.length },
      });
      const timer = setTimeout(() => request.destroy(new Error("no answer in time")), TIMEOUT_MS);
      timer.unref();
      request.on("socket", (socket) => this.#use(socket));
      request.on("response", (response) => read(response).then(resolve, reject));
      request.on("error", reject);
      request.on("close", () => {
        clearTimeout(timer);
        this.#socket = null;
      });
      request.end(body);
    });
  }

  /** From now on what is sent keeps the process alive until it is answered. */
  hold(): void {
    this.#isHeld = true;
    this.#socket?.ref();
  }

  close(): void {
    this.#agent.destroy();
    this.#socket?.destroy();
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    if (this.#isHeld) socket.ref();
    else socket.unref();
  }
}

async function read(response: http.IncomingMessage): Promise<AgentAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new Error("the answer is too long");
    }
    pieces.push(piece);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString("utf8") };
}
