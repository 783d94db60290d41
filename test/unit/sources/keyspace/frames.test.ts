import assert from "node:assert/strict";
import { test } from "node:test";
import { keep } from "../../../../src/model/key.ts";
import type { KeyPlace } from "../../../../src/sources/keyspace/careful-frames.ts";
import type { EventSink, ReplySink } from "../../../../src/sources/keyspace/frame-sink.ts";
import { FrameReader } from "../../../../src/sources/keyspace/frames.ts";
import { ProtocolError } from "../../../../src/sources/keyspace/protocol-error.ts";
import fc from "../../../support/fast-check.ts";
import { KEYEVENT_PATTERN, message } from "../../../support/pubsub-bytes.ts";

const CODES: Record<string, number> = { set: 1, del: 2, keymiss: 3 };
const UNKNOWN = 9;

interface Seen {
  events: { db: number; code: number; key: string }[];
  replies: string[][];
  errors: string[];
  unknown: string[];
  foreign: number;
}

function readerOf(keyPlace: KeyPlace = "payload", counts?: (pattern: string, key: Uint8Array) => boolean) {
  const seen: Seen = { events: [], replies: [], errors: [], unknown: [], foreign: 0 };
  const events: EventSink = {
    event: (db, code, keys, start, end) => {
      const key = Buffer.from(keys.buffer, keys.byteOffset + start, end - start).toString("base64");
      seen.events.push({ db, code, key });
    },
    unknownEvent: (name) => seen.unknown.push(name),
    foreign: () => {
      seen.foreign++;
    },
    endOfRead: () => {},
  };
  const replies: ReplySink = {
    reply: (items) => seen.replies.push([...items]),
    error: (message) => seen.errors.push(message),
  };
  const reader = new FrameReader(events, replies, {
    keyPlace,
    codeOf: (name) => CODES[name] ?? UNKNOWN,
    unknownCode: UNKNOWN,
    ...(counts ? { counts } : {}),
  });
  return { reader, seen };
}

const kept = (key: string | Uint8Array) => Buffer.from(keep(Buffer.from(key as string))).toString("base64");

test("a RESP2 message and a RESP3 push are the same event", () => {
  for (const type of ["*", ">"]) {
    const { reader, seen } = readerOf();
    reader.push(message("__keyevent@3__:set", "user:1", KEYEVENT_PATTERN, type));
    assert.deepEqual(seen.events, [{ db: 3, code: 1, key: kept("user:1") }]);
  }
});

test("confirmations, PONG, errors and messages of other channels in between disturb nothing", () => {
  const { reader, seen } = readerOf();
  reader.push(
    Buffer.concat([
      Buffer.from("+OK\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n"),
      message("__keyevent@0__:set", "a"),
      Buffer.from("*2\r\n$4\r\npong\r\n$0\r\n\r\n-NOPERM no\r\n"),
      message("news", "hello"),
      message("__keyevent@0__:json.set", "doc"),
      message("__keyevent@0__:del", ""),
    ]),
  );
  assert.deepEqual(seen.replies, [["OK"], ["psubscribe", "a", "1"], ["pong", ""]]);
  assert.deepEqual(seen.errors, ["NOPERM no"]);
  assert.equal(seen.foreign, 1);
  assert.deepEqual(seen.unknown, ["json.set"]);
  assert.deepEqual(
    seen.events.map(({ code }) => code),
    [1, UNKNOWN, 2],
  );
  assert.equal(seen.events[2]?.key, "");
});

test("any splitting of the stream gives the same events", () => {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(
      Buffer.from("a b\r\nc"),
      Buffer.alloc(1024, 107),
      Buffer.alloc(1025, 108),
      Buffer.alloc(40_000, 0x7a),
    ),
  );
  const event = fc.record({
    db: fc.integer({ min: 0, max: 20 }),
    name: fc.constantFrom("set", "del", "keymiss"),
    key,
  });
  const splits = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), splits, (events, sizes) => {
      const stream = Buffer.concat(
        events.map(({ db, name, key }) => message(`__keyevent@${db}__:${name}`, key)),
      );
      const { reader, seen } = readerOf();
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        reader.push(stream.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(
        seen.events,
        events.map(({ db, name, key }) => ({ db, code: CODES[name], key: kept(key) })),
      );
    }),
    { numRuns: 200 },
  );
});

test("chunks of one byte are enough", () => {
  const { reader, seen } = readerOf();
  const stream = Buffer.concat([
    message("__keyevent@0__:set", "k\r\n1"),
    message("__keyevent@15__:del", "$4\r\n"),
  ]);
  for (const byte of stream) reader.push(Uint8Array.of(byte));
  assert.deepEqual(seen.events, [
    { db: 0, code: 1, key: kept("k\r\n1") },
    { db: 15, code: 2, key: kept("$4\r\n") },
  ]);
});

test("two keys of 100 KiB that differ in the last byte stay two, split or not", () => {
  const first = Buffer.alloc(100 * 1024, 0x61);
  const second = Buffer.from(first);
  second[second.length - 1] = 0x62;
  const { reader, seen } = readerOf();
  const stream = Buffer.concat([message("__keyevent@0__:set", first), message("__keyevent@0__:set", second)]);
  reader.push(stream.subarray(0, 70_000));
  reader.push(stream.subarray(70_000));
  assert.equal(seen.events.length, 2);
  assert.notEqual(seen.events[0]?.key, seen.events[1]?.key);
  assert.equal(seen.events[0]?.key, kept(first));
});

test("a key of gigabytes is refused, one of megabytes takes no memory of its size", () => {
  const { reader, seen } = readerOf();
  const size = 20 * 1024 * 1024;
  const head = message("__keyevent@0__:set", "x").subarray(0, -7);
  reader.push(Buffer.concat([head, Buffer.from(`$${size}\r\n`)]));
  const before = process.memoryUsage().arrayBuffers;
  const piece = Buffer.alloc(65_536, 0x71);
  for (let sent = 0; sent < size; sent += piece.length) reader.push(piece);
  reader.push(Buffer.from("\r\n"));
  assert.equal(seen.events.length, 1);
  assert.ok(process.memoryUsage().arrayBuffers - before < size / 4);
  assert.throws(
    () => readerOf().reader.push(Buffer.from("*4\r\n$8\r\npmessage\r\n$99999999999\r\n")),
    ProtocolError,
  );
});

test("with keys in the channel, the first pattern that fits counts, and the event is the payload", () => {
  const { reader, seen } = readerOf("channel", (pattern) => pattern === "__keyspace@*__:user:*");
  reader.push(message("__keyspace@2__:user:1", "set", "__keyspace@*__:user:*"));
  reader.push(message("__keyspace@2__:user:1", "set", "__keyspace@*__:*:1"));
  assert.deepEqual(seen.events, [{ db: 2, code: 1, key: kept("user:1") }]);
});

test("bytes that are no RESP are a protocol error, never anything else", () => {
  assert.throws(() => readerOf().reader.push(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")), ProtocolError);
  assert.throws(
    () => readerOf().reader.push(Buffer.from("*4\r\n$8\r\npmessage\r\n$2\r\nabXX")),
    ProtocolError,
  );
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }),
      fc.boolean(),
      (chunks, isPrefixed) => {
        const { reader } = readerOf();
        try {
          if (isPrefixed) reader.push(message("__keyevent@0__:set", "k").subarray(0, 30));
          for (const chunk of chunks) reader.push(chunk);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
