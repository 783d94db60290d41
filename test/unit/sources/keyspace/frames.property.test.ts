import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../../../src/sources/keyspace/protocol-error.ts";
import fc from "../../../support/fast-check.ts";
import {
  bulk,
  confirmation,
  KEYEVENT_PATTERN,
  keyevent,
  message,
  PONG_MESSAGE,
} from "../../../support/pubsub-bytes.ts";
import { type ReferenceOptions, readReference } from "../../../support/reference-frames.ts";
import { EVENT_NAMES, feed, linesOf, recordedReader } from "./recorded-reader.ts";

const PAYLOAD: ReferenceOptions = { keyPlace: "payload" };

const lengths = [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, 1023, 1024, 1025, 1034];
const longLengths = [32 * 1024 - 1, 32 * 1024, 40_000, 65_536, 100 * 1024];
const filled = (length: number) => Buffer.alloc(length, `key ${length} of many \r\n$3\r\n`);

const smallKey = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.uint8Array({ maxLength: 1034 }),
  fc.constantFrom(...lengths).map(filled),
  fc.constantFrom(
    Buffer.from("\r\n"),
    Buffer.from("$4\r\n"),
    keyevent("set", "inner"),
    PONG_MESSAGE,
    keyevent("del", "half").subarray(0, 40),
  ),
);
const key = fc.oneof(
  { weight: 12, arbitrary: smallKey },
  { weight: 1, arbitrary: fc.constantFrom(...longLengths).map(filled) },
);

const eventName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...EVENT_NAMES) },
  { weight: 1, arbitrary: fc.constantFrom("json.set", "set ", "a".repeat(90), "é", "__proto__") },
);
const db = fc.oneof(fc.constantFrom(0, 0, 1), fc.constantFrom(2, 10, 15, 100, 1_048_575, 1_048_576));

function eventOf(keys: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  return fc
    .record({ db, eventName, key: keys, type: fc.constantFrom("*", "*", "*", ">") })
    .map(({ db, eventName, key, type }) =>
      message(`__keyevent@${db}__:${eventName}`, key, KEYEVENT_PATTERN, type),
    );
}

const foreign = fc
  .record({
    channel: fc.oneof(
      fc.constantFrom(
        "",
        "news",
        "__keyevent@__:set",
        "__keyevent@0_:set",
        "__keyspace@0__:k",
        "__keyevent@x__:set",
      ),
      fc.constantFrom(
        "__keyevent@99999999999999999999__:set",
        "__keyevent@00__:set",
        "c".repeat(20_000),
        `__keyevent@0__:${"e".repeat(300)}`,
      ),
    ),
    payload: key,
    pattern: fc.constantFrom(KEYEVENT_PATTERN, "*", "p".repeat(2000)),
  })
  .map(({ channel, payload, pattern }) => message(channel, payload, pattern));

const other = fc.constantFrom(
  confirmation("psubscribe", KEYEVENT_PATTERN, 1),
  Buffer.concat([Buffer.from(">3\r\n"), bulk("punsubscribe"), bulk(KEYEVENT_PATTERN), Buffer.from(":0\r\n")]),
  PONG_MESSAGE,
  Buffer.from("+PONG\r\n"),
  Buffer.from("+OK\r\n"),
  Buffer.from("-NOPERM no\rpermission \n here\r\n"),
  Buffer.from(":12\r\n"),
  Buffer.concat([Buffer.from("*3\r\n"), bulk("message"), bulk("__keyevent@0__:set"), bulk("k")]),
  Buffer.concat([Buffer.from("*1\r\n"), bulk("pmessage")]),
  Buffer.from(`*2\r\n$4\r\npong\r\n+${"x".repeat(2000)}\r\n`),
);

const frame = fc.oneof(
  { weight: 12, arbitrary: eventOf(key) },
  { weight: 1, arbitrary: foreign },
  { weight: 2, arbitrary: other },
);
const sizes = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.constantFrom(1, 5, 65_535, 65_536, 65_537, 200_000), { minLength: 1, maxLength: 6 }),
);
const way = fc.constantFrom("push" as const, "input" as const);

function assertAsReference(
  stream: Buffer,
  sizes: readonly number[],
  way: "push" | "input",
  options = PAYLOAD,
): void {
  const { reader, lines } = recordedReader(options);
  const { happenings, problem } = readReference(stream, options);
  assert.equal(problem, null);
  feed(reader, stream, sizes, way);
  assert.deepEqual(lines, linesOf(happenings));
}

