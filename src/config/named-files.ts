import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { Problem } from "./problem.ts";
import { urlFileProblems } from "./receiver-checks.ts";
import { REDACT_SECRET_BYTES_MIN } from "./redact.ts";
import type { FileConfig } from "./schema.ts";
import type { Draft } from "./schema-walk.ts";

const FILE_BYTES_MAX = 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is not a directory",
};

/** Contents of the files that a config names, by the path of the key that names them (`http.auth.tokenFile`). */
export interface NamedFiles {
  readonly contents: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** Reads every file that the config names; relative paths start from `folder`. Messages show no path: it may be a secret put in the wrong place. */
export function readNamedFiles(draft: Draft<FileConfig>, folder: string): NamedFiles {
  const contents = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { path, file, oneLine } of namedFiles(draft)) {
    try {
      const whole = readBounded(resolve(folder, file));
      const content = oneLine ? whole.replace(/\r?\n$/, "") : whole;
      if (content === "") problems.push({ path, message: "the file is empty" });
      else if (oneLine && /[\r\n\0]/.test(content))
        problems.push({ path, message: "the file has more than one line" });
      else contents.set(path, content);
    } catch (error) {
      problems.push({ path, message: `the file cannot be read: ${reasonOf(error)}` });
    }
  }
  problems.push(
    ...redactProblems(contents),
    ...tlsProblems(draft, contents),
    ...urlFileProblems(draft.receivers ?? [], contents),
  );
  return { contents, problems };
}

interface NamedFile {
  readonly path: string;
  readonly file: string;
  /** A password or token; else PEM. */
  readonly oneLine: boolean;
}

function namedFiles(draft: Draft<FileConfig>): NamedFile[] {
  const found: NamedFile[] = [];
  const add = (path: string, file: string | undefined, oneLine: boolean) => {
    if (file !== undefined) found.push({ path, file, oneLine });
  };
  for (const { path, target } of namedTargets(draft)) {
    add(`${path}.passwordFile`, target?.passwordFile, true);
    add(`${path}.tls.caFile`, target?.tls?.caFile, false);
    add(`${path}.tls.certFile`, target?.tls?.certFile, false);
    add(`${path}.tls.keyFile`, target?.tls?.keyFile, false);
  }
  add("redact.keyFile", draft.redact?.keyFile, true);
  add("http.auth.tokenFile", draft.http?.auth?.tokenFile, true);
  add("http.tls.certFile", draft.http?.tls?.certFile, false);
  add("http.tls.keyFile", draft.http?.tls?.keyFile, false);
  add("kafka.ssl.caFile", draft.kafka?.ssl?.caFile, false);
  add("kafka.ssl.certFile", draft.kafka?.ssl?.certFile, false);
  add("kafka.ssl.keyFile", draft.kafka?.ssl?.keyFile, false);
  add("kafka.sasl.passwordFile", draft.kafka?.sasl?.passwordFile, true);
  draft.receivers?.forEach((receiver, index) => {
    add(`receivers[${index}].webhook.secretFile`, receiver?.webhook?.secretFile, true);
    add(`receivers[${index}].slack.urlFile`, receiver?.slack?.urlFile, true);
    const { pagerduty, alertmanager } = receiver ?? {};
    add(`receivers[${index}].pagerduty.routingKeyFile`, pagerduty?.routingKeyFile, true);
    add(`receivers[${index}].alertmanager.auth.passwordFile`, alertmanager?.auth?.passwordFile, true);
    add(`receivers[${index}].alertmanager.auth.tokenFile`, alertmanager?.auth?.tokenFile, true);
  });
  return found;
}

/** What names servers, with credentials. */
function namedTargets(draft: Draft<FileConfig>) {
  const listed = (draft.targets ?? []).map((target, index) => ({ path: `targets[${index}]`, target }));
  return [...listed, { path: "discovery.kubernetes", target: draft.discovery?.kubernetes }];
}

/** Reads a file of UTF-8 of at most 1 MiB, also from a pipe. Throws: what `reasonOf` explains. */
export function readBounded(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    // A loop, since /dev/zero and pipes have no size to ask for.
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += read;
      if (length > FILE_BYTES_MAX) throw new RangeError("it is larger than 1 MiB");
      if (read === 0) return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Why a file could not be read, without its path. */
export function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "it is not valid UTF-8";
  const reason = REASONS[code];
  return reason === undefined ? code : `${reason} (${code})`;
}

function redactProblems(contents: ReadonlyMap<string, string>): Problem[] {
  const path = "redact.keyFile";
  const secret = contents.get(path);
  if (secret === undefined || Buffer.byteLength(secret) >= REDACT_SECRET_BYTES_MIN) return [];
  const hint = "`openssl rand -hex 32` makes a good one";
  return [{ path, message: `the file holds fewer than ${REDACT_SECRET_BYTES_MIN} bytes; ${hint}` }];
}

function tlsProblems(draft: Draft<FileConfig>, contents: ReadonlyMap<string, string>): Problem[] {
  const targets = namedTargets(draft).map(({ path }) => `${path}.tls`);
  const places = [...targets, "http.tls", "kafka.ssl"];
  return places.flatMap((path) => {
    const ca = contents.get(`${path}.caFile`);
    const cert = contents.get(`${path}.certFile`);
    const key = contents.get(`${path}.keyFile`);
    const pair = cert !== undefined && key !== undefined ? { cert, key } : {};
    return [
      ...tlsProblem(`${path}.caFile`, ca === undefined ? {} : { ca }),
      ...tlsProblem(`${path}.certFile`, pair),
    ];
  });
}

function tlsProblem(path: string, options: { ca?: string; cert?: string; key?: string }): Problem[] {
  if (options.ca !== undefined && !options.ca.includes("-----BEGIN")) {
    return [{ path, message: "the file holds no certificate in PEM form" }];
  }
  try {
    createSecureContext(options);
    return [];
  } catch (error) {
    const what =
      options.ca === undefined
        ? "certFile and keyFile cannot be used together"
        : "the certificates cannot be used";
    // OpenSSL's words ("key values mismatch", "no start line") do not quote what they read.
    return [{ path, message: `${what}: ${error instanceof Error ? error.message : "unknown error"}` }];
  }
}
