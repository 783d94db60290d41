/**
 * A TCP proxy before a server that can add recorded frames to what a subscription gets, as fast as they are taken.
 *
 * `node replay-proxy.ts SERVER_PORT FRAMES_FILE`; first tells its own port by IPC, then answers each message `{ copies }`
 * with `{ tookMs }` when so many copies of the file were handed to the kernel. It waits for the reader, so nothing is cut.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const CHUNK_BYTES = 256 * 1024;
/** A frame as the server sends it to a pattern subscription begins so; no key of the load holds it. */
const FRAME_START = Buffer.from("*4\r\n$8\r\npmessage");

const PUSH_SIGN = ">".charCodeAt(0);

const [serverPort, file = ""] = process.argv.slice(2);
const recorded = readFileSync(file);
const arrays = wholeFrames(recorded);
const pushes = arrays.map(asPushes);
/** The connection that subscribed last, to which the frames go, in the form that it asked for. */
let subscription: { readonly socket: Socket; readonly chunks: readonly Buffer[] } | null = null;

const proxy = createServer({ noDelay: true }, (client) => {
  const server = connect({ port: Number(serverPort), host: "127.0.0.1", noDelay: true });
  let chunks = arrays;
  client.on("data", (bytes: Buffer) => {
    const words = bytes.toString("latin1").toLowerCase();
    if (words.includes("hello\r\n$1\r\n3")) chunks = pushes;
    if (words.includes("psubscribe")) subscription = { socket: client, chunks };
    server.write(bytes);
  });
  // Replies are small and come whole, and each chunk ends with its frame: one never lands within another.
  server.on("data", (bytes: Buffer) => client.write(bytes));
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
});
proxy.listen(0, "127.0.0.1", () => process.send?.({ port: (proxy.address() as AddressInfo).port }));
process.on("message", ({ copies }: { copies: number }) => {
  void replay(copies).then((tookMs) => process.send?.({ tookMs }));
});
process.once("disconnect", () => process.exit(0));

async function replay(copies: number): Promise<number> {
  if (!subscription) throw new Error("nobody has subscribed");
  const { socket, chunks } = subscription;
  const startMs = performance.now();
  for (let copy = 0; copy < copies; copy++) {
    for (const chunk of chunks) if (!socket.write(chunk)) await once(socket, "drain");
  }
  await new Promise((resolve) => socket.write("", resolve));
  return performance.now() - startMs;
}

/** The same frames in RESP3. */
function asPushes(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  for (let at = bytes.indexOf(FRAME_START); at >= 0; at = bytes.indexOf(FRAME_START, at + 1)) {
    changed[at] = PUSH_SIGN;
  }
  return changed;
}

/** Pieces of about 256 KiB that end where a frame ends. */
function wholeFrames(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const next = bytes.indexOf(FRAME_START, start + CHUNK_BYTES);
    const end = next < 0 ? bytes.length : next;
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}
