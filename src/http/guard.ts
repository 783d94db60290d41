import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { Config } from "../config/schema.ts";
import { HttpError } from "./errors.ts";

/** Throws `HttpError` 401 or 403 for a request that may not pass. */
export type Guard = (headers: IncomingHttpHeaders) => void;

/**
 * Who may read: only callers that name an allowed host (DNS rebinding), that are no pages of other sites, and that know
 * the token where one is set. Probes do not come here.
 */
export function createGuard(config: Config["http"]): Guard {
  const hosts = allowedHosts(config);
  const tokenDigest = config.auth ? digestOf(config.auth.token) : null;
  return (headers) => {
    checkHost(headers.host, hosts);
    if (tokenDigest) checkToken(headers.authorization, tokenDigest);
    else checkOrigin(headers);
  };
}

/**
 * Who may change anything, of those that `createGuard` let pass: callers that know the token where one is set; else no
 * page, or one of this very server.
 */
export function createChangeGuard({ auth, externalUrl }: Config["http"]): Guard {
  if (auth) return () => {};
  const external = externalUrl === undefined ? null : new URL(externalUrl).host;
  return ({ origin, host }) => {
    // Programs send none; browsers do with each change, also where they do not know Sec-Fetch-Site.
    if (origin === undefined) return;
    const from = URL.canParse(origin) ? new URL(origin).host : "";
    if (from !== "" && (from === withoutUsualPort(origin, host) || from === external)) return;
    throw new HttpError(403, "CROSS_ORIGIN_REFUSED", "pages of other origins may not change this", {
      path: "Origin",
    });
  };
}

/** A `Host` as the URL of an origin of that scheme writes it. */
function withoutUsualPort(origin: string, host = ""): string {
  const { protocol } = new URL(origin);
  return URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`).host : "";
}

/** Who may read what is the same for everybody: callers that name an allowed host. */
export function createHostGuard(config: Config["http"]): Guard {
  const hosts = allowedHosts(config);
  return (headers) => checkHost(headers.host, hosts);
}

function allowedHosts({ listen, hosts, externalUrl }: Config["http"]): ReadonlySet<string> {
  const external = externalUrl === undefined ? [] : [new URL(externalUrl).hostname];
  return new Set(["localhost", listen.host, ...hosts, ...external].map(canonical));
}

function canonical(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

/** A name that resolves to this machine is not enough: the attacker of a rebinding owns the name. */
function checkHost(header: string | undefined, allowed: ReadonlySet<string>): void {
  const [, bracketed, name = bracketed ?? ""] =
    /^(?:\[([^\][]+)\]|([^:\][]+))(?::\d{1,5})?$/.exec(header ?? "") ?? [];
  if (isIP(name) !== 0 || (name !== "" && allowed.has(canonical(name)))) return;
  throw new HttpError(403, "HOST_REFUSED", "this host name is not allowed: add it to http.hosts", {
    path: "Host",
  });
}

function checkToken(header: string | undefined, expected: Buffer): void {
  const token = /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
  // Digests are of one length, so that the comparison tells nothing of the token's.
  if (token !== undefined && timingSafeEqual(digestOf(token), expected)) return;
  throw new HttpError(401, "UNAUTHORIZED", "expected the header Authorization: Bearer TOKEN", {
    path: "Authorization",
    headers: { "www-authenticate": 'Bearer realm="keyheat"' },
  });
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Without a token, being on this machine is all that a page of another site needs to reach the server. */
function checkOrigin(headers: IncomingHttpHeaders): void {
  const site = headers["sec-fetch-site"];
  if (site !== "cross-site" && site !== "same-site") return;
  throw new HttpError(403, "CROSS_ORIGIN_REFUSED", "pages of other origins may not read this", {
    path: "Sec-Fetch-Site",
  });
}
