import type { z } from "zod";
import { choice, count, file, list, name, secret, section, text } from "./scalars.ts";
import { parseTargetUrl } from "./target-url.ts";
import { tlsSection } from "./tls.ts";

const tls = tlsSection(
  "Host name that the server's certificate must carry, where it is not the one in the URL.",
);

/** Who Keyheat is to a server. `elsewhere`: where that may stand instead. */
function credentials(elsewhere = "") {
  return {
    username: text({ max: 512 }).optional().describe(`ACL user${elsewhere}.`),
    password: secret().optional().describe(`Password${elsewhere}; best from an environment variable.`),
    passwordFile: file()
      .optional()
      .describe("File that holds the password, in place of `password`; a trailing newline is left off."),
  };
}

const target = section({
  url: text({
    what: "a URL such as redis://10.0.0.1:6379",
    type: "URL (secret)",
    bounds: "`redis://`, `rediss://` (TLS) or `unix:///path`",
    max: 8192,
    secret: true,
    parse: parseTargetUrl,
  }).describe(
    "Where the server listens: `redis://host:port`, `rediss://user:password@host:port`, `redis://[::1]:6379`, `unix:///run/redis.sock`. The port is 6379 unless given. All databases of the server are watched.",
  ),
  cluster: name()
    .optional()
    .describe("The logical keyspace this server belongs to, where it is not the top level's `cluster`."),
  ...credentials(", where it is not in the URL"),
  tls: tls.optional().describe("Details of TLS, for a `rediss://` URL."),
});

export const targets = list(target, { max: 1000 })
  .prefault([{ url: "redis://127.0.0.1:6379" }])
  .describe(
    "The Redis and Valkey servers to watch, one entry a process. With `discovery.kubernetes` the default is none.",
  );

const LABEL_SELECTOR_EXAMPLE = "app.kubernetes.io/name=redis";

/** Names of Kubernetes: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Keys of labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

const kubernetes = section({
  labelSelector: text({ what: `a label selector such as ${LABEL_SELECTOR_EXAMPLE}`, max: 4096 }).describe(
    `Which pods are servers, as \`kubectl get pods --selector\` takes it: \`${LABEL_SELECTOR_EXAMPLE}\`, \`app in (redis, valkey)\`.`,
  ),
  port: count({ min: 1, max: 65_535 }).prefault(6379).describe("Port of the server in each of them."),
  namespaces: list(text({ what: "the name of a namespace", type: "name", max: 63, pattern: NAMESPACE }), {
    min: 1,
    max: 100,
  })
    .optional()
    .describe("Namespaces to look in. Unless given, that of Keyheat's own pod."),
  clusterLabel: text({ what: "the key of a label", max: 317, pattern: LABEL_KEY })
    .optional()
    .describe(
      "Label whose value is the name of the pod's cluster, such as `app.kubernetes.io/instance`. Pods without it, and all where none is given, belong to the top level's `cluster`.",
    ),
  ...credentials(),
  tls: tlsSection(
    "Host name that the servers' certificates must carry; they are reached by the pods' addresses.",
  )
    .optional()
    .describe("Use TLS; `{}` trusts the system's authorities."),
});

export const discovery = section({
  observe: choice(["all", "local", "listed"])
    .optional()
    .describe(
      "Which servers this process watches: `all` members of the targets' clusters, those on its own host (`local`), or only those under `targets` (`listed`). Unless given, `keyheat standalone` watches all, and an agent those on its own host. See [discovery](discovery.md).",
    ),
  kubernetes: kubernetes
    .optional()
    .describe(
      "Pods as targets, found by their labels and followed while they come and go: with `local` those of the own node (`NODE_NAME` in the environment), else all. See [discovery](discovery.md#pods-of-kubernetes).",
    ),
})
  .prefault({})
  .describe(
    "Which servers are found and watched beyond those listed: the targets are seeds, which say who else belongs to their cluster.",
  );

export type FileTarget = z.output<typeof target>;
export type FileKubernetes = z.output<typeof kubernetes>;
