import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import type { FastifyInstance } from "fastify";

const FOLDER = new URL("./console/", import.meta.url);
const PAGE = "index.html";

/** What is served of the folder, by the end of the name; nothing else is. */
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * The page shows key names, and anybody who can write to Redis chooses those. So it has no code or style of its own text,
 * nothing can be sent elsewhere, and no text can be turned into markup.
 */
const PAGE_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
} as const;

/**
 * Whether a route is the page's. It holds no data: it is for everybody who calls the server by an allowed name, also by a
 * link on another site, and asks for the token itself.
 */
export function isConsoleRoute(route: string): boolean {
  return route === "/" || route.startsWith("/console/");
}

/** `/`: the page for people, and its files under `/console/`. They are read once: what is asked for is never a path. */
export function addConsole(app: FastifyInstance): void {
  for (const name of readdirSync(FOLDER)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const body = readFileSync(new URL(name, FOLDER));
    const route = name === PAGE ? "/" : `/console/${name}`;
    app.get(route, (_request, reply) => reply.headers(PAGE_HEADERS).type(type).send(body));
  }
}
