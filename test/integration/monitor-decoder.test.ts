import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { keep } from "../../src/model/key.ts";
import { shapeOf, visitKeys } from "../../src/redis/command-keys.ts";
import { encodeCommand } from "../../src/redis/resp.ts";
import { MonitorDecoder } from "../../src/scans/monitor/monitor-decoder.ts";
import { COMMAND_FAMILIES, FUNCTION_LIBRARY } from "../support/command-families.ts";
import fc from "../support/fast-check.ts";
import { type MonitoredCommand, startMonitor } from "../support/monitor.ts";
import { command, load, startRedis, waitFor } from "../support/redis.ts";

/** A decoder at the end of a server's MONITOR. */
interface Decoding {
  readonly decoder: MonitorDecoder;
  /** `get read 6b`: command, kind and the key's kept form in hexadecimal digits. */
  readonly accesses: string[];
}

async function startDecoding(t: TestContext, port: number): Promise<Decoding> {
  const accesses: string[] = [];
  const decoder = new MonitorDecoder({
    access: (db, name, kind, keys, start, end) => {
      const key = Buffer.from(keys.buffer, keys.byteOffset + start, end - start);
      accesses.push(`${db} ${name} ${kind} ${key.toString("hex")}`);
    },
  });
  const socket = connect({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  socket.write(encodeCommand(["MONITOR"]));
  const [first] = (await once(socket, "data")) as [Buffer];
  assert.equal(first.toString("latin1", 0, 5), "+OK\r\n");
  decoder.push(first.subarray(5));
  socket.on("data", (piece: Buffer) => decoder.push(piece));
  return { decoder, accesses };
}

function shown(name: string, kind: string, key: Uint8Array): string {
  return `0 ${name} ${kind} ${Buffer.from(keep(key)).toString("hex")}`;
}

/** By another reader of MONITOR, with all words at hand. */
function accessesOf({ name, args }: MonitoredCommand): string[] {
  const shape = shapeOf(name, args);
  if (shape === undefined || /^(eval|fcall)/.test(name)) return [];
  const accesses: string[] = [];
  visitKeys(shape, args, (index, kind) => accesses.push(shown(shape.name, kind, args[index]!)));
  return accesses;
}

async function open(options: NetConnectOpts): Promise<Socket> {
  const socket = connect(options);
  await once(socket, "connect");
  socket.resume();
  return socket;
}

test("what a real server echoes is what was sent, whatever the keys' bytes", async (t) => {
  const redis = await startRedis(t);
  const { decoder, accesses } = await startDecoding(t, redis.port);
  const key = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1000, maxLength: 1100 }));
  const keys = fc.sample(key, 2000).map((bytes) => Buffer.from(bytes));
  await load(redis.port, keys.length, (n) =>
    n % 2 === 0 ? ["GET", keys[n]!] : ["MSET", keys[n]!, "secret", keys[n - 1]!, keys[n]!],
  );
  const expected = keys.flatMap((one, n) =>
    n % 2 === 0
      ? [shown("get", "read", one)]
      : [shown("mset", "write", one), shown("mset", "write", keys[n - 1]!)],
  );
  await waitFor("all of them", () => accesses.length >= expected.length);
  assert.deepEqual(accesses, expected);
  assert.deepEqual([decoder.commands, decoder.garbage, decoder.unread], [keys.length, 0, 0]);
});

test("clients of IPv6 and of a unix socket are read like others", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat] ["));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "redis.sock");
  const redis = await startRedis(t, { args: ["--unixsocket", path, "--bind", "127.0.0.1", "-::1"] });
  const { decoder, accesses } = await startDecoding(t, redis.port);
  const ends: NetConnectOpts[] = [{ path }, { port: redis.port, host: "127.0.0.1" }];
  const isV6 = await open({ port: redis.port, host: "::1" }).then(
    (socket) => socket.destroy(),
    () => null,
  );
  if (isV6 !== null) ends.push({ port: redis.port, host: "::1" });
  for (const end of ends) {
    const socket = await open(end);
    t.after(() => socket.destroy());
    socket.write(encodeCommand(["GET", "k"]));
  }
  await waitFor("all of them", () => accesses.length >= ends.length);
  assert.deepEqual(
    accesses,
    ends.map(() => shown("get", "read", Buffer.from("k"))),
  );
  assert.equal(decoder.garbage, 0);
});

test("every family of commands is read as another reader of MONITOR reads it, scripts by what they call", async (t) => {
  const redis = await startRedis(t);
  await command(redis.port, ["FUNCTION", "LOAD", FUNCTION_LIBRARY]);
  const monitor = await startMonitor([redis.port], { withScripts: true });
  const { decoder, accesses } = await startDecoding(t, redis.port);
  for (const { commands } of COMMAND_FAMILIES)
    for (const line of commands) await command(redis.port, line).catch(() => null);
  await command(redis.port, ["GET", "the-last"]);
  const last = shown("get", "read", Buffer.from("the-last"));
  await waitFor("the last", () => accesses.at(-1) === last);
  const seen = await monitor.stop();
  assert.deepEqual(accesses, seen.flatMap(accessesOf));
  assert.equal(decoder.garbage, 0);
});
