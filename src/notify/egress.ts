import { type LookupAddress, type LookupOptions, lookup as systemLookup } from "node:dns";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { buildConnector } from "undici";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Never sent to: link-local networks, and the addresses at which clouds hand out credentials (AWS, Google, Azure,
 * Oracle and others use 169.254.0.0/16; Alibaba, Oracle's older one, Azure's wire server, AWS and Google on IPv6).
 */
const FORBIDDEN = [
  "169.254.0.0/16",
  "fe80::/10",
  "100.100.100.200/32",
  "192.0.0.192/32",
  "168.63.129.16/32",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
].map(parseNetwork);

/** IPv6 networks whose addresses lead to an IPv4 address that they hold, with the byte at which it starts. */
const EMBEDDING = [
  { network: parseNetwork("::/96"), at: 12 },
  { network: parseNetwork("::ffff:0:0/96"), at: 12 },
  { network: parseNetwork("::ffff:0:0:0/96"), at: 12 },
  { network: parseNetwork("64:ff9b::/96"), at: 12 },
  { network: parseNetwork("64:ff9b:1::/48"), at: 12 },
  { network: parseNetwork("2002::/16"), at: 2 },
];

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/** A receiver's address is one that we never send to, or not among those that it is narrowed to. */
export class EgressError extends Error {
  override readonly name = "EgressError";
  readonly code = "FORBIDDEN_ADDRESS";
  readonly retryable = false;

  constructor(host: string, addresses: readonly string[]) {
    super(`sending to ${addresses.join(", ") || host} is not allowed`);
  }
}

/**
 * Makes a test of dialled addresses: `allow` (networks and single addresses) narrows them, empty it allows all but those
 * that are refused always.
 */
export function egressGuard(allow: readonly string[]): (address: string) => boolean {
  const allowed = allow.map(parseNetwork);
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const faces = facesOf(ipaddr.parse(text));
    if (faces.some((face) => FORBIDDEN.some((network) => contains(network, face)))) return false;
    return allowed.length === 0 || faces.some((face) => allowed.some((network) => contains(network, face)));
  };
}

/**
 * A connector for undici that dials only what the guard lets pass.
 *
 * The check is made on the addresses that are dialled, not on the name: a name may lead elsewhere at each look-up. An
 * address written in the URL is looked up by nobody, so it is checked by itself.
 */
export function egressConnector(
  allow: readonly string[],
  resolve: typeof systemLookup = systemLookup,
): buildConnector.connector {
  const passes = egressGuard(allow);
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup(passes, resolve) });
  return (options, callback) => {
    const { hostname } = options;
    if (isIP(hostname) !== 0 && !passes(hostname)) {
      // Later, as with every connector: undici is not made for an answer before its call returns.
      queueMicrotask(() => callback(new EgressError(hostname, [hostname]), null));
      return;
    }
    connect(options, callback);
  };
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

function guardedLookup(passes: (address: string) => boolean, resolve: typeof systemLookup) {
  return (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const passing = addresses.filter(({ address }) => passes(address));
      const first = passing[0];
      if (!first) {
        const refused = addresses.map(({ address }) => address);
        return callback(new EgressError(hostname, refused), []);
      }
      if (options.all) return callback(null, passing);
      return callback(null, first.address, first.family);
    });
  };
}

/** The address, and the IPv4 address that it leads to. */
function facesOf(address: Address): Address[] {
  if (address.kind() === "ipv4") return [address];
  const bytes = address.toByteArray();
  const embedded = EMBEDDING.filter(({ network }) => contains(network, address)).map(
    ({ at }) => new ipaddr.IPv4(bytes.slice(at, at + 4)),
  );
  return [address, ...embedded];
}

function contains([network, bits]: Network, address: Address): boolean {
  return network.kind() === address.kind() && address.match(network, bits);
}

function parseNetwork(text: string): Network {
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
