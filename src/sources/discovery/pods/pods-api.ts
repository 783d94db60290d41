import { readFile } from "node:fs/promises";
import { Agent, type Dispatcher, request } from "undici";
import { z } from "zod";
import { parseRetryAfter } from "../../../runtime/retry-after.ts";
import type { ClusterAccess } from "./cluster-access.ts";
import { jsonLines } from "./json-lines.ts";
import { type Pod, podOf } from "./pod.ts";
import type { PodQuery } from "./pod-query.ts";

export interface PodList {
  readonly pods: readonly Pod[];
  /** From where a watch goes on. */
  readonly resourceVersion: string;
  /** There are more. */
  readonly isCut: boolean;
}

export type PodEvent =
  | { readonly type: "put" | "deleted"; readonly pod: Pod }
  /** Nothing has changed up to a version. */
  | { readonly type: "bookmark"; readonly resourceVersion: string };

/** What the API server refused. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  /** Of HTTP: 401, 403, 410 ... */
  readonly status: number;
  /** For so long the server wants to be left alone. */
  readonly retryAfterMs: number;

  constructor(status: number, message: string, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whether an answer came, but is none of an API server. */
export function isUnreadable(error: Error): boolean {
  return error.name === "ZodError" || error instanceof SyntaxError || error instanceof RangeError;
}

const PAGE_PODS = 500;
const ANSWER_MS_MAX = 15_000;
const PAGE_BYTES_MAX = 64 * 1024 * 1024;
/** A connection that is silent for so long is probed (for 10 s more): a node that died says nothing. */
const KEEP_ALIVE_MS = 20_000;
const RETRY_AFTER_MS_MAX = 60_000;
/** etcd keeps no larger object than 1.5 MiB. */
const EVENT_BYTES_MAX = 4 * 1024 * 1024;

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  // Absent or null where there are none: so Go writes an empty list.
  items: z.array(z.unknown()).nullish(),
});
const statusSchema = z.object({ code: z.number().optional(), message: z.string().optional() });
const eventSchema = z.object({ type: z.string(), object: z.unknown() });

/**
 * Lists and watches pods.
 *
 * Every call throws ApiRefusal for what the server refuses, other errors where it cannot be reached or cannot be
 * understood.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class PodsApi {
  readonly #access: ClusterAccess;
  readonly #dispatcher: Agent;

  constructor(access: ClusterAccess) {
    this.#access = access;
    // A watch is silent for as long as nothing changes; its own time limit ends it.
    this.#dispatcher = new Agent({
      connect: { ca: access.ca, keepAliveInitialDelay: KEEP_ALIVE_MS },
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: 0,
    });
  }

  /** All pods of a query, page by page; of more than `podsMax` the rest is left out. */
  async list(query: PodQuery, podsMax: number, signal: AbortSignal): Promise<PodList> {
    const pods: Pod[] = [];
    for (let next: string | undefined = ""; ; ) {
      const page: Record<string, string> = { limit: String(PAGE_PODS), ...(next ? { continue: next } : {}) };
      const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
      const body = await textOf(await this.#get(query, page, limited));
      const { metadata, items } = listSchema.parse(JSON.parse(body));
      const room = podsMax - pods.length;
      const all = items ?? [];
      pods.push(...all.slice(0, room).map(podOf));
      next = metadata.continue;
      const isCut = all.length > room || (Boolean(next) && pods.length >= podsMax);
      if (!next || isCut) return { pods, resourceVersion: metadata.resourceVersion, isCut };
    }
  }

  /** What changes after a version, until the server ends it after some `seconds`. `onOpen`: it has begun to answer. */
  async *watch(
    query: PodQuery,
    { resourceVersion, seconds }: { readonly resourceVersion: string; readonly seconds: number },
    signal: AbortSignal,
    onOpen: () => void,
  ): AsyncGenerator<PodEvent, void, undefined> {
    const body = await this.#get(
      query,
      { watch: "1", allowWatchBookmarks: "true", resourceVersion, timeoutSeconds: String(seconds) },
      signal,
    );
    onOpen();
    for await (const line of jsonLines(body, EVENT_BYTES_MAX)) yield eventOf(line);
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #get(query: PodQuery, page: Record<string, string>, signal: AbortSignal) {
    const { namespace, labelSelector, nodeName } = query;
    const url = new URL(`${this.#access.url}/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`);
    url.searchParams.set("labelSelector", labelSelector);
    if (nodeName !== null) url.searchParams.set("fieldSelector", `spec.nodeName=${nodeName}`);
    for (const [name, value] of Object.entries(page)) url.searchParams.set(name, value);
    const token = (await readFile(this.#access.tokenFile, "utf8")).trim();
    const { statusCode, headers, body } = await request(url, {
      dispatcher: this.#dispatcher,
      headers: { authorization: `Bearer ${token}`, accept: "application/json", "user-agent": "keyheat" },
      signal,
    });
    if (statusCode === 200) return body;
    const retryAfterMs = parseRetryAfter(headers["retry-after"]?.toString(), Date.now()) ?? 0;
    const message = await refusalOf(statusCode, body);
    throw new ApiRefusal(statusCode, message, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
  }
}

async function textOf(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > PAGE_BYTES_MAX) throw new RangeError(`the answer is larger than ${PAGE_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** What the server says of it, in one line. */
async function refusalOf(status: number, body: Dispatcher.ResponseData["body"]): Promise<string> {
  const text = await textOf(body).catch(() => "");
  const said = statusSchema.safeParse(jsonOrNull(text)).data?.message ?? "";
  return said === "" ? `HTTP ${status}` : said;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function eventOf(line: unknown): PodEvent {
  const { type, object } = eventSchema.parse(line);
  if (type === "ERROR") {
    const { code = 500, message = "the watch was ended" } = statusSchema.parse(object);
    throw new ApiRefusal(code, message);
  }
  if (type === "BOOKMARK") {
    const { metadata } = bookmarkSchema.parse(object);
    return { type: "bookmark", resourceVersion: metadata.resourceVersion };
  }
  return { type: type === "DELETED" ? "deleted" : "put", pod: podOf(object) };
}

const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });
