import { isLoopback, parseListen } from "./http.ts";
import { nearest } from "./nearest.ts";
import { type Problem, quote } from "./problem.ts";
import { receiverProblems } from "./receiver-checks.ts";
import type { ProcessRole } from "./resolve.ts";
import { ruleProblems } from "./rule-checks.ts";
import type { FileConfig } from "./schema.ts";
import { type Draft, valueAt } from "./schema-walk.ts";
import { parseTargetUrl } from "./target-url.ts";
import type { Tree } from "./yaml-tree.ts";

type FileDraft = Draft<FileConfig>;

/**
 * What no single value can show: values that do not go together. Works on what could be read of a config, and looks
 * into the `input` only for whether something stands there at all.
 */
export function crossCheck(draft: FileDraft, input: Tree): Problem[] {
  return [
    ...(draft.targets ?? []).flatMap((target, index) =>
      target ? targetProblems(target, `targets[${index}]`) : [],
    ),
    ...repeated(
      addressesOf(draft),
      (index) => `targets[${index}].url`,
      "another target has the same address",
    ),
    ...kubernetesProblems(draft),
    ...paneProblems(draft),
    ...windowProblems(draft),
    ...redactProblems(draft, input),
    ...httpProblems(draft, input),
    ...kafkaProblems(draft, input),
    ...(draft.rules ?? []).flatMap((rule, index) =>
      rule ? ruleProblems(rule, valueAt(input, ["rules", index]), `rules[${index}]`) : [],
    ),
    ...repeated(
      (draft.rules ?? []).map((rule) => rule?.name),
      (index) => `rules[${index}].name`,
      "another rule has the same name",
    ),
    ...(draft.receivers ?? []).flatMap((receiver, index) =>
      receiver ? receiverProblems(receiver, valueAt(input, ["receivers", index]), `receivers[${index}]`) : [],
    ),
    ...repeated(
      (draft.receivers ?? []).map((receiver) => receiver?.name),
      (index) => `receivers[${index}].name`,
      "another receiver has the same name",
    ),
    ...routeProblems(draft),
  ];
}

/** What a process of this sort cannot do without. */
export function roleProblems(input: Tree, role: ProcessRole = "standalone"): Problem[] {
  if (role === "standalone" || valueAt(input, ["kafka", "brokers"]) !== undefined) return [];
  const what = role === "agent" ? "an agent publishes to" : "an aggregator reads from";
  return [
    {
      path: "kafka.brokers",
      message: `is missing: ${what} Kafka (brokers: ["kafka-1.example:9092"]); without Kafka, use keyheat standalone`,
    },
  ];
}

type Item<List extends keyof FileConfig> = NonNullable<
  NonNullable<FileDraft[List]> extends readonly (infer I)[] ? I : never
>;

function repeated(
  values: readonly (string | undefined)[],
  pathOf: (index: number) => string,
  message: string,
): Problem[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (value === undefined) return [];
    if (seen.has(value)) return [{ path: pathOf(index), message }];
    seen.add(value);
    return [];
  });
}

function addressesOf(draft: FileDraft): (string | undefined)[] {
  return (draft.targets ?? []).map((target) => {
    const parsed = target?.url === undefined ? undefined : parseTargetUrl(target.url);
    return parsed !== undefined && "value" in parsed ? parsed.value.address : undefined;
  });
}

type Credentials = Pick<Item<"targets">, "password" | "passwordFile" | "tls">;

function credentialProblems({ password, passwordFile, tls }: Credentials, path: string): Problem[] {
  const problems: Problem[] = [];
  if (password !== undefined && passwordFile !== undefined) {
    problems.push({ path: `${path}.passwordFile`, message: "password and passwordFile exclude each other" });
  }
  if (tls && (tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    problems.push({ path: `${path}.tls`, message: "certFile and keyFile belong together" });
  }
  return problems;
}

function kubernetesProblems({ discovery }: FileDraft): Problem[] {
  const kubernetes = discovery?.kubernetes;
  if (kubernetes === undefined) return [];
  const path = "discovery.kubernetes";
  const { username, password, passwordFile, namespaces } = kubernetes;
  const problems = credentialProblems(kubernetes, path);
  if (username !== undefined && password === undefined && passwordFile === undefined) {
    problems.push({
      path: `${path}.username`,
      message: "a user needs a password (password or passwordFile)",
    });
  }
  const pathOf = (index: number) => `${path}.namespaces[${index}]`;
  return [...problems, ...repeated(namespaces ?? [], pathOf, "the namespace stands here twice")];
}

function targetProblems(target: Item<"targets">, path: string): Problem[] {
  const { url, username, password, passwordFile, tls } = target;
  const problems = credentialProblems(target, path);
  const parsed = url === undefined ? undefined : parseTargetUrl(url);
  if (parsed === undefined || "problem" in parsed) return problems;
  const inUrl = parsed.value;
  const hasPassword = password !== undefined || passwordFile !== undefined;
  if (inUrl.username !== undefined && username !== undefined) {
    problems.push({ path: `${path}.username`, message: "the URL has a user already" });
  }
  if (inUrl.password !== undefined && hasPassword) {
    const key = password === undefined ? "passwordFile" : "password";
    problems.push({ path: `${path}.${key}`, message: "the URL has a password already" });
  }
  if ((username ?? inUrl.username) !== undefined && !hasPassword && inUrl.password === undefined) {
    const key = username === undefined ? "url" : "username";
    problems.push({
      path: `${path}.${key}`,
      message: "a user needs a password (in the URL, password or passwordFile)",
    });
  }
  if (tls !== undefined && !inUrl.tls) {
    problems.push({ path: `${path}.tls`, message: "needs a URL that starts with rediss://" });
  }
  return problems;
}

function paneProblems({ panes }: FileDraft): Problem[] {
  if (panes?.publish === undefined || panes.keys === undefined || panes.publish <= panes.keys) return [];
  return [
    { path: "panes.publish", message: `expected at most panes.keys (${panes.keys}), got ${panes.publish}` },
  ];
}

function windowProblems({ panes, windows, rules }: FileDraft): Problem[] {
  const lengthMs = panes?.length;
  if (lengthMs === undefined) return [];
  const named = [
    ...(windows ?? []).map((windowMs, index) => ({ path: `windows[${index}]`, windowMs })),
    ...(rules ?? []).map((rule, index) => ({ path: `rules[${index}].window`, windowMs: rule?.window })),
  ];
  const problems = named.flatMap(({ path, windowMs }) =>
    windowMs === undefined || windowMs % lengthMs === 0
      ? []
      : [{ path, message: `expected a multiple of panes.length (${lengthMs}ms), got ${windowMs}ms` }],
  );
  const texts = (windows ?? []).map((windowMs) => windowMs?.toString());
  return [...problems, ...repeated(texts, (index) => `windows[${index}]`, "the window stands here twice")];
}

function redactProblems({ redact }: FileDraft, input: Tree): Problem[] {
  const mode = redact?.mode;
  if (mode === undefined || mode === "none") return [];
  // A `keyFile` that stands there but is wrong is a problem of its own.
  if (valueAt(input, ["redact", "keyFile"]) !== undefined) return [];
  return [{ path: "redact.keyFile", message: `is missing: mode ${mode} needs a secret for its identities` }];
}

function httpProblems({ http }: FileDraft, input: Tree): Problem[] {
  const parsed = http?.listen === undefined ? undefined : parseListen(http.listen);
  if (http === undefined || parsed === undefined || "problem" in parsed) return [];
  const { host } = parsed.value;
  // An `auth` that stands there but is wrong is a problem of its own.
  if (isLoopback(host) || valueAt(input, ["http", "auth"]) !== undefined) return [];
  return [
    {
      path: "http.auth",
      message: `is missing: listening beyond loopback needs a token (auth: { tokenFile: ... })`,
    },
  ];
}

function kafkaProblems({ kafka }: FileDraft, input: Tree): Problem[] {
  const problems: Problem[] = [];
  const { brokers, replication, ssl, sasl } = kafka ?? {};
  if (replication === 0) {
    problems.push({
      path: "kafka.replication",
      message: "expected -1 (the brokers' default) or at least 1, got 0",
    });
  }
  if (ssl && (ssl.certFile === undefined) !== (ssl.keyFile === undefined)) {
    problems.push({ path: "kafka.ssl", message: "certFile and keyFile belong together" });
  }
  if (sasl?.password !== undefined && sasl.passwordFile !== undefined) {
    problems.push({
      path: "kafka.sasl.passwordFile",
      message: "password and passwordFile exclude each other",
    });
  }
  // A password that stands there but is wrong is a problem of its own.
  const hasPassword = ["password", "passwordFile"].some(
    (key) => valueAt(input, ["kafka", "sasl", key]) !== undefined,
  );
  if (sasl !== undefined && !hasPassword) {
    problems.push({ path: "kafka.sasl", message: "a user needs a password (password or passwordFile)" });
  }
  return [
    ...problems,
    ...repeated(brokers ?? [], (index) => `kafka.brokers[${index}]`, "the broker stands here twice"),
  ];
}

function routeProblems({ routes, receivers }: FileDraft): Problem[] {
  // Where the list itself could not be read, every name would seem unknown.
  if (receivers === undefined || receivers.some((receiver) => receiver?.name === undefined)) return [];
  const known = receivers.flatMap((receiver) => receiver?.name ?? []);
  return (routes ?? []).flatMap((route, routeIndex) =>
    (route?.receivers ?? []).flatMap((name, index) => {
      if (name === undefined || known.includes(name)) return [];
      const meant = nearest(name, known);
      const hint =
        meant === undefined
          ? `; there are: ${known.join(", ") || "none"}`
          : `, did you mean ${quote(meant)}?`;
      // Not with the name: it may have come from the environment.
      return [
        { path: `routes[${routeIndex}].receivers[${index}]`, message: `no receiver has this name${hint}` },
      ];
    }),
  );
}