test("whatever a server sends, and however it is split, is read as the reference reads it", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 25 }), sizes, way, (frames, sizes, way) => {
      assertAsReference(Buffer.concat(frames), sizes, way);
    }),
    { numRuns: 400 },
  );
});

test("a stream of small messages, split anywhere, is read as the reference reads it", () => {
  fc.assert(
    fc.property(
      fc.array(eventOf(smallKey), { minLength: 1, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }),
      way,
      (frames, sizes, way) => assertAsReference(Buffer.concat(frames), sizes, way),
    ),
    { numRuns: 300 },
  );
});

test("a stream that ends anywhere has given what was whole, and goes on from there", () => {
  const whole = Buffer.concat([keyevent("set", "k1"), keyevent("del", filled(1030)), keyevent("set", "")]);
  for (let cut = 0; cut <= whole.length; cut++) {
    const { reader, lines } = recordedReader(PAYLOAD);
    feed(reader, whole.subarray(0, cut), [70_000], "input");
    const before = readReference(whole.subarray(0, cut), PAYLOAD);
    assert.deepEqual(lines, linesOf(before.happenings), `at ${cut}`);
    feed(reader, whole.subarray(cut), [70_000], "input");
    assert.deepEqual(lines, linesOf(readReference(whole, PAYLOAD).happenings), `from ${cut}`);
  }
});

test("what is left in memory of the read before is never taken for what has come", () => {
  const one = keyevent("set", "the same key");
  for (let cut = 1; cut < one.length; cut++) {
    const { reader, lines } = recordedReader(PAYLOAD);
    reader.push(one);
    reader.push(one);
    assert.equal(lines.length, 2);
    reader.push(one.subarray(0, cut));
    assert.equal(lines.length, 2, `at ${cut}`);
    reader.push(one.subarray(cut));
    assert.equal(lines.length, 3, `from ${cut}`);
  }
});

test("a key is what it was until the read ends, also where the next frame's beginning goes into its place", () => {
  const one = keyevent("set", "k".repeat(20));
  const next = keyevent("expire", "k".repeat(20));
  for (let cut = 1; cut < one.length; cut++) {
    for (let more = 1; more < next.length; more++) {
      const { reader, lines } = recordedReader(PAYLOAD);
      reader.push(one.subarray(0, cut));
      reader.push(Buffer.concat([one.subarray(cut), next.subarray(0, more)]));
      assert.equal(lines.length, 1);
    }
  }
});

test("a line of many bytes is read, one that does not end is a protocol error", () => {
  const line = Buffer.from(`*2\r\n$4\r\npong\r\n+${"x".repeat(60_000)}\r\n`);
  assertAsReference(Buffer.concat([keyevent("set", "a"), line, keyevent("set", "b")]), [1000], "push");
  const { reader, lines } = recordedReader(PAYLOAD);
  assert.throws(() => feed(reader, Buffer.alloc(200_000, "+"), [10_000], "input"), ProtocolError);
  assert.deepEqual(lines, []);
});

test("a channel that is first seen with a long key, and ever again, is read like any other", () => {
  const long = filled(5000);
  const frames = [keyevent("set", filled(100 * 1024)), keyevent("set", "short")];
  for (let i = 0; i < 300; i++)
    frames.push(keyevent("set", long), keyevent("set", `k${i}`), keyevent("del", long, i));
  frames.push(keyevent("expire", "k"), keyevent("expire", "k"));
  assertAsReference(Buffer.concat(frames), [65_536], "input");
  assertAsReference(Buffer.concat(frames), [777], "push");
});

test("more channels than are remembered are all told apart", () => {
  const frames = Array.from({ length: 3 }, () =>
    Array.from({ length: 500 }, (_, db) => keyevent(EVENT_NAMES[db % 8] ?? "", `k${db}`, db)),
  ).flat();
  assertAsReference(Buffer.concat(frames), [10_000], "input");
});

/** Bytes that mean something somewhere in a head, and some that never do. */
const TELLING_BYTES = [...Buffer.from("0159\r\n$*>+-:_@xS"), 0, 0x7f, 0x80, 0xff];

test("a head that differs from a known one in any one byte is not taken for it", () => {
  const known = keyevent("set", "key");
  for (let place = 0; place < known.length; place++) {
    for (const byte of [...TELLING_BYTES, (known[place] ?? 0) ^ 1]) {
      const changed = Buffer.from(known);
      changed[place] = byte;
      assertNeverWrong(Buffer.concat([known, known, changed, known, known]), [70_000], "input");
    }
  }
});

