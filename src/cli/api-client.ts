import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ConfigError } from "../config/problem.ts";
import { printable } from "./view/display-text.ts";

export interface ApiClientOptions {
  /** Of a standalone or an aggregator. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly timeoutMs?: number;
}

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Statuses that are an answer. Default: 200. */
  readonly accepted?: readonly number[];
}

const UNAUTHORIZED = 401;

const failure = z.object({ error: z.object({ message: z.string(), path: z.string().default("") }) });

/** The API answered, with something else than what was asked for. Its message is one printable line. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Asks the HTTP API of a standalone or an aggregator. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #timeoutMs: number;

  constructor({ url, token, timeoutMs = 3000 }: ApiClientOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  /** The body of the answer, `null` where there is none. Throws: ApiRefusal; Error where nobody answers. */
  async ask<T>(path: string, schema: z.ZodType<T>, request: ApiRequest = {}): Promise<T> {
    const { method = "GET", body: sent, accepted = [200] } = request;
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: this.#headers(sent),
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
      redirect: "error",
      signal: AbortSignal.timeout(this.#timeoutMs),
    }).catch((cause: unknown) => {
      throw new Error(`no answer from ${this.#url}: ${reasonOf(cause)}`, { cause });
    });
    const body = await this.#bodyOf(response);
    if (!accepted.includes(response.status)) throw this.#refusal(response.status, body);
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new Error(`${this.#url} is not Keyheat's API, or of another version`);
    return parsed.data;
  }

  /** What the body says; `null` where it is no JSON. Throws: Error where it does not come to its end. */
  async #bodyOf(response: Response): Promise<unknown> {
    const text = await response.text().catch((cause: unknown) => {
      throw new Error(`the answer of ${this.#url} broke off: ${reasonOf(cause)}`, { cause });
    });
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }

  #headers(sent: unknown): Record<string, string> {
    return {
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
    };
  }

  #refusal(status: number, body: unknown): ApiRefusal {
    const told = failure.safeParse(body);
    if (!told.success) return new ApiRefusal(status, `${this.#url} answered ${status}`);
    const { message, path } = told.data.error;
    const place = path === "" || path.startsWith("/") ? "" : `${path}: `;
    const hint = status === UNAUTHORIZED ? " (--token-file names the file with it)" : "";
    return new ApiRefusal(status, printable(`${this.#url} answered ${status}: ${place}${message}${hint}`));
  }
}

/** What may stand in a header, in one word: `fetch` repeats anything else in its error. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The token in a file; `undefined`: there is none. Throws: ConfigError, which does not show what is in the file. */
export async function tokenIn(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const content = await readFile(file, "utf8").catch((cause: unknown) => {
    throw tokenProblem(`the file cannot be read: ${printable(reasonOf(cause))}`);
  });
  const token = content.trim();
  if (!TOKEN.test(token))
    throw tokenProblem("expected a file with a token in it, in one line without spaces");
  return token;
}

function tokenProblem(message: string): ConfigError {
  return new ConfigError("options", [{ path: "--token-file", message }]);
}

function reasonOf(error: unknown): string {
  const deepest = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return deepest instanceof Error ? deepest.message : String(deepest);
}
