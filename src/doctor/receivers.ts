import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { kindOf, type Receiver } from "../config/receivers.ts";
import { formatHostPort } from "../config/target-url.ts";
import { EgressError, egressConnector } from "../notify/egress.ts";
import { reasonOf } from "../runtime/reason.ts";
import { type Finding, Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";
import { withoutBrackets } from "./url-host.ts";

const CONNECT_MS = 5000;
const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 14;
const HTTPS_PORT = 443;
const HTTP_PORT = 80;

/** Whether a receiver's service can be reached: connected to, with its certificate checked; nothing is sent. */
export async function examineReceiver(
  receiver: Receiver,
  options: Pick<DoctorOptions, "clock">,
): Promise<readonly Finding[]> {
  const findings = new Findings(`receiver ${receiver.name}`);
  const urls = urlsOf(receiver);
  if (urls.length === 0) findings.ok("reachable", `${kindOf(receiver)} needs no service`);
  const allow = "allow" in receiver ? receiver.allow : [];
  await Promise.all(urls.map((url) => reach(findings, url, allow, options)));
  return findings.all;
}

/** The same of the service that hears that all is well. */
export async function examineWatchdog(
  options: Pick<DoctorOptions, "config" | "clock">,
): Promise<readonly Finding[]> {
  const { watchdog } = options.config;
  if (watchdog === undefined) return [];
  const findings = new Findings("watchdog");
  await reach(findings, watchdog.url, [], options);
  return findings.all;
}

function urlsOf(receiver: Receiver): readonly string[] {
  if ("webhook" in receiver) return [receiver.webhook.url];
  if ("slack" in receiver) return [receiver.slack.url];
  if ("pagerduty" in receiver) return [receiver.pagerduty.url];
  return "alertmanager" in receiver ? receiver.alertmanager.urls : [];
}

/** Paths and credentials of the URL may be secret: host and port alone are shown. */
async function reach(
  findings: Findings,
  url: string,
  allow: readonly string[],
  { clock }: Pick<DoctorOptions, "clock">,
): Promise<void> {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === "https:";
  const host = withoutBrackets(hostname);
  const place = formatHostPort(host, Number(port) || (isTls ? HTTPS_PORT : HTTP_PORT));
  const startMs = clock.monotonic();
  try {
    const socket = await connected({ protocol, hostname: host, port }, allow, clock);
    const tookMs = Math.round(clock.monotonic() - startMs);
    const validTo = socket instanceof TLSSocket ? socket.getPeerCertificate().valid_to : undefined;
    socket.destroy();
    findings.ok(
      "reachable",
      `${place}${isTls ? ", its certificate is good" : ""}, ${tookMs} ms; nothing was sent`,
    );
    if (validTo !== undefined) noteExpiry(findings, place, Date.parse(validTo) - clock.now());
  } catch (err) {
    if (err instanceof EgressError)
      findings.fail(
        "reachable",
        `${place}: ${err.message} (link-local and metadata addresses never are; others by receivers[].allow)`,
      );
    else findings.fail("reachable", `${place}: ${problemOf(err)}`);
  }
}

function noteExpiry(findings: Findings, place: string, leftMs: number): void {
  const days = Math.floor(leftMs / DAY_MS);
  if (days < EXPIRES_SOON_DAYS) findings.warn("certificate", `that of ${place} expires in ${days} days`);
}

function connected(
  to: { readonly protocol: string; readonly hostname: string; readonly port: string },
  allow: readonly string[],
  clock: DoctorOptions["clock"],
): Promise<Socket | TLSSocket> {
  const connect = egressConnector(allow);
  return new Promise((resolve, reject) => {
    const cancel = clock.after(CONNECT_MS, () =>
      reject(new Error(`no answer within ${CONNECT_MS / 1000} s`)),
    );
    connect({ ...to, host: to.hostname }, (error, socket) => {
      cancel();
      if (socket) resolve(socket);
      else reject(error ?? new Error("no connection"));
    });
  });
}

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused: nothing listens there",
  ENOTFOUND: "the host name is not known; check the url and DNS",
  EAI_AGAIN: "the host name cannot be looked up now; check DNS",
  ETIMEDOUT: "no answer; check firewalls and routes",
  ECONNRESET: "the connection was cut; check that it is https, or http",
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "its certificate is self-signed; give Node its authority by NODE_EXTRA_CA_CERTS=FILE",
  SELF_SIGNED_CERT_IN_CHAIN:
    "the authority of its certificate is not known here; give it to Node by NODE_EXTRA_CA_CERTS=FILE",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the authority of its certificate is not known here; give it to Node by NODE_EXTRA_CA_CERTS=FILE",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

function problemOf(err: unknown): string {
  const code = err instanceof Error && "code" in err ? String(err.code) : "";
  return BY_CODE[code] ?? (reasonOf(err) || code);
}
