import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { HttpError } from "./errors.ts";

/**
 * What takes the heat off a key, where alerts link to.
 *
 * Open to everybody: it is the same for all, and whoever follows a link from an alert has no token.
 */
export const ADVICE_PATH = "/docs/advice";

const FILE = new URL("../../docs/advice.md", import.meta.url);

/** `/docs/advice`: the remedies, as Markdown. */
export function addAdvicePage(app: FastifyInstance): void {
  const page = readPage();
  app.get(ADVICE_PATH, (_request, reply) => {
    if (page === null)
      throw new HttpError(404, "NOT_FOUND", "docs/advice.md is not part of this installation");
    return reply.type("text/markdown; charset=utf-8").send(page);
  });
}

function readPage(): string | null {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return null;
  }
}
