/** What stands between this process and Kafka. */
export type KafkaProblemCode =
  | "UNREACHABLE"
  | "CLOSED"
  | "STARTING"
  | "TLS"
  | "AUTH"
  | "TOPIC_DENIED"
  | "GROUP_DENIED"
  | "CLUSTER_DENIED"
  | "NO_COORDINATOR"
  | "NO_TOPIC"
  | "NO_PARTITION"
  | "TOO_LARGE"
  | "UNSUPPORTED"
  | "UNREADABLE"
  | "FAILED";

/** One clear line, without secrets, that says what is wrong and what to do. */
export interface KafkaProblem {
  readonly code: KafkaProblemCode;
  readonly message: string;
  /** Whether it may go away without anybody changing the config or Kafka's. */
  readonly retryable: boolean;
}

/** What was tried; nothing in it is secret. */
export interface KafkaAttempt {
  readonly brokers: readonly string[];
  readonly usesTls: boolean;
  /** `null`: no SASL. */
  readonly username: string | null;
  readonly topic?: string;
  readonly operation?: "read" | "write";
  readonly group?: string;
}

/** A call to Kafka that failed. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly problem: KafkaProblem;

  constructor(problem: KafkaProblem, options?: ErrorOptions) {
    super(problem.message, options);
    this.problem = problem;
  }
}

/** Says what is wrong from an error of kafkajs, by its deepest cause: what wraps it calls all kinds "non-retriable". */
export function kafkaProblem(error: unknown, attempt: KafkaAttempt): KafkaProblem {
  if (error instanceof KafkaError) return error.problem;
  const root = rootOf(error);
  return (
    socketProblem(root, attempt) ??
    authenticationProblem(root, attempt) ??
    authorisationProblem(root, attempt) ??
    dataProblem(root, attempt) ?? {
      code: "FAILED",
      message: `Kafka failed: ${root.message}`,
      retryable: root.retriable !== false,
    }
  );
}

/** What kafkajs's errors say of themselves. */
interface Root {
  readonly name: string;
  readonly message: string;
  /** Of the protocol: `TOPIC_AUTHORIZATION_FAILED`. */
  readonly type: string;
  /** Of the socket: `ECONNREFUSED`. */
  readonly code: string;
  readonly retriable: boolean | undefined;
}

const CAUSES_MAX = 10;

function rootOf(error: unknown): Root {
  let root = error;
  for (let depth = 0; depth < CAUSES_MAX; depth++) {
    const cause = causeOf(root);
    if (cause === null) break;
    root = cause;
  }
  const fields: Record<string, unknown> = root instanceof Error ? { ...root } : {};
  return {
    name: root instanceof Error ? String(fields.name ?? root.name) : "",
    message: oneLine(root instanceof Error ? root.message : String(root)),
    type: typeof fields.type === "string" ? fields.type : "",
    code: typeof fields.code === "string" ? fields.code : "",
    retriable: typeof fields.retriable === "boolean" ? fields.retriable : undefined,
  };
}

function causeOf(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  if (error.cause instanceof Error && error.cause !== error) return error.cause;
  // What a request for several topics failed with, one error each.
  const several = "errors" in error && Array.isArray(error.errors) ? error.errors[0] : null;
  return several instanceof Error ? several : null;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 300);
}

const SOCKET_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be looked up now",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
};

function socketProblem(root: Root, attempt: KafkaAttempt): KafkaProblem | null {
  const { name, code, message } = root;
  const where = attempt.brokers.join(", ");
  if (/^ERR_TLS|^ERR_SSL|^CERT_|SELF_SIGNED|UNABLE_TO|EPROTO/.test(code)) {
    return { code: "TLS", message: tlsMessage(code, message, where), retryable: false };
  }
  if (/before secure TLS connection/.test(message)) {
    const hint = `the connection closed during the TLS handshake with ${where}: is that listener without TLS? Leave kafka.ssl out, or use its TLS port`;
    return { code: "CLOSED", message: hint, retryable: true };
  }
  const isConnection = name === "KafkaJSConnectionError" || name === "KafkaJSConnectionClosedError";
  const isClosed = isConnection && /closed connection|closed by the server|not connected/i.test(message);
  if (isClosed) return { code: "CLOSED", message: closedMessage(attempt, where), retryable: true };
  const isAway =
    isConnection ||
    code in SOCKET_REASONS ||
    ["KafkaJSRequestTimeoutError", "KafkaJSNoBrokerAvailableError", "KafkaJSBrokerNotFound"].includes(name) ||
    name === "KafkaJSLockTimeout";
  if (!isAway) return null;
  const reason = SOCKET_REASONS[code] ?? (/timeout|timed out/i.test(message) ? "no answer" : message);
  const advice = "check that it runs, kafka.brokers, and its advertised.listeners";
  return {
    code: "UNREACHABLE",
    message: `Kafka cannot be reached at ${where} (${reason}); ${advice}`,
    retryable: true,
  };
}

