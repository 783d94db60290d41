import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { PanesRecordSchema, StateRecordSchema } from "../../../src/wire/generated/keyheat_pb.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/message-codec.ts";
import { decodeState } from "../../../src/wire/state-codec.ts";
import { makePart } from "../../support/parts.ts";
import { wholeNumbers } from "../../support/random.ts";
import { GOLDENS } from "../../support/wire-goldens.ts";

type Body = NonNullable<MessageInitShape<typeof PanesRecordSchema>["message"]>;
type PartInit = Extract<Body, { case: "part" }>["value"];
type EntriesInit = NonNullable<NonNullable<PartInit>["entries"]>;

function panesRecord(message: Body): Uint8Array {
  return toBinary(PanesRecordSchema, create(PanesRecordSchema, { version: 1, message }));
}

function problemOf(message: Body): string {
  const decoded = decodeMessage(panesRecord(message));
  return "problem" in decoded ? decoded.problem : "none";
}

function problemOfEntries(entries: EntriesInit): string {
  return problemOf({ case: "part", value: { entries } });
}

const twoKeys = { keyLengths: Uint8Array.of(1, 1), keys: Uint8Array.of(0x61, 0x62) };

test("columns that do not fit each other are a problem", () => {
  assert.equal(problemOfEntries(twoKeys), "none");
  const short = { whole: Uint8Array.of(1) };
  assert.equal(problemOfEntries({ ...twoKeys, reads: short }), "columns of different lengths");
  assert.equal(
    problemOfEntries({ ...twoKeys, commandCounts: { whole: Uint8Array.of(1, 0) } }),
    "columns of different lengths",
  );
  assert.equal(
    problemOfEntries({ ...twoKeys, errors: { real: new Uint8Array(12) } }),
    "columns of different lengths",
  );
  assert.equal(problemOfEntries({ ...twoKeys, clients: { bytes: short } }), "columns of different lengths");
  assert.equal(problemOfEntries({ ...twoKeys, keys: Uint8Array.of(0x61) }), "key bytes missing or left over");
  assert.equal(problemOfEntries({ ...twoKeys, keys: new Uint8Array(3) }), "key bytes missing or left over");
  assert.equal(
    problemOfEntries({ keyLengths: Uint8Array.of(1, 0x81), keys: new Uint8Array(1) }),
    "truncated",
  );
});

test("numbers that cannot be are a problem", () => {
  const doubles = (...values: number[]) => ({ real: new Uint8Array(Float64Array.from(values).buffer) });
  assert.equal(
    problemOfEntries({ ...twoKeys, reads: doubles(1, Number.NaN) }),
    "a number that is not finite",
  );
  assert.equal(problemOfEntries({ ...twoKeys, dbs: doubles(1, 2 ** 31) }), "a number out of range");
  assert.equal(problemOfEntries({ ...twoKeys, dbs: doubles(1, 0.5) }), "a number out of range");
  const nineBytes = Uint8Array.of(1, ...new Uint8Array(8).fill(0xff), 1);
  assert.equal(problemOfEntries({ ...twoKeys, reads: { whole: nineBytes } }), "a number out of range");
  assert.equal(problemOf({ case: "part", value: { startMs: Number.NaN } }), "a number that is not finite");
  assert.equal(
    problemOf({ case: "report", value: { cpu: Number.POSITIVE_INFINITY } }),
    "a number that is not finite",
  );
});

test("ids without a name are a problem, in each form", () => {
  const ids = new Uint8Array(8);
  ids[7] = 2;
  const entries = { ...twoKeys, commandNames: ["set"] };
  assert.equal(problemOfEntries({ ...entries, commandIds: { whole: ids } }), "a command without a name");
  const real = new Uint8Array(Float64Array.from(ids).buffer);
  assert.equal(problemOfEntries({ ...entries, commandIds: { real } }), "a command without a name");
  const clients = { serviceNames: ["cart"], serviceIds: { whole: ids } };
  assert.equal(problemOfEntries({ ...twoKeys, clients }), "a service without a name");
});

test("what passes a limit is a problem, named without its content", () => {
  const longName = "secret".repeat(200);
  assert.equal(problemOf({ case: "part", value: { agent: longName } }), "agent is too long");
  assert.equal(problemOf({ case: "facts", value: { key: new Uint8Array(1035) } }), "key is too long");
  const length1035 = Uint8Array.of(0x8b, 0x08);
  assert.equal(problemOfEntries({ keyLengths: length1035, keys: new Uint8Array(1035) }), "a key is too long");
  assert.equal(problemOfEntries({ keyLengths: new Uint8Array(65_537) }), "too many entries");
  const targets = new Array<string>(20_001).fill("");
  assert.equal(problemOf({ case: "topology", value: { targets } }), "too many targets");
  assert.equal(problemOf({ case: "part", value: { slots: { ends: [5, 4] } } }), "invalid slots");
  assert.equal(problemOf({ case: "part", value: { slots: { ends: [0, 16_384] } } }), "invalid slots");
  assert.equal(problemOf({ case: "part", value: { slots: { ends: [7] } } }), "invalid slots");
  assert.deepEqual(decodeMessage(new Uint8Array(4 * 1024 * 1024 + 1)), { problem: "larger than 4 MiB" });
});

