import { readdirSync, readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { HttpError } from "./errors.ts";

/** What takes the heat off a key, where alerts link to. */
const ADVICE_PATH = "/docs/advice";
const CLIENT_PATH = "/docs/client.md";
/** A page for each remedy, where the advice links to. */
const REMEDY_PATH = "/docs/remedies/:page";

/** Open to everybody: they are the same for all, and whoever follows a link from an alert has no token. */
export const REMEDY_PATHS: readonly string[] = [ADVICE_PATH, CLIENT_PATH, REMEDY_PATH];

const DOCS = new URL("../../docs/", import.meta.url);

/** The advice, and what it links to, as Markdown. */
export function addRemedyPages(app: FastifyInstance): void {
  const advice = readPage("advice.md");
  const client = readPage("client.md");
  const remedies = readRemedies();
  app.get(ADVICE_PATH, (_request, reply) => reply.type(MARKDOWN).send(found(advice)));
  app.get(CLIENT_PATH, (_request, reply) => reply.type(MARKDOWN).send(found(client)));
  app.get<{ Params: { page: string } }>(REMEDY_PATH, (request, reply) =>
    reply.type(MARKDOWN).send(found(remedies.get(request.params.page) ?? null)),
  );
}

const MARKDOWN = "text/markdown; charset=utf-8";

function found(page: string | null): string {
  if (page === null) throw new HttpError(404, "NOT_FOUND", "there is no such page in this installation");
  return page;
}

function readRemedies(): ReadonlyMap<string, string> {
  const pages = namesOfRemedies().map((name) => [name, readPage(`remedies/${name}`) ?? ""] as const);
  return new Map(pages);
}

function namesOfRemedies(): string[] {
  try {
    return readdirSync(new URL("remedies", DOCS)).filter((name) => name.endsWith(".md"));
  } catch {
    return [];
  }
}

function readPage(path: string): string | null {
  try {
    return readFileSync(new URL(path, DOCS), "utf8");
  } catch {
    return null;
  }
}
