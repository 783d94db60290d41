import { once } from "node:events";
import { connect } from "node:net";
import { encodeCommand } from "../../src/redis/resp.ts";
import { startRedis, waitFor } from "../../test/support/redis.ts";
import { packedSets, pipelineSets } from "./pipelined-sets.ts";
import { setFrame } from "./tap-pipeline.ts";
import type { ZipfKeys } from "./zipf-keys.ts";

const BATCHES_OF_COMMANDS = 16_384;

/** What a real server sends to a subscription while `events` SETs run, without its confirmation. */
export async function recordFrames(keys: ZipfKeys, events: number): Promise<Buffer> {
  await using server = await startRedis(null, { args: ["--notify-keyspace-events", "E$"] });
  const chunks: Buffer[] = [];
  let frames = 0;
  const socket = connect({ port: server.port, host: "127.0.0.1" });
  socket.write(encodeCommand(["PSUBSCRIBE", "__keyevent@*__:*"]));
  await once(socket, "data");
  // A frame has the same number of line ends whatever its key, and the key has none.
  const lineEndsPerFrame = setFrame("k").split("\r\n").length - 1;
  let lineEnds = 0;
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lineEnds += 1;
    frames = lineEnds / lineEndsPerFrame;
  });
  await pipelineSets(server.port, packedSets(keys, BATCHES_OF_COMMANDS), events);
  await waitFor(`${events} frames`, () => frames === events);
  socket.destroy();
  return Buffer.concat(chunks);
}
