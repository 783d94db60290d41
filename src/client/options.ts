import type { AgentAddress } from "./agent-connection.ts";
import {
  type MitigateOptions,
  type MitigateSettings,
  mitigateSettings,
} from "./mitigation/mitigate-options.ts";

/** What the agent takes as a service's name. */
const SERVICE_CHARACTERS_MAX = 128;
const SAMPLE_RATE_MIN = 2 ** -10;
const KNOWN = ["service", "agent", "sampleRate", "mitigate"];

export interface ObserveOptions {
  /** Name of the app, as alerts are to show it. */
  readonly service: string;
  /** Base URL of the agent, such as `http://127.0.0.1:9379`, with a token where it wants one. Left out: none. */
  readonly agent?: string | URL | AgentOptions | undefined;
  /**
   * With which probability a command is counted, in [1/1024, 1], rounded up to a power of two. Left out: all while there
   * are fewer than about 5,000 a second, else half, a quarter, an eighth of them, as the load allows.
   */
  readonly sampleRate?: number | undefined;
  /**
   * Answers `get` and `getBuffer` of leased keys from memory, as a `LocalCache` does, while the agent leases them: keys
   * that are read so much that their server suffers. Needs `agent`. Default off.
   *
   * Consistency: what this client writes is seen by its own later reads. What others write is seen as soon as the server
   * tells of it (ioredis), and in any case within `ttlMs` * 1.2: by default 1.2 s, and 0.6 s with node-redis.
   */
  readonly mitigate?: boolean | MitigateOptions | undefined;
}

export interface AgentOptions {
  readonly url: string | URL;
  readonly token?: string | undefined;
}

export interface CheckedOptions {
  readonly service: string;
  readonly agent: AgentAddress | null;
  readonly sampleRate: number | null;
  readonly mitigate: MitigateSettings | null;
}

/** Throws: TypeError or RangeError that names the option. */
export function checkedOptions(options: unknown): CheckedOptions {
  if (typeof options !== "object" || options === null) throw new TypeError("options: expected { service }");
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) throw new TypeError(`${name}: no such option; there are ${KNOWN.join(", ")}`);
  }
  const { service, agent, sampleRate, mitigate } = options as Record<string, unknown>;
  return {
    service: checkedService(service),
    agent: agent === undefined ? null : checkedAgent(agent),
    sampleRate: sampleRate === undefined ? null : checkedRate(sampleRate),
    mitigate: mitigateSettings(mitigate, agent !== undefined),
  };
}

function checkedService(service: unknown): string {
  if (typeof service !== "string") throw new TypeError("service: expected a name");
  if (service === "" || service.length > SERVICE_CHARACTERS_MAX || /\p{Cc}/u.test(service.toWellFormed())) {
    throw new RangeError(
      `service: expected 1 to ${SERVICE_CHARACTERS_MAX} characters, none a control character`,
    );
  }
  return service.toWellFormed();
}

/** Throws: TypeError where it is no base URL, nor `{ url, token }`. */
export function checkedAgent(agent: unknown): AgentAddress {
  if (typeof agent === "string" || agent instanceof URL)
    return { url: checkedUrl(agent, "agent"), token: null };
  if (typeof agent !== "object" || agent === null) {
    throw new TypeError("agent: expected a URL such as http://127.0.0.1:9379, or { url, token }");
  }
  const { url, token } = agent as Record<string, unknown>;
  return { url: checkedUrl(url, "agent.url"), token: token === undefined ? null : checkedToken(token) };
}

function checkedUrl(url: unknown, path: string): URL {
  const parsed = typeof url === "string" || url instanceof URL ? URL.parse(String(url)) : null;
  if (parsed === null) throw new TypeError(`${path}: expected a URL such as http://127.0.0.1:9379`);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new TypeError(`${path}: expected http or https, got ${parsed.protocol}`);
  }
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "") {
    throw new TypeError(`${path}: expected a base URL alone; a token goes into agent.token`);
  }
  return parsed;
}

/** What a header can hold. */
function checkedToken(token: unknown): string {
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new TypeError("agent.token: expected printable ASCII without spaces");
}

function checkedRate(rate: unknown): number {
  if (typeof rate !== "number") throw new TypeError("sampleRate: expected a number");
  if (!(rate >= SAMPLE_RATE_MIN && rate <= 1)) {
    throw new RangeError(`sampleRate: expected a number from 1/${1 / SAMPLE_RATE_MIN} to 1, got ${rate}`);
  }
  return 2 ** Math.ceil(Math.log2(rate));
}