test("a target in the state must have its report", () => {
  const record = create(StateRecordSchema, { version: 1, record: { case: "target", value: {} } });
  assert.deepEqual(decodeState(toBinary(StateRecordSchema, record)), {
    problem: "a target without its report",
  });
});

/** Two million empty messages would be as many objects. */
test("a record of nothing but empty messages, or of groups in groups, is refused at once", () => {
  const services = Buffer.alloc(4_000_000, Uint8Array.of((4 << 3) | 2, 0));
  const report = new BinaryWriter()
    .uint32(0x08)
    .uint32(1)
    .tag(5, WireType.LengthDelimited)
    .bytes(services)
    .finish();
  const startMs = performance.now();
  assert.deepEqual(decodeMessage(report), { problem: "too many services" });
  const groups = Buffer.concat([Uint8Array.of(0x08, 1), Buffer.alloc(4_000_000, (15 << 3) | 3)]);
  assert.deepEqual(decodeMessage(groups), { problem: "malformed" });
  const parts = Buffer.concat([
    Uint8Array.of(0x08, 1),
    Buffer.alloc(4_000_000, Uint8Array.of((2 << 3) | 2, 0)),
  ]);
  assert.deepEqual(decodeMessage(parts), { problem: "too many messages" });
  assert.ok(performance.now() - startMs < 2000);
});

test("entries that are only claimed take no more than a few times the record's memory", () => {
  const record = panesRecord({
    case: "part",
    value: { entries: { keyLengths: new Uint8Array(65_536), clients: {} } },
  });
  const before = process.memoryUsage().arrayBuffers;
  const decoded = Array.from({ length: 40 }, () => decodeMessage(record));
  const grownBytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(
    decoded.every(
      (one) => "value" in one && one.value.type === "part" && one.value.entries.length === 65_536,
    ),
  );
  // Before any collection: the offsets of 4 bytes an entry, and lengths of 8 that they are made from.
  assert.ok(grownBytes < 40 * 13 * record.length, `${Math.round(grownBytes / 40 / record.length)} times`);
});

test("10,000 records that were cut, flipped, joined or drawn give a value or a short problem, and nothing is thrown", (t) => {
  const draw = wholeNumbers(20_261_128);
  const problems = new Map<string, number>();
  let values = 0;
  for (let i = 0; i < 10_000; i++) {
    const { bytes: whole, decode, decodeAgain } = GOLDENS[draw(GOLDENS.length)]!;
    const bytes = damaged(whole, draw);
    const decoded = decode(bytes);
    if ("value" in decoded) {
      values++;
      assert.deepEqual(decodeAgain(bytes), decoded);
    } else {
      assert.ok(decoded.problem.length > 0 && decoded.problem.length <= 60);
      const problem = decoded.problem.replace(/\d+/, "N");
      problems.set(problem, (problems.get(problem) ?? 0) + 1);
    }
  }
  t.diagnostic(`${values} values, ${JSON.stringify(Object.fromEntries(problems))}`);
  assert.ok(values > 1000 && problems.size > 10);
});

/** What may befall a record: cut, a bit flipped, some bytes overwritten, joined with another, or nothing like one. */
function damaged(whole: Uint8Array, draw: (below: number) => number): Uint8Array {
  const bytes = new Uint8Array(whole);
  const at = draw(bytes.length);
  switch (draw(5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      bytes[at]! ^= 1 << draw(8);
      return bytes;
    case 2:
      for (let i = draw(6); i >= 0; i--) bytes[draw(bytes.length)] = draw(256);
      return bytes;
    case 3: {
      const other = GOLDENS[draw(GOLDENS.length)]!.bytes;
      return Buffer.concat([bytes.subarray(0, at), other.subarray(draw(other.length))]);
    }
    default:
      return Uint8Array.from({ length: draw(300) }, (_, i) => (i < 2 ? [0x08, 1][i]! : draw(256)));
  }
}

test("every cut of a record is a problem, or one that ends between two of its fields", () => {
  const whole = encodeMessage(makePart({ rows: [{ key: "user:1", write: 3 }] }));
  for (let end = 3; end < whole.length; end++) {
    assert.deepEqual(decodeMessage(whole.subarray(0, end)), { problem: "truncated" }, `${end}`);
  }
  assert.deepEqual(decodeMessage(whole.subarray(0, 2)), { problem: "a message of an unknown type" });
});
