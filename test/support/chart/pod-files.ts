import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ProcessRole } from "../../../src/config/load.ts";
import { makeCertificates } from "../certificates.ts";
import type { Container, Manifest, PodSpec, Volume } from "./manifest.ts";

/** What its container would run, with files of this machine in place of those of the pod. */
export interface PodProcess {
  readonly args: readonly string[];
  /** The container's own variables alone. */
  readonly env: Readonly<Record<string, string>>;
  readonly configFile: string;
  /** As what its command reads the config. */
  readonly role: ProcessRole;
}

/** What the kubelet says by `fieldRef`. */
const OF_THE_POD: Readonly<Record<string, string>> = {
  "spec.nodeName": "node-1",
  "metadata.name": "keyheat-0",
  "status.podIP": "10.1.2.3",
};
/** What is in every Secret, but for certificates. */
export const TOKEN = "a-token-of-the-test";
const ETC = /\/etc\/keyheat/g;
const DATA = /\/var\/lib\/keyheat/g;

/**
 * Puts the pod's files below `root`, as its volumes say: its ConfigMap, and Secrets with contents made up.
 *
 * `environment`: what Secrets that become variables hold, by their names; a password where nothing is said.
 */
export function podProcess(
  pod: PodSpec,
  manifests: readonly Manifest[],
  { root, environment = {} }: { readonly root: string; readonly environment?: Environments },
): PodProcess {
  const [container] = pod.containers;
  if (container === undefined) throw new Error("the pod has no container");
  const contentOf = contents(root);
  const local = (text: string) => text.replace(ETC, join(root, "etc")).replace(DATA, join(root, "data"));
  const write = (path: string, key: string) => {
    mkdirSync(dirname(path), { recursive: true });
    const file = contentOf(key);
    if (file === null) writeFileSync(path, `${TOKEN}\n`);
    else copyFileSync(file, path);
  };
  for (const [volume, mountPath] of mountedVolumes(pod, container)) {
    for (const { path, key } of secretFiles(volume)) write(join(local(mountPath), path), key);
    for (const [path, text] of configFiles(volume, manifests)) {
      mkdirSync(local(mountPath), { recursive: true });
      writeFileSync(join(local(mountPath), path), local(text));
    }
  }
  const args = container.args.map(local);
  const role = args[0] === "topics" ? "standalone" : (args[0] as ProcessRole);
  const env = environmentOf(container, environment);
  return { args, env, configFile: join(root, "etc", "keyheat.yaml"), role };
}

/** The file to copy for a key of a Secret; `null`: it is a secret word. */
function contents(root: string): (key: string) => string | null {
  let made: ReturnType<typeof makeCertificates> | undefined;
  return (key) => {
    if (!/\.(crt|key)$/.test(key)) return null;
    made ??= makeCertificates(root);
    if (key.endsWith(".key")) return made.key;
    return key === "ca.crt" ? made.ca : made.cert;
  };
}

export type Environments = Readonly<Record<string, Readonly<Record<string, string>>>>;

function mountedVolumes({ volumes = [] }: PodSpec, { volumeMounts = [] }: Container): [Volume, string][] {
  return volumeMounts.flatMap(({ name, mountPath }) => {
    const volume = volumes.find((one) => one.name === name);
    return volume === undefined ? [] : [[volume, mountPath] as [Volume, string]];
  });
}

function secretFiles({ projected, secret }: Volume): { readonly path: string; readonly key: string }[] {
  // Of a whole Secret the test knows no keys: those of a certificate are meant.
  const whole = secret === undefined ? [] : ["tls.crt", "tls.key"].map((key) => ({ path: key, key }));
  return [...(projected?.sources ?? []).flatMap((source) => source.secret?.items ?? []), ...whole];
}

function configFiles({ projected }: Volume, manifests: readonly Manifest[]): [string, string][] {
  return (projected?.sources ?? []).flatMap(({ configMap }) => {
    const map = manifests.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap?.name,
    );
    return Object.entries(map?.data ?? {});
  });
}

function environmentOf(
  { env = [], envFrom = [] }: Container,
  environments: Environments,
): Record<string, string> {
  const single = env.map(({ name, valueFrom }) => {
    const field = valueFrom?.fieldRef?.fieldPath;
    const { name: secret = "", key = "" } = valueFrom?.secretKeyRef ?? {};
    return [
      name,
      field === undefined ? (environments[secret]?.[key] ?? "p@ss/w#rd") : OF_THE_POD[field],
    ] as const;
  });
  const whole = envFrom.flatMap(({ secretRef }) => Object.entries(environments[secretRef?.name ?? ""] ?? {}));
  return Object.fromEntries(
    [...whole, ...single].filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
