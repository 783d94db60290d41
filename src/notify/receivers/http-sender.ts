import { Agent, type Dispatcher, request } from "undici";
import type { Clock } from "../../runtime/clock.ts";
import { EgressError, egressConnector } from "../egress.ts";
import { failureOf, isAccepted } from "./http-answer.ts";
import { DeliveryError, type Receipt } from "./receiver.ts";

/** Bounds of an answer that was accepted and that nobody reads; the attempt itself is bounded by its signal. */
const ANSWER_BYTES_MAX = 16 * 1024;
const ANSWER_TIMEOUT_MS = 15_000;
const CONNECTIONS_MAX = 8;
/** What is kept of a refusal: services say there in a few words what they did not like. */
const REASON_BYTES_MAX = 1024;
/** Nobody waits longer for a reason: that it is a refusal is known from its first line. */
const REASON_TIMEOUT_MS = 1000;

interface HttpSenderOptions {
  /** May hold a user and password, which then go as a header. */
  readonly url: string;
  /** Networks and addresses that are dialled, at most; empty: all but those never sent to. */
  readonly allow: readonly string[];
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends requests to one address of a service, and turns its answers into the verdicts of `Receiver`. */
export class HttpSender {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  /** Its own connections, kept alive; no proxy of the environment comes between. */
  readonly #agent: Agent;

  constructor({ url, allow, clock, headers = {} }: HttpSenderOptions) {
    this.#url = new URL(url);
    this.#headers = { "user-agent": "keyheat", ...takeCredentials(this.#url), ...headers };
    this.#clock = clock;
    this.#agent = new Agent({
      connect: egressConnector(allow),
      connections: CONNECTIONS_MAX,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  /** Posts JSON. Resolves when the service accepted it (2xx). Throws: `DeliveryError`. */
  async postJson(
    body: string | Uint8Array,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Receipt> {
    return this.#send("POST", signal, { "content-type": "application/json", ...headers }, body);
  }

  /** Calls the address. Resolves when the service accepted it (2xx). Throws: `DeliveryError`. */
  async get(signal: AbortSignal): Promise<Receipt> {
    return this.#send("GET", signal, {}, null);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    method: "GET" | "POST",
    signal: AbortSignal,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array | null,
  ): Promise<Receipt> {
    const all = { ...this.#headers, ...headers };
    const answer = await request(this.#url, {
      method,
      dispatcher: this.#agent,
      headers: all,
      body,
      signal,
    }).catch((cause: unknown) => {
      if (cause instanceof EgressError) throw new DeliveryError("FORBIDDEN_ADDRESS", false, { cause });
      throw new DeliveryError("UNREACHABLE", true, { cause });
    });
    const { statusCode: status } = answer;
    const retryAfter = answer.headers["retry-after"]?.toString();
    if (isAccepted(status)) {
      // Accepted is accepted: nobody waits for the rest of the answer.
      answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => {});
      return { status };
    }
    throw failureOf(status, retryAfter, this.#clock.now(), await this.#reasonOf(answer.body));
  }

  /** The beginning of what a service says to its refusal; empty where it says nothing in time. */
  async #reasonOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
    const cancel = this.#clock.after(REASON_TIMEOUT_MS, () => body.destroy());
    const pieces: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const piece of body) {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes >= REASON_BYTES_MAX) break;
      }
    } catch {
      // What came before the connection ended may say enough.
    } finally {
      cancel();
    }
    return Buffer.concat(pieces).subarray(0, REASON_BYTES_MAX).toString("utf8");
  }
}

/** Moves a user and password out of the URL: `request` would leave them out, and errors might show them. */
function takeCredentials(url: URL): Record<string, string> {
  const { username, password } = url;
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = "";
  url.password = "";
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