test("a length without a digit is no length, also behind a head that is known", () => {
  const known = keyevent("set", "");
  const withoutDigit = Buffer.from(known.toString("latin1").replace(/\$0\r\n\r\n$/, "$\r\n\r\n"), "latin1");
  const { reader, lines } = recordedReader(PAYLOAD);
  reader.push(Buffer.concat([known, known]));
  assert.throws(() => reader.push(withoutDigit), ProtocolError);
  assert.equal(lines.length, 2);
});

/** Whatever is wrong with a stream: all that is handed on of it is right, and then it is a protocol error. */
function assertNeverWrong(
  stream: Buffer,
  sizes: readonly number[],
  way: "push" | "input",
  options = PAYLOAD,
): void {
  const { reader, lines } = recordedReader(options);
  const { happenings, problem } = readReference(stream, options);
  const expected = linesOf(happenings);
  try {
    feed(reader, stream, sizes, way);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, error instanceof Error ? error.stack : String(error));
    assert.deepEqual(lines, expected.slice(0, lines.length));
    return;
  }
  assert.deepEqual(lines, expected);
  assert.equal(problem, null, "nothing was found wrong");
}

/** A change of a stream at a place, which is a share of its length. */
const damage = fc.record({
  place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  removed: fc.constantFrom(0, 1, 1, 1, 2, 7, 60),
  added: fc.oneof(
    fc.constant(new Uint8Array()),
    fc.uint8Array({ minLength: 1, maxLength: 4 }),
    fc
      .array(fc.constantFrom(...TELLING_BYTES), { minLength: 1, maxLength: 3 })
      .map((bytes) => Uint8Array.from(bytes)),
  ),
});

function damaged(
  stream: Buffer,
  damages: readonly { place: number; removed: number; added: Uint8Array }[],
): Buffer {
  return damages.reduce((bytes, { place, removed, added }) => {
    const at = Math.floor(place * bytes.length);
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
  }, stream);
}

test("damage to a stream whose heads are known gives a protocol error or what the bytes say, never a wrong event", () => {
  const known = Buffer.concat([0, 1].flatMap((db) => EVENT_NAMES.map((name) => keyevent(name, "warm", db))));
  const shortKey = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom(99, 100, 1024).map(filled),
    fc.constant(keyevent("set", "inner")),
  );
  fc.assert(
    fc.property(
      fc.array(eventOf(shortKey), { minLength: 1, maxLength: 8 }),
      fc.array(damage, { minLength: 1, maxLength: 2 }),
      sizes,
      way,
      (frames, damages, sizes, way) => {
        assertNeverWrong(Buffer.concat([known, damaged(Buffer.concat(frames), damages)]), sizes, way);
      },
    ),
    { numRuns: 3000 },
  );
});

test("damage to confirmations, errors and long keys is a protocol error or what the bytes say", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 6 }),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      sizes,
      way,
      (frames, damages, sizes, way) => assertNeverWrong(damaged(Buffer.concat(frames), damages), sizes, way),
    ),
    { numRuns: 500 },
  );
});

test("a pattern so long that a head of it does not fit is read, and harms no later read", () => {
  const pattern = `__keyevent@*__:${"*".repeat(20_000)}`;
  const frames = Array.from({ length: 5 }, (_, i) => message("__keyevent@0__:set", `k${i}`, pattern));
  const tail = Array.from({ length: 4000 }, () => Buffer.from("+OK\r\n"));
  assertAsReference(Buffer.concat([...frames, ...tail, ...frames]), [65_536], "input");
});

test("with keys in channels' names, keys of any length are read as the reference reads them", () => {
  const counts = (pattern: string, key: Uint8Array) =>
    (pattern === "__keyspace@*__:*") === (key.length % 2 === 0);
  const options: ReferenceOptions = { keyPlace: "channel", counts };
  const event = fc
    .record({
      db,
      eventName,
      key: fc.oneof(
        { weight: 20, arbitrary: key },
        { weight: 1, arbitrary: fc.constant(filled(200 * 1024)) },
      ),
      pattern: fc.constantFrom("__keyspace@*__:*", "__keyspace@*__:k*"),
    })
    .map(({ db, eventName, key, pattern }) =>
      message(Buffer.concat([Buffer.from(`__keyspace@${db}__:`), key]), eventName, pattern),
    );
  const frames = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: event },
      { weight: 1, arbitrary: foreign },
      { weight: 1, arbitrary: other },
    ),
    { maxLength: 15 },
  );
  fc.assert(
    fc.property(frames, sizes, way, (frames, sizes, way) =>
      assertAsReference(Buffer.concat(frames), sizes, way, options),
    ),
    { numRuns: 150 },
  );
});
