import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { OwnPod } from "../../src/sources/discovery/pods/cluster-access.ts";
import { makeCertificates } from "./certificates.ts";
import { matcher, type PodJson } from "./pod-selectors.ts";

/** A pod of a test; what is left out is that of a running one. */
export interface TestPod {
  readonly name: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ip?: string;
  readonly phase?: string;
}

interface Stored {
  readonly json: PodJson;
  readonly version: number;
}

interface Change {
  readonly version: number;
  readonly before: PodJson | null;
  readonly after: PodJson | null;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly matches: (pod: PodJson) => boolean;
  readonly hasBookmarks: boolean;
}

const NODE = "node-a";
const OWN_NAMESPACE = "keyheat";
const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/;

/**
 * A small API server of Kubernetes that knows pods: list by pages, and watch from a version, with bookmarks, label and
 * field selectors, history that is forgotten (410 Gone), rights and disconnects.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export class KubernetesApi {
  /** What a pod of the namespace `keyheat` on the node `node-a` knows. */
  readonly ownPod: OwnPod;
  /** Paths with their queries, in order. */
  readonly requests: URL[] = [];
  /** Namespaces in which nothing may be read. */
  readonly forbidden = new Set<string>();
  /** Whether the service account may watch what it may list. */
  mayWatch = true;
  /** How too old a version is told: by the answer, or by an event of an answer that is well. */
  goneBy: "status" | "event" = "event";
  /** Pods in a page at most. */
  pagePods = 500;
  /** Where set, lists and watches are answered so. */
  answer: {
    readonly status: number;
    readonly body: string;
    readonly headers?: Readonly<Record<string, string>>;
  } | null = null;
  #token = "first";
  #version = 100;
  #forgotten = 0;
  readonly #folder: string;
  readonly #pods = new Map<string, Stored>();
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();

  private constructor(folder: string, ca: string, url: string) {
    this.#folder = folder;
    const tokenFile = join(folder, "token");
    this.ownPod = { access: { url, ca, tokenFile, namespace: OWN_NAMESPACE }, nodeName: NODE };
    this.setToken(this.#token);
  }

  static async start(t: TestContext): Promise<KubernetesApi> {
    const folder = mkdtempSync(join(tmpdir(), "keyheat-kubernetes-"));
    const { ca, cert, key } = makeCertificates(folder);
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const api = new KubernetesApi(folder, readFileSync(ca, "utf8"), `https://127.0.0.1:${port}`);
    server.on("secureConnection", (socket: Socket) => api.#sockets.add(socket));
    server.on("request", (request, response) => api.#serve(request, response));
    t.after(() => {
      api.disconnect();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return api;
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#watchers.size;
  }

  /** How often all was listed: first pages. */
  get lists(): number {
    return this.requests.filter(({ searchParams: query }) => !query.has("watch") && !query.has("continue"))
      .length;
  }

  /** From now on it takes this token alone, and the pod has it. */
  setToken(token: string): void {
    this.#token = token;
    writeFileSync(join(this.#folder, "token"), `${token}\n`);
  }

  /** From now on the pod has a token that is not taken. */
  spoilToken(): void {
    writeFileSync(join(this.#folder, "token"), "other\n");
  }

  /** Creates or changes a pod. */
  put(pod: TestPod): void {
    const {
      name,
      namespace = OWN_NAMESPACE,
      node = NODE,
      labels = { app: "redis" },
      ip,
      phase = "Running",
    } = pod;
    const id = `${namespace}/${name}`;
    const before = this.#pods.get(id)?.json ?? null;
    const version = ++this.#version;
    const json: PodJson = {
      metadata: { uid: `uid-${id}`, name, namespace, labels, resourceVersion: String(version) },
      spec: { nodeName: node },
      status: { phase, ...(ip === undefined ? {} : { podIP: ip }) },
    };
    this.#pods.set(id, { json, version });
    this.#note({ version, before, after: json });
  }

  delete(name: string, namespace = OWN_NAMESPACE): void {
    const id = `${namespace}/${name}`;
    const stored = this.#pods.get(id);
    if (stored === undefined) throw new Error(`there is no pod ${id}`);
    this.#pods.delete(id);
    this.#note({ version: ++this.#version, before: stored.json, after: null });
  }

  /** Tells the watches that nothing has changed up to now. Returns the version of now. */
  bookmark(): string {
    // Others may have changed what these watches do not see.
    const resourceVersion = String(++this.#version);
    for (const { response, hasBookmarks } of this.#watchers) {
      const object = { kind: "Pod", metadata: { resourceVersion } };
      if (hasBookmarks) response.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
    }
    return resourceVersion;
  }

  /** Ends all watches, as when their time is over. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
  }

  /** Writes to all watches what it is told to. */
  say(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  /** Forgets what has changed up to now: a watch from before is to be told so. */
  forget(): void {
    this.#forgotten = this.#version;
  }

  /** Cuts all connections. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #note(change: Change): void {
    this.#changes.push(change);
    for (const watcher of this.#watchers) send(watcher, change);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "https://kubernetes");
    this.requests.push(url);
    const [, namespace] = PATH.exec(url.pathname) ?? [];
    const verb = url.searchParams.get("watch") === "1" ? "watch" : "list";
    const refusal = this.#refusalOf(request, verb, namespace);
    if (refusal !== null) refuse(response, refusal.status, refusal.message);
    else if (this.answer !== null)
      response.writeHead(this.answer.status, this.answer.headers).end(this.answer.body);
    else if (verb === "watch") this.#watch(url.searchParams, namespace ?? "", response);
    else this.#list(url.searchParams, namespace ?? "", response);
  }

  #refusalOf({ headers }: IncomingMessage, verb: "list" | "watch", namespace: string | undefined) {
    if (headers.authorization !== `Bearer ${this.#token}`) return { status: 401, message: "Unauthorized" };
    if (namespace === undefined)
      return { status: 404, message: "the server could not find the requested resource" };
    const mayDo = verb === "list" || this.mayWatch;
    if (mayDo && !this.forbidden.has(namespace)) return null;
    const who = `system:serviceaccount:${OWN_NAMESPACE}:keyheat-agent`;
    const message = `pods is forbidden: User "${who}" cannot ${verb} resource "pods" in API group "" in the namespace "${namespace}"`;
    return { status: 403, message };
  }

  #list(query: URLSearchParams, namespace: string, response: ServerResponse): void {
    const [version, start] = (query.get("continue") ?? `${this.#version}:0`).split(":").map(Number);
    if ((version ?? 0) < this.#forgotten) {
      refuse(response, 410, "The provided continue parameter is too old");
      return;
    }
    const matches = matcher(query, namespace);
    const pods = Array.from(this.#pods.values(), ({ json }) => json).filter(matches);
    const limit = Math.min(this.pagePods, Number(query.get("limit") ?? Number.POSITIVE_INFINITY));
    const end = (start ?? 0) + limit;
    const metadata = {
      resourceVersion: String(version),
      ...(end < pods.length ? { continue: `${version}:${end}` } : {}),
    };
    const items = pods.slice(start, end);
    response.setHeader("content-type", "application/json");
    // As Go writes it: an empty list may be null.
    response.end(JSON.stringify({ kind: "PodList", metadata, items: items.length === 0 ? null : items }));
  }

  #watch(query: URLSearchParams, namespace: string, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    const isGone = from < this.#forgotten;
    if (isGone && this.goneBy === "status") {
      refuse(response, 410, "too old resource version");
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    if (isGone) {
      const object = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    response.flushHeaders();
    const watcher = {
      response,
      matches: matcher(query, namespace),
      hasBookmarks: query.get("allowWatchBookmarks") === "true",
    };
    for (const change of this.#changes) if (change.version > from) send(watcher, change);
    this.#watchers.add(watcher);
    const timer = setTimeout(() => response.end(), Number(query.get("timeoutSeconds")) * 1000);
    response.on("close", () => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
  }
}

/** As a watch sees it: what comes to match is added, what does not match any more is deleted. */
function send({ response, matches }: Watcher, { version, before, after }: Change): void {
  const was = before !== null && matches(before);
  const is = after !== null && matches(after);
  if (!was && !is) return;
  const type = !was ? "ADDED" : is ? "MODIFIED" : "DELETED";
  const pod = after ?? before;
  const object = { ...pod, metadata: { ...pod?.metadata, resourceVersion: String(version) } };
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = { kind: "Status", apiVersion: "v1", status: "Failure", message, code: status };
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
