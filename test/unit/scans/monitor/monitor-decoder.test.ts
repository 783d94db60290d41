import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keep } from "../../../../src/model/key.ts";
import { shapeOf, visitKeys } from "../../../../src/redis/command-keys.ts";
import { COMMAND_TABLE } from "../../../../src/redis/command-table.ts";
import { MonitorDecoder, type MonitorDecoderOptions } from "../../../../src/scans/monitor/monitor-decoder.ts";
import fc from "../../../support/fast-check.ts";
import { monitorLine, type RanCommand } from "../../../support/monitor-lines.ts";

interface Decoded {
  /** `0 get read 6b6579`: the key in hexadecimal digits. */
  readonly accesses: readonly string[];
  readonly commands: number;
  readonly garbage: number;
  readonly unread: number;
}

/** What a decoder makes of pieces of a stream. */
function decoded(pieces: readonly Uint8Array[], options?: MonitorDecoderOptions): Decoded {
  const accesses: string[] = [];
  const decoder = new MonitorDecoder(
    {
      access: (db, command, kind, keys, start, end) => {
        const key = Buffer.from(keys.buffer, keys.byteOffset + start, end - start);
        accesses.push(`${db} ${command} ${kind} ${key.toString("hex")}`);
      },
    },
    options,
  );
  for (const piece of pieces) decoder.push(piece);
  const { commands, garbage, unread } = decoder;
  return { accesses, commands, garbage, unread };
}

function decodedLines(commands: readonly RanCommand[], options?: MonitorDecoderOptions): Decoded {
  return decoded(commands.map(monitorLine), options);
}

function shown(db: number, command: string, kind: string, key: string | Uint8Array): string {
  return `${db} ${command} ${kind} ${Buffer.from(key).toString("hex")}`;
}

/** Cuts bytes at the given places, in any order. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, i) => bytes.subarray(sorted[i - 1] ?? 0, end));
}

const NAMES = Object.values(COMMAND_TABLE).flatMap((names) => names.split(" "));
const SCRIPTS = /^(eval|fcall)/;

/** The keys of a command, found with all of its words at hand. */
function expected({ words, db = 0 }: RanCommand): string[] {
  const [name = "", ...args] = words.map((word) => (typeof word === "string" ? Buffer.from(word) : word));
  const shape = shapeOf(Buffer.from(name).toString("latin1"), args);
  if (shape === undefined || SCRIPTS.test(shape.name)) return [];
  const keys: string[] = [];
  visitKeys(shape, args, (index, kind) => keys.push(shown(db, shape.name, kind, keep(args[index]!))));
  return keys;
}

const option = fc.constantFrom(
  "STORE",
  "store",
  "STOREDIST",
  "STREAMS",
  "KEYS",
  "BY",
  "GET",
  "AUTH",
  "AUTH2",
);
const word = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 8 }).map((text) => Buffer.from(text)),
  fc
    .constantFrom("0", "1", "2", "3", "10", "-1", "01", "GROUP", "OVERFLOW", "LIMIT")
    .map((text) => Buffer.from(text)),
  option.map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.alloc(1100, bytes)),
);
const command: fc.Arbitrary<RanCommand> = fc.record({
  words: fc
    .tuple(
      fc.constantFrom(...NAMES, "auth", "hello", "ping", "config", "multi"),
      fc.boolean(),
      fc.array(word, { maxLength: 12 }),
    )
    .map(([name, isUpper, args]) => [...(isUpper ? name.toUpperCase() : name).split("|"), ...args]),
  db: fc.integer({ min: 0, max: 20 }),
  address: fc.constantFrom(
    "127.0.0.1:50000",
    "[::1]:6",
    "[fe80::1%eth0]:65535",
    "unix:/run/a]b [c.sock",
    "lua",
    "",
  ),
  timeMs: fc.integer({ min: 0, max: 2 ** 41 }),
});