function closedMessage({ usesTls, username }: KafkaAttempt, where: string): string {
  const missing = [usesTls ? "" : "expects TLS (kafka.ssl)", username ? "" : "expects a user (kafka.sasl)"];
  const guesses = missing.filter((guess) => guess !== "");
  const why = guesses.length > 0 ? `: if it stays so, the listener perhaps ${guesses.join(", or ")}` : "";
  return `Kafka at ${where} closed the connection${why}`;
}

function tlsMessage(code: string, message: string, where: string): string {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || /wrong version number/i.test(message)) {
    return `Kafka at ${where} does not speak TLS on this port; leave kafka.ssl out, or use its TLS port`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the certificate of Kafka at ${where} is for another host name; set kafka.ssl.servername to the one it carries`;
  }
  if (/SELF_SIGNED|UNABLE_TO/.test(code)) {
    return `the certificate of Kafka at ${where} is signed by nobody trusted here; set kafka.ssl.caFile (${code})`;
  }
  return `TLS with Kafka at ${where} failed: ${message}`;
}

function authenticationProblem(root: Root, attempt: KafkaAttempt): KafkaProblem | null {
  const { name, type, message } = root;
  const who = attempt.username ?? "";
  if (/mechanism is not supported by the server/i.test(message) || type === "UNSUPPORTED_SASL_MECHANISM") {
    const text =
      "Kafka does not offer this SASL mechanism; set kafka.sasl.mechanism to one that the listener has";
    return { code: "AUTH", message: text, retryable: false };
  }
  if (type === "ILLEGAL_SASL_STATE") {
    const text = attempt.username
      ? "this listener of Kafka asks for no user; leave kafka.sasl out, or use its SASL port"
      : "this listener of Kafka asks for a user; set kafka.sasl";
    return { code: "AUTH", message: text, retryable: false };
  }
  if (name !== "KafkaJSSASLAuthenticationError" && type !== "SASL_AUTHENTICATION_FAILED") return null;
  const text = `Kafka refused user ${who} or its password; check kafka.sasl (username, password, mechanism)`;
  return { code: "AUTH", message: text, retryable: false };
}

function authorisationProblem({ name, type }: Root, attempt: KafkaAttempt): KafkaProblem | null {
  const who = attempt.username === null ? "this client" : `user ${attempt.username}`;
  const acls = "keyheat topics prints the ACLs needed";
  if (type === "TOPIC_AUTHORIZATION_FAILED") {
    const operation = attempt.operation ?? "read";
    const topic = attempt.topic ?? "a topic";
    const text = `Kafka does not let ${who} ${operation} ${topic}: it needs ${operation.toUpperCase()} on that topic (${acls})`;
    return { code: "TOPIC_DENIED", message: text, retryable: false };
  }
  if (type === "GROUP_AUTHORIZATION_FAILED") {
    const text = `Kafka does not let ${who} join group ${attempt.group ?? ""}: it needs READ on that group (${acls})`;
    return { code: "GROUP_DENIED", message: text, retryable: false };
  }
  if (type === "CLUSTER_AUTHORIZATION_FAILED") {
    const text = `Kafka does not let ${who} do this to the cluster: it needs CREATE, ALTER and their CONFIGS rights (${acls})`;
    return { code: "CLUSTER_DENIED", message: text, retryable: false };
  }
  if (name !== "KafkaJSGroupCoordinatorNotFound") return null;
  // kafkajs swallows the reason; with brokers that answer it is a missing right.
  const text = `Kafka names no coordinator for group ${attempt.group ?? ""}: ${who} probably lacks READ on that group (${acls})`;
  return { code: "NO_COORDINATOR", message: text, retryable: false };
}

/** A broker says so for seconds after its start, or while leaders change. */
const STARTING: ReadonlySet<string> = new Set([
  "GROUP_LOAD_IN_PROGRESS",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
]);

function dataProblem({ name, type, message }: Root, attempt: KafkaAttempt): KafkaProblem | null {
  const topic = attempt.topic ?? "a topic";
  if (type === "UNKNOWN_TOPIC_OR_PARTITION" || type === "INVALID_TOPIC_EXCEPTION") {
    const text = `Kafka has no topic ${topic}, or shows it to nobody without rights; run keyheat topics --apply`;
    return { code: "NO_TOPIC", message: text, retryable: true };
  }
  if (type === "MESSAGE_TOO_LARGE" || type === "RECORD_LIST_TOO_LARGE") {
    const text = `Kafka refuses a request for ${topic} as too large; raise max.message.bytes of the topic (keyheat topics --apply sets it)`;
    return { code: "TOO_LARGE", message: text, retryable: false };
  }
  if (STARTING.has(type)) {
    return { code: "STARTING", message: `Kafka is not ready yet: ${message}`, retryable: true };
  }
  const isUnsupported = type.startsWith("UNSUPPORTED") || name === "KafkaJSServerDoesNotSupportApiKey";
  if (isUnsupported) {
    return {
      code: "UNSUPPORTED",
      message: `Kafka does not support what is asked: ${message}`,
      retryable: false,
    };
  }
  if (name !== "KafkaJSNotImplemented" && name !== "RangeError") return null;
  const text = `a batch of records on ${topic} cannot be unpacked: ${message}`;
  return { code: "UNREADABLE", message: text, retryable: false };
}
