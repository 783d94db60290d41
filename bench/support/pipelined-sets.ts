import { once } from "node:events";
import { connect } from "node:net";
import { type PackedNames, pack, type ZipfKeys } from "./zipf-keys.ts";

export const PIPELINE_DEPTH = 16;
const OK_BYTES = "+OK\r\n".length;

/** SET commands as bytes, made beforehand, in batches that fit the pipeline. */
export function packedSets(keys: ZipfKeys, batches: number): PackedNames {
  return pack(batches * PIPELINE_DEPTH, () => {
    const key = keys.next();
    return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$1\r\nx\r\n`;
  });
}

/**
 * Sends `count` of the commands (over and over), 16 at a time on each connection: the next batch leaves when the last
 * one is answered. Returns how long it took, in ms. Throws: Error for a lost connection or an error reply.
 */
export async function pipelineSets(
  port: number,
  sets: PackedNames,
  count: number,
  connections = 1,
): Promise<number> {
  const batches = batchesOf(sets, Math.ceil(count / PIPELINE_DEPTH));
  const startMs = performance.now();
  await Promise.all(Array.from({ length: connections }, () => pipeline(port, batches)));
  return performance.now() - startMs;
}

function* batchesOf({ bytes, offsets }: PackedNames, count: number): Generator<Buffer> {
  const known = (offsets.length - 1) / PIPELINE_DEPTH;
  for (let sent = 0; sent < count; sent++) {
    const first = (sent % known) * PIPELINE_DEPTH;
    yield bytes.subarray(offsets[first], offsets[first + PIPELINE_DEPTH]);
  }
}

/** Takes batches from those that all connections share. */
async function pipeline(port: number, batches: Iterator<Buffer>): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  await new Promise<void>((resolve, reject) => {
    let pending = 0;
    const send = () => {
      const { done, value } = batches.next();
      if (done) return resolve();
      socket.write(value);
      pending = PIPELINE_DEPTH * OK_BYTES;
    };
    socket.on("data", (replies) => {
      if (replies.includes("-"))
        return reject(new Error(`the server refused: ${replies.toString("latin1")}`));
      pending -= replies.length;
      if (pending === 0) send();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection")));
    send();
  });
  socket.destroy();
}