describe("a decoder of MONITOR", () => {
  it("finds the keys of commands, with what is done to them, in their databases", () => {
    const { accesses, commands, garbage } = decodedLines([
      { words: ["SET", "k", "v"] },
      { words: ["mget", "a", "b"], db: 3, address: "[::1]:50000" },
      { words: ["sInterStore", "to", "x", "y"], address: "unix:/run/redis.sock" },
      { words: ["get", "k"], address: "lua" },
      { words: ["OBJECT", "freq", "k"] },
      { words: ["PING"] },
      { words: ["XREAD", "COUNT", "2", "STREAMS", "s", "t", "0", "$"] },
    ]);
    assert.deepEqual(accesses, [
      shown(0, "set", "write", "k"),
      shown(3, "mget", "read", "a"),
      shown(3, "mget", "read", "b"),
      shown(0, "sinterstore", "write", "to"),
      shown(0, "sinterstore", "read", "x"),
      shown(0, "sinterstore", "read", "y"),
      shown(0, "get", "read", "k"),
      shown(0, "object|freq", "read", "k"),
      shown(0, "xread", "read", "s"),
      shown(0, "xread", "read", "t"),
    ]);
    assert.deepEqual([commands, garbage], [7, 0]);
  });

  it("reads every byte of a key as the server escapes it", () => {
    const key = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const bytes = monitorLine({ words: ["SET", key, key] });
    const { accesses, garbage } = decoded([bytes]);
    assert.deepEqual(accesses, [shown(0, "set", "write", key)]);
    assert.equal(garbage, 0);
  });

  it("counts what a script does, not the keys that it was given", () => {
    const { accesses, commands } = decodedLines([
      { words: ["EVAL", "return redis.call('get', KEYS[1])", "1", "k"] },
      { words: ["get", "k"], address: "lua" },
      { words: ["FCALL_RO", "peek", "1", "k"] },
      { words: ["get", "k"], address: "lua" },
    ]);
    assert.deepEqual(accesses, [shown(0, "get", "read", "k"), shown(0, "get", "read", "k")]);
    assert.equal(commands, 4);
  });

  it("leaves out what Keyheat asks on its other connection, and nothing else", () => {
    const own = "127.0.0.1:1234";
    const { commands } = decodedLines(
      [
        { words: ["INFO", "stats"], address: own },
        { words: ["PING"], address: own },
        { words: ["PING"], address: "127.0.0.1:123" },
        { words: ["GET", "k"], address: own },
      ],
      { ownAddress: own },
    );
    assert.equal(commands, 2);
  });

  it("finds the same keys as with all words at hand, however the stream is cut", () => {
    const commands = fc.array(command, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(commands, fc.array(fc.nat()), (ran, places) => {
        const stream = Buffer.concat(ran.map(monitorLine));
        const { accesses, commands: count, garbage, unread } = decoded(cutAt(stream, places));
        assert.deepEqual(accesses, ran.flatMap(expected));
        assert.deepEqual([count, garbage, unread], [ran.length, 0, 0]);
      }),
    );
  });

  it("finds the same keys byte by byte", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 4 }), (ran) => {
        const stream = Buffer.concat(ran.map(monitorLine));
        const bytes = Array.from(stream, (_, i) => stream.subarray(i, i + 1));
        assert.deepEqual(decoded(bytes), decoded([stream]));
      }),
    );
  });

  it("counts garbage, never throws at it, and reads on at the next line", () => {
    const good = { words: ["GET", "after"] };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat()), (noise, places) => {
        const stream = Buffer.concat([noise, Buffer.from("\n"), monitorLine(good)]);
        const { accesses } = decoded(cutAt(stream, places));
        assert.equal(accesses.at(-1), shown(0, "get", "read", "after"));
      }),
    );
    const damaged = fc
      .tuple(command, fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([ran, place, byte]) => {
        const line = monitorLine(ran);
        line[place % line.length] = byte;
        return line;
      });
    fc.assert(
      fc.property(fc.array(damaged, { maxLength: 5 }), (lines) => {
        const { accesses } = decoded([...lines, Buffer.from("\n"), monitorLine(good)]);
        assert.equal(accesses.at(-1), shown(0, "get", "read", "after"));
      }),
    );
    assert.equal(decoded([Buffer.from("+OK\r\n-ERR x\r\n\r\n")]).garbage, 3);
  });

  it("takes a value of 64 MiB, and a key of 1 MiB, without growing", () => {
    const accesses: number[] = [];
    const decoder = new MonitorDecoder({
      access: (_db, _command, _kind, _keys, start, end) => accesses.push(end - start),
    });
    const piece = Buffer.alloc(64 * 1024, "v");
    const [head, tail] = [
      monitorLine({ words: ["MSET", "k", "v"] }).subarray(0, -3),
      Buffer.from('" "l" "w"\r\n'),
    ];
    const key = monitorLine({ words: ["SET", Buffer.alloc(2 ** 20, "\n"), "v"] });
    global.gc?.();
    const before = process.memoryUsage();
    decoder.push(head);
    for (let i = 0; i < 1024; i++) decoder.push(piece);
    decoder.push(tail);
    decoder.push(key);
    const after = process.memoryUsage();
    assert.deepEqual(accesses, [1, 1, 1034]);
    assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 2 ** 20, "bytes were kept");
    assert.ok(after.heapUsed - before.heapUsed < 32 * 2 ** 20, "the heap grew");
  });

  it("tells of commands with more words than it looks into", () => {
    const many = Array.from({ length: 40_000 }, (_, i) => `k${i}`);
    const { accesses, unread, commands } = decodedLines([
      { words: ["DEL", ...many] },
      { words: ["GET", "k"] },
    ]);
    assert.deepEqual([accesses.length, unread, commands], [1, 1, 2]);
  });

  it("tells of commands with more keys than it counts", () => {
    const keys = Array.from({ length: 10_001 }, (_, i) => `k${i}`);
    const all = decodedLines([{ words: ["MGET", ...keys.slice(1)] }]);
    assert.deepEqual([all.accesses.length, all.unread], [10_000, 0]);
    const some = decodedLines([{ words: ["MGET", ...keys] }]);
    assert.deepEqual([some.accesses.length, some.unread], [10_000, 1]);
  });
});
