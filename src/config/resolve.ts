import { type Listen, parseListen } from "./http.ts";
import { resolveReceiver } from "./receivers.ts";
import { type Rule, resolveRule } from "./rules.ts";
import type { Parsed } from "./scalars.ts";
import type {
  Access,
  Config,
  FileConfig,
  KafkaConfig,
  Redact,
  Route,
  TargetConfig,
  TargetTls,
} from "./schema.ts";
import { formatHostPort, parseTargetUrl, type TargetUrl } from "./target-url.ts";
import type { FileTarget } from "./targets.ts";

/** What a config is for: some defaults depend on it. */
export type ProcessRole = "standalone" | "agent" | "aggregator";

/** Builds the config from a file without problems and the contents of the files it names. */
export function resolveConfig(
  file: FileConfig,
  contents: ReadonlyMap<string, string>,
  role: ProcessRole = "standalone",
): Config {
  const receivers = file.receivers.map((receiver, index) =>
    resolveReceiver(receiver, (key) => contents.get(`receivers[${index}].${key}`)),
  );
  const rules = file.rules.map(resolveRule);
  return {
    ...file,
    targets: file.targets.map((target, index) =>
      resolveTarget(target, file.cluster, `targets[${index}]`, contents),
    ),
    discovery: resolveDiscovery(file, contents),
    redact: resolveRedact(file.redact, contents),
    http: resolveHttp(file.http, contents, role),
    kafka: resolveKafka(file.kafka, contents),
    rules,
    windows: [...new Set([...file.windows, ...rules.flatMap(windowsOf)])].sort((a, b) => a - b),
    receivers,
    routes: file.routes ?? everythingTo(receivers.map(({ name }) => name)),
  };
}

function windowsOf({ type, window }: Rule): number[] {
  return type === "blind" || type === "skew" ? [] : [window];
}

/** An agent and an aggregator may share a host. */
const DEFAULT_LISTEN: Readonly<Record<ProcessRole, string>> = {
  standalone: "127.0.0.1:9380",
  aggregator: "127.0.0.1:9380",
  agent: "127.0.0.1:9379",
};

function checked<T>(parsed: Parsed<T>): T {
  if ("problem" in parsed) throw new Error(`a checked value does not parse: ${parsed.problem}`);
  return parsed.value;
}

/** The default routes. */
function everythingTo(receivers: string[]): Route[] {
  if (receivers.length === 0) return [];
  return [{ match: {}, receivers, groupWait: 100, groupInterval: 30_000, burst: 5 }];
}

function resolveTarget(
  target: FileTarget,
  cluster: string,
  path: string,
  contents: ReadonlyMap<string, string>,
): TargetConfig {
  const parsed = checked(parseTargetUrl(target.url));
  const username = target.username ?? parsed.username;
  const password = target.password ?? contents.get(`${path}.passwordFile`) ?? parsed.password;
  return {
    url: canonicalUrl(parsed, username, password),
    endpoint: parsed.endpoint,
    address: parsed.address,
    cluster: target.cluster ?? cluster,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(parsed.tls ? { tls: resolveTls(target.tls?.servername, `${path}.tls`, contents) } : {}),
  };
}

/** A server that was found, with the credentials and the TLS settings of what it was found through. */
export function targetFoundAt(
  { username, password, tls }: Access,
  host: string,
  port: number,
  cluster: string,
): TargetConfig {
  const address = formatHostPort(host, port);
  const place = { endpoint: { host, port }, address, tls: tls !== undefined, username, password };
  return {
    url: canonicalUrl(place, username, password),
    endpoint: place.endpoint,
    address,
    cluster,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function resolveDiscovery(
  { discovery: { observe, kubernetes }, cluster }: FileConfig,
  contents: ReadonlyMap<string, string>,
): Config["discovery"] {
  const observed = observe === undefined ? {} : { observe };
  if (kubernetes === undefined) return observed;
  const path = "discovery.kubernetes";
  const { passwordFile, password = contents.get(`${path}.passwordFile`), tls, ...rest } = kubernetes;
  return {
    ...observed,
    kubernetes: {
      ...rest,
      cluster,
      password,
      tls: tls && resolveTls(tls.servername, `${path}.tls`, contents),
    },
  };
}

function resolveTls(
  servername: string | undefined,
  path: string,
  contents: ReadonlyMap<string, string>,
): TargetTls {
  const ca = contents.get(`${path}.caFile`);
  const cert = contents.get(`${path}.certFile`);
  const key = contents.get(`${path}.keyFile`);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function canonicalUrl({ endpoint, tls }: TargetUrl, username = "", password = ""): string {
  if ("path" in endpoint) return `unix://${endpoint.path}`;
  const user = password === "" ? "" : `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`;
  return `${tls ? "rediss" : "redis"}://${user}${formatHostPort(endpoint.host, endpoint.port)}`;
}

function resolveRedact({ mode }: FileConfig["redact"], contents: ReadonlyMap<string, string>): Redact {
  if (mode === "none") return { mode };
  const secret = contents.get("redact.keyFile");
  if (secret === undefined) throw new Error("a checked config lacks redact.keyFile");
  return { mode, secret };
}

function resolveHttp(
  http: FileConfig["http"],
  contents: ReadonlyMap<string, string>,
  role: ProcessRole,
): Config["http"] {
  const listen: Listen = checked(parseListen(http.listen ?? DEFAULT_LISTEN[role]));
  const token = contents.get("http.auth.tokenFile");
  const cert = contents.get("http.tls.certFile");
  const key = contents.get("http.tls.keyFile");
  return {
    listen,
    hosts: http.hosts.map((host) => host.toLowerCase()),
    ...(token === undefined ? {} : { auth: { token } }),
    ...(http.externalUrl === undefined ? {} : { externalUrl: http.externalUrl.replace(/\/+$/, "") }),
    ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
  };
}

function resolveKafka(
  { brokers, ssl, sasl, ...kafka }: FileConfig["kafka"],
  contents: ReadonlyMap<string, string>,
): KafkaConfig {
  const password = sasl?.password ?? contents.get("kafka.sasl.passwordFile");
  return {
    ...kafka,
    ...(brokers === undefined ? {} : { brokers }),
    ...(ssl === undefined ? {} : { ssl: resolveTls(ssl.servername, "kafka.ssl", contents) }),
    ...(sasl === undefined || password === undefined
      ? {}
      : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password } }),
  };
}
