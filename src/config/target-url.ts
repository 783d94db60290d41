import { isIPv4, isIPv6 } from "node:net";
import type { Parsed } from "./scalars.ts";

/** Where a server listens. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** The parts of a target's URL. */
export interface TargetUrl {
  readonly endpoint: Endpoint;
  /** `host:port`, `[::1]:6379` or `unix:///path`: never with credentials. */
  readonly address: string;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const DEFAULT_PORT = 6379;
const ENCODE =
  "percent-encode it, put it in from an environment variable, or use the key password or passwordFile";

/** Parses `redis://`, `rediss://` and `unix://` URLs. The problems never repeat any of the text, which may hold a password. */
export function parseTargetUrl(text: string): Parsed<TargetUrl> {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text);
  if (parts === null) return { problem: withoutScheme(text) };
  const scheme = parts[1]?.toLowerCase();
  const rest = parts[2] ?? "";
  if (scheme === "unix") return parseUnix(rest);
  if (scheme === "redis" || scheme === "rediss") return parseNetwork(rest, scheme === "rediss");
  return {
    problem: "expected a URL that starts with redis://, rediss:// (TLS) or unix:// (also for Valkey)",
  };
}

function withoutScheme(text: string): string {
  const example = "expected a URL such as redis://10.0.0.1:6379";
  if (text.startsWith("/")) return `${example}: write unix:// before the path of a socket`;
  if (/^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(text))
    return `${example}: write redis:// before host and port`;
  return example;
}

function parseUnix(path: string): Parsed<TargetUrl> {
  if (!path.startsWith("/") || path.length < 2) {
    return {
      problem:
        "expected an absolute path, with three slashes: unix:///run/redis.sock (credentials by the keys username and password)",
    };
  }
  return {
    value: {
      endpoint: { path },
      address: `unix://${path}`,
      tls: false,
      username: undefined,
      password: undefined,
    },
  };
}

function parseNetwork(rest: string, tls: boolean): Parsed<TargetUrl> {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const tail = rest.slice(authority.length);
  if (tail.includes("@")) return { problem: `a password with / ? or # breaks the URL: ${ENCODE}` };
  if (!/^\/?0?$/.test(tail)) {
    return {
      problem:
        "expected nothing after host and port (every database of a server is watched; there are no parameters)",
    };
  }
  const at = authority.lastIndexOf("@");
  const credentials = parseCredentials(at < 0 ? "" : authority.slice(0, at));
  if ("problem" in credentials) return credentials;
  const endpoint = parseHostPort(authority.slice(at + 1));
  if ("problem" in endpoint) return endpoint;
  const { host, port } = endpoint.value;
  return {
    value: { endpoint: { host, port }, address: formatHostPort(host, port), tls, ...credentials.value },
  };
}

function parseCredentials(userPart: string): Parsed<Pick<TargetUrl, "username" | "password">> {
  const colon = userPart.indexOf(":");
  const username = colon < 0 ? userPart : userPart.slice(0, colon);
  const password = colon < 0 ? "" : userPart.slice(colon + 1);
  try {
    return {
      value: {
        username: decodeURIComponent(username) || undefined,
        password: decodeURIComponent(password) || undefined,
      },
    };
  } catch {
    return { problem: `the user part has a % that is not percent-encoding: ${ENCODE}` };
  }
}

function parseHostPort(text: string): Parsed<{ host: string; port: number }> {
  const parts = /^(\[[^\][]*\]|[^:\][]*)(?::(\d*))?$/.exec(text);
  if (parts === null) {
    return {
      problem: "expected host and port after the user part, an IPv6 address in brackets: redis://[::1]:6379",
    };
  }
  const host = parseHost(parts[1] ?? "");
  if (host === undefined) return { problem: "expected a host name or an IP address" };
  const port = parts[2] ? Number(parts[2]) : DEFAULT_PORT;
  if (port < 1 || port > 65_535) return { problem: "expected a port from 1 to 65535" };
  return { value: { host, port } };
}

/** A host as written in a URL, without brackets and in lower case; `undefined` if it is none. */
export function parseHost(text: string): string | undefined {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed.toLowerCase() : undefined;
  if (isIPv4(text)) return text;
  const name = text.toLowerCase();
  // All digits and dots, but no IPv4 address: a typing error, not a name.
  if (/^[\d.]+$/.test(name)) return undefined;
  return /^(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/.test(name) && name.length <= 253
    ? name
    : undefined;
}

/** `host:port`, an IPv6 address in brackets. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
