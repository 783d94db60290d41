import { isIPv4 } from "node:net";
import { file, list, type Parsed, section, text } from "./scalars.ts";
import { parseHost } from "./target-url.ts";

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Parses `127.0.0.1:9380`, `[::1]:9380`, `localhost:0` (any free port). */
export function parseListen(text: string): Parsed<Listen> {
  const problem = "expected an address and a port such as 127.0.0.1:9380 or [::1]:9380";
  const [, host = "", port = ""] = /^(\[[^\][]*\]|[^:\][]+):(\d{1,5})$/.exec(text) ?? [];
  const known = parseHost(host);
  return known === undefined || port === "" || Number(port) > 65_535
    ? { problem }
    : { value: { host: known, port: Number(port) } };
}

/** Whether only this machine can reach a server that listens on `host`. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  const mapped = /^::ffff:([\d.]+)$/.exec(host)?.[1] ?? host;
  return isIPv4(mapped) && mapped.startsWith("127.");
}

/** Parses an `http:` or `https:` URL without credentials; the problems do not repeat it. */
export function parseHttpUrl(text: string): Parsed<URL> {
  const problem = "expected a URL such as https://example.org/path";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return { problem };
  const url = new URL(text);
  return url.username === "" && url.password === ""
    ? { value: url }
    : { problem: `${problem}, without user and password` };
}

function parseExternalUrl(text: string): Parsed<URL> {
  const parsed = parseHttpUrl(text);
  if ("problem" in parsed) return parsed;
  const { search, hash } = parsed.value;
  return search === "" && hash === "" ? parsed : { problem: "expected a URL without ? and #" };
}

function parseHostName(text: string): Parsed<string> {
  const host = parseHost(text);
  return host === undefined ? { problem: "expected a host name without scheme and port" } : { value: host };
}

const auth = section({
  tokenFile: file().describe("File that holds the bearer token; a trailing newline is left off."),
});

const tls = section({
  certFile: file().describe("Certificate (PEM), with its chain."),
  keyFile: file().describe("Private key (PEM)."),
});

export const http = section({
  listen: text({
    what: "an address and a port such as 127.0.0.1:9380",
    type: "address:port",
    max: 300,
    parse: parseListen,
  })
    .optional()
    .describe(
      "Where the API and `/metrics` are served; unless given, at 127.0.0.1:9380, by an agent at 127.0.0.1:9379. Beyond loopback, `auth` must be set. Port 0: any free one.",
    ),
  auth: auth.optional().describe("What callers must present; `/healthz` and `/readyz` stay open."),
  externalUrl: text({ type: "URL", parse: parseExternalUrl })
    .optional()
    .describe("Where people reach this server, for links in alerts; its host is allowed as `Host`."),
  hosts: list(text({ what: "a host name", max: 255, parse: parseHostName }), { max: 100 })
    .prefault([])
    .describe("More names that the `Host` header may carry; IP addresses and `localhost` always may."),
  tls: tls.optional().describe("Serve HTTPS."),
})
  .prefault({})
  .describe("The HTTP server.");
