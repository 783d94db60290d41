/** A command that a server ran, for a line of MONITOR. */
export interface RanCommand {
  readonly words: readonly (string | Uint8Array)[];
  readonly db?: number;
  /** `127.0.0.1:50000`, `[::1]:50000`, `unix:/run/redis.sock`, `lua`. */
  readonly address?: string;
  readonly timeMs?: number;
}

/** A line as the server writes it. Source: Redis `replicationFeedMonitors`, `sdscatrepr`. */
export function monitorLine({
  words,
  db = 0,
  address = "127.0.0.1:50000",
  timeMs = 1_700_000_000_000,
}: RanCommand): Buffer {
  const seconds = Math.floor(timeMs / 1000);
  const microseconds = String(Math.round((timeMs % 1000) * 1000)).padStart(6, "0");
  const head = Buffer.from(`+${seconds}.${microseconds} [${db} ${address}] `, "latin1");
  const quoted = words.map((word) => `"${escaped(typeof word === "string" ? Buffer.from(word) : word)}"`);
  return Buffer.concat([head, Buffer.from(`${quoted.join(" ")}\r\n`, "latin1")]);
}

const LETTERS: ReadonlyMap<number, string> = new Map([
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x22, '\\"'],
  [0x5c, "\\\\"],
]);

function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const hex = `\\x${byte.toString(16).padStart(2, "0")}`;
    return LETTERS.get(byte) ?? (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : hex);
  }).join("");
}
