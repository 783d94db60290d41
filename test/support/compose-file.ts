import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly mem_limit?: string;
  readonly privileged?: boolean;
}

/** `source:target[:mode]` of a service, without `./` before the source. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly mode: string;
  /** Whether the source is a file or folder of this repository, not a volume. */
  readonly isBind: boolean;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** compose.yaml, its anchors resolved. */
export function composeFile(): ComposeFile {
  return parse(readFileSync(join(ROOT, "compose.yaml"), "utf8"), { merge: true });
}

export function mountsOf({ volumes = [] }: ComposeService): Mount[] {
  return volumes.map((volume) => {
    const [source = "", target = "", mode = "rw"] = volume.split(":");
    return { source: source.replace(/^\.\//, ""), target, mode, isBind: source.startsWith("./") };
  });
}

/** The text of a file as a container has it at `target`, with the paths in it turned into those of this repository. */
export function mountedText(service: ComposeService, target: string): string {
  const mounts = mountsOf(service).filter(({ isBind }) => isBind);
  const found = mounts.find((mount) => mount.target === target);
  if (found === undefined) throw new Error(`nothing is mounted at ${target}`);
  const text = readFileSync(join(ROOT, found.source), "utf8");
  return mounts.reduce((all, mount) => all.replaceAll(mount.target, join(ROOT, mount.source)), text);
}
