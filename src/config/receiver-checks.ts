import { parseHttpUrl } from "./http.ts";
import type { Problem } from "./problem.ts";
import { type FileReceiver, LOCAL_KINDS, RECEIVER_KINDS, type ReceiverKind } from "./receivers.ts";
import { type Draft, valueAt } from "./schema-walk.ts";

type ReceiverDraft = Draft<FileReceiver>;

/** Values of a secret and of the file that may hold it, of which at most one may be there; `must`: exactly one. */
interface Choice {
  readonly kind: ReceiverKind;
  readonly value: string;
  readonly file: string;
  readonly must: boolean;
}

const CHOICES: readonly Choice[] = [
  { kind: "webhook", value: "secret", file: "secretFile", must: false },
  { kind: "slack", value: "url", file: "urlFile", must: true },
  { kind: "pagerduty", value: "routingKey", file: "routingKeyFile", must: true },
];

const ALL_KINDS = RECEIVER_KINDS.join(", ");

/** What does not go together in a receiver; `input` is looked at only for whether something stands there at all. */
export function receiverProblems(receiver: ReceiverDraft, input: unknown, path: string): Problem[] {
  return [
    ...kindProblems(receiver, input, path),
    ...CHOICES.flatMap((choice) => choiceProblems(choice, input, path)),
    ...replicaProblems(receiver, path),
    ...authProblems(valueAt(input, ["alertmanager", "auth"]), `${path}.alertmanager.auth`),
  ];
}

function kindProblems(receiver: ReceiverDraft, input: unknown, path: string): Problem[] {
  const problems: Problem[] = [];
  const kinds = RECEIVER_KINDS.filter((kind) => receiver[kind] !== undefined);
  if (kinds.length > 1) {
    problems.push({ path, message: `expected exactly one of ${ALL_KINDS}, got ${kinds.join(" and ")}` });
  }
  // A key that is unknown, or not supported yet, is reported as such: it may be what was meant.
  const isWritten = input !== null && typeof input === "object";
  if (isWritten && Object.keys(input).every((key) => key === "name" || key === "allow")) {
    problems.push({ path, message: `expected exactly one of ${ALL_KINDS}, got none` });
  }
  const [kind] = kinds;
  const isLocal = kind !== undefined && kinds.length === 1 && LOCAL_KINDS.includes(kind);
  if (isLocal && receiver.allow !== undefined && receiver.allow.length > 0) {
    problems.push({ path: `${path}.allow`, message: `is for receivers that send; ${kind} does not` });
  }
  return problems;
}

function choiceProblems({ kind, value, file, must }: Choice, input: unknown, path: string): Problem[] {
  if (valueAt(input, [kind]) === undefined) return [];
  const hasValue = valueAt(input, [kind, value]) !== undefined;
  const hasFile = valueAt(input, [kind, file]) !== undefined;
  if (hasValue && hasFile) {
    return [{ path: `${path}.${kind}.${file}`, message: `${value} and ${file} exclude each other` }];
  }
  if (!must || hasValue || hasFile) return [];
  return [{ path: `${path}.${kind}.${value}`, message: `is missing: give ${value} or ${file}` }];
}

function replicaProblems({ alertmanager }: ReceiverDraft, path: string): Problem[] {
  const urls = (alertmanager?.urls ?? []).map((url) => url?.replace(/\/+$/, ""));
  return urls.flatMap((url, index) =>
    url !== undefined && urls.indexOf(url) < index
      ? [{ path: `${path}.alertmanager.urls[${index}]`, message: "the URL stands here twice" }]
      : [],
  );
}

/** A user with one password, or a token. */
function authProblems(input: unknown, path: string): Problem[] {
  if (input === null || typeof input !== "object") return [];
  const has = (key: string) => valueAt(input, [key]) !== undefined;
  const hasPassword = has("password") || has("passwordFile");
  if (has("password") && has("passwordFile")) {
    return [{ path: `${path}.passwordFile`, message: "password and passwordFile exclude each other" }];
  }
  if (has("tokenFile") && (has("username") || hasPassword)) {
    return [{ path: `${path}.tokenFile`, message: "a token takes the place of user and password" }];
  }
  if (has("tokenFile") || (has("username") && hasPassword)) return [];
  return [{ path, message: "give username with password or passwordFile, or tokenFile" }];
}

/** Of files that should hold a URL; the messages do not repeat it. */
export function urlFileProblems(
  receivers: readonly (ReceiverDraft | undefined)[],
  contents: ReadonlyMap<string, string>,
): Problem[] {
  return receivers.flatMap((_, index) => {
    const path = `receivers[${index}].slack.urlFile`;
    const parsed = contents.has(path) ? parseHttpUrl(contents.get(path) ?? "") : undefined;
    return parsed !== undefined && "problem" in parsed
      ? [{ path, message: `the file holds something else: ${parsed.problem}` }]
      : [];
  });
}
