import type { ProblemCode, TargetProblem } from "./problem.ts";

/** What a connection was tried with; nothing in it is secret. */
export interface Attempt {
  readonly usesTls: boolean;
  readonly isUnixSocket: boolean;
  /** The host has taken the connection. */
  readonly isReached: boolean;
  /** The server has answered a command. */
  readonly hasAnswered: boolean;
}

/** Says why a connection could not be made or was lost, from the error of the socket. */
export function socketProblem(err: unknown, attempt: Attempt): TargetProblem {
  const code = codeOf(err);
  const text = err instanceof Error ? err.message : String(err);
  if (code === "ETIMEDOUT" && attempt.usesTls && attempt.isReached) {
    return { code: "TLS", message: NO_HANDSHAKE, retryable: true };
  }
  const known = code && SOCKET_REASONS[code];
  if (known) return problem("UNREACHABLE", known(attempt));
  if (isTlsError(code, text)) return problem("TLS", tlsMessage(code, text, attempt));
  // The decoder met bytes that are none of the protocol's: to a client without TLS, most likely a TLS alert.
  if (/unknown resp type|protocol error/i.test(text)) {
    return attempt.usesTls
      ? problem("PROTOCOL", "the answer is not Redis's protocol; check host and port")
      : problem("TLS", "the server seems to speak TLS; write rediss:// in the target's url");
  }
  return problem("CLOSED", closedMessage(attempt));
}

const SOCKET_REASONS: Readonly<Record<string, (attempt: Attempt) => string>> = {
  ECONNREFUSED: ({ isUnixSocket }) =>
    isUnixSocket
      ? "connection refused: nothing listens on this socket; check that Redis runs"
      : "connection refused: nothing listens there; check that Redis runs, and its bind and port",
  ENOENT: () => "there is no such socket; check that Redis runs, and its unixsocket setting",
  EACCES: () => "no permission to open the socket; check unixsocketperm and the agent's user",
  ENOTFOUND: () => "the host name is not known; check the target's url and DNS",
  EAI_AGAIN: () => "the host name cannot be looked up now; check DNS",
  ETIMEDOUT: () => "no answer while connecting; check host, port and firewalls",
  EHOSTUNREACH: () => "no route to the host; check host and network",
  ENETUNREACH: () => "no route to the network; check host and network",
};

const NO_HANDSHAKE =
  "the server does not answer the TLS handshake; where its port does not speak TLS, write redis:// in the target's url";

function tlsMessage(code: string | undefined, text: string, { usesTls }: Attempt): string {
  if (!usesTls) return "the server seems to speak TLS; write rediss:// in the target's url";
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG") {
    return "the server does not speak TLS on this port; write redis:// in the target's url, or give its tls-port";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "the server's certificate is for another host name; set the target's tls.servername";
  }
  if (code === "CERT_HAS_EXPIRED") return "the server's certificate has expired";
  if (code !== undefined && UNTRUSTED.has(code)) {
    return `the server's certificate is not trusted (${code}); set the target's tls.caFile`;
  }
  if (/certificate required|handshake failure|bad certificate/i.test(text)) {
    return "the server wants a client certificate; set the target's tls.certFile and tls.keyFile";
  }
  return `the TLS handshake failed${code ? ` (${code})` : ""}; check the target's tls settings`;
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function isTlsError(code: string | undefined, text: string): boolean {
  if (code === undefined) return /\b(ssl|tls)\b/i.test(text);
  return (
    code.startsWith("ERR_SSL_") ||
    code.startsWith("ERR_TLS_") ||
    code.startsWith("ERR_OSSL_") ||
    code.startsWith("CERT_") ||
    UNTRUSTED.has(code) ||
    (code === "ECONNRESET" && /TLS/.test(text))
  );
}

function closedMessage({ usesTls, hasAnswered }: Attempt): string {
  const tlsHint =
    usesTls || hasAnswered ? "" : " (where the port speaks TLS, write rediss:// in the target's url)";
  return `the server closed the connection${tlsHint}`;
}

function problem(code: ProblemCode, message: string): TargetProblem {
  return { code, message, retryable: code !== "TLS" };
}

/** Code of an error or, where it stands for several attempts (IPv6, IPv4), of the first of them. */
function codeOf(err: unknown): string | undefined {
  if (err instanceof AggregateError && err.errors.length > 0) return codeOf(err.errors[0]);
  if (typeof err === "object" && err !== null && "code" in err && typeof err.code === "string")
    return err.code;
  return undefined;
}
