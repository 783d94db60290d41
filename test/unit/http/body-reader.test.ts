import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BodyError, BodyReader } from "../../../src/http/body-reader.ts";
import { waitFor } from "../../support/wait.ts";

const HEAD = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
const MIB = 1024 * 1024;

async function startReader(t: TestContext, inFlightMax: number) {
  const reader = new BodyReader(inFlightMax);
  const outcomes: (Buffer | BodyError)[] = [];
  const server = createServer((request, response) => {
    const keep = (outcome: Buffer | BodyError) => {
      outcomes.push(outcome);
      response.end();
    };
    reader.read(request).then((body) => keep(body.open()), keep);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const open = () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(HEAD);
    return socket;
  };
  return { reader, outcomes, open };
}

/** Memory in use after a collection, in bytes. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("a body in chunks of one byte takes no more memory than is charged for it", async (t) => {
  const { reader, outcomes, open } = await startReader(t, 4 * MIB);
  const beforeBytes = memoryInUse();
  const sockets = [open(), open(), open()];
  const byteByByte = "1\r\nx\r\n".repeat(300_000);
  for (const socket of sockets) socket.write(byteByByte);
  await waitFor("nearly all bytes to be read", () => reader.bytesHeld === 1.5 * MIB);
  const grownBytes = memoryInUse() - beforeBytes;
  assert.ok(grownBytes < 8 * MIB, `${grownBytes} bytes more in use`);
  for (const socket of sockets) socket.write("0\r\n\r\n");
  await waitFor("the ends", () => outcomes.length === 3);
  const whole = Buffer.alloc(300_000, "x");
  for (const body of outcomes) assert.ok(body instanceof Buffer && body.equals(whole));
  assert.equal(reader.bytesHeld, 0);
});

test("what bodies on their way take is given back when they are too large, too many, or end early", async (t) => {
  const { reader, outcomes, open } = await startReader(t, 1.5 * MIB);
  const first = open();
  first.write(`${(900_000).toString(16)}\r\n${"x".repeat(900_000)}\r\n`);
  await waitFor("the first body", () => reader.bytesHeld === MIB);
  const second = open();
  second.write(`${(600_000).toString(16)}\r\n${"x".repeat(600_000)}\r\n`);
  await waitFor("the second to be refused", () => outcomes.length === 1);
  assert.equal(reader.bytesHeld, MIB);
  first.write(`${(200_000).toString(16)}\r\n${"x".repeat(200_000)}\r\n`);
  await waitFor("the first to be refused", () => outcomes.length === 2);
  assert.equal(reader.bytesHeld, 0);
  const third = open();
  third.write("1\r\nx\r\n");
  await waitFor("the third body", () => reader.bytesHeld === 1024);
  third.destroy();
  await waitFor("its end", () => outcomes.length === 3);
  assert.equal(reader.bytesHeld, 0);
  const reasons = outcomes.map((outcome) => (outcome instanceof BodyError ? outcome.reason : "taken"));
  assert.deepEqual(reasons, ["busy", "too-large", "aborted"]);
});
