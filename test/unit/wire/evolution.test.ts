import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  file_keyheat,
  HeatRecordSchema,
  HotSetRecordSchema,
  PanesRecordSchema,
  StateRecordSchema,
} from "../../../src/wire/generated/keyheat_pb.ts";
import { decodeHeat } from "../../../src/wire/heat-codec.ts";
import { decodeHotSet } from "../../../src/wire/hot-set-codec.ts";
import { ELEMENTS_MAX } from "../../../src/wire/limits.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/message-codec.ts";
import { decodeState } from "../../../src/wire/state-codec.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { GOLDENS } from "../../support/wire-goldens.ts";

const fixtures = new URL("../../fixtures/wire/", import.meta.url);

test("today's bytes are those of the fixtures, and they say what they said", () => {
  for (const { name, value, bytes, decode } of GOLDENS) {
    const fixture = readFileSync(new URL(`${name}.bin`, fixtures));
    assert.deepEqual(decode(fixture), { value }, name);
    assert.deepEqual(Buffer.from(bytes), fixture, name);
  }
});

test("what the first release wrote is still understood", () => {
  const reader = new BinaryReader(readFileSync(new URL("v1.binpb", fixtures)));
  let records = 0;
  for (; reader.pos < reader.len; records++) {
    const { name, value, decode } = GOLDENS[records]!;
    assert.deepEqual(decode(reader.bytes()), { value }, name);
  }
  assert.equal(records, 13);
});

test("the generated code is that of the schema", () => {
  const folder = new URL("../../../src/wire/", import.meta.url);
  const hash = createHash("sha256")
    .update(readFileSync(new URL("keyheat.proto", folder)))
    .digest("hex");
  const [firstLine] = readFileSync(new URL("generated/keyheat_pb.ts", folder), "utf8").split("\n");
  assert.equal(firstLine, `// keyheat.proto with SHA-256 ${hash}`);
});

test("every list and map of the schema has a limit", () => {
  const lists = file_keyheat.messages
    .flatMap(({ fields }) => fields)
    .filter(({ fieldKind }) => fieldKind === "list" || fieldKind === "map");
  assert.deepEqual(new Set(ELEMENTS_MAX.keys()), new Set(lists));
  assert.ok(lists.length > 15);
});

/** A field that no reader knows yet. */
const unknownField = { no: 1999, wireType: WireType.LengthDelimited, data: Uint8Array.of(3, 1, 2, 3) };

/** `bytes` as a newer writer would write them: a field more in the record and in all messages of its body. */
function withUnknownFields(schema: DescMessage, bytes: Uint8Array): Uint8Array {
  const record = fromBinary(schema, bytes);
  addUnknown(record);
  return toBinary(schema, record);
}

function addUnknown(node: unknown): void {
  if (typeof node !== "object" || node === null || node instanceof Uint8Array) return;
  if ("$typeName" in node) Object.assign(node, { $unknown: [unknownField] });
  for (const child of Object.values(node)) if (child !== node) addUnknownUnder(child);
}

function addUnknownUnder(child: unknown): void {
  if (Array.isArray(child)) child.forEach(addUnknown);
  else addUnknown(child);
}

const schemas = [PanesRecordSchema, HeatRecordSchema, StateRecordSchema, HotSetRecordSchema];

function schemaOf(decode: unknown): DescMessage {
  const decoders: readonly unknown[] = [decodeMessage, decodeHeat, decodeState, decodeHotSet];
  return schemas[decoders.indexOf(decode)]!;
}

test("fields of a newer writer are overlooked, and survive where a record is only passed on", () => {
  for (const { name, value, bytes, decode } of GOLDENS) {
    const newer = withUnknownFields(schemaOf(decode), bytes);
    assert.ok(newer.length >= bytes.length + 12, name);
    assert.deepEqual(decode(newer), { value }, name);
    const schema = schemaOf(decode);
    assert.deepEqual(toBinary(schema, fromBinary(schema, newer)), newer, name);
  }
});

test("a record of a newer version is refused and its version named, whatever else it holds", () => {
  for (const { name, bytes, decode } of GOLDENS) {
    assert.deepEqual(
      decode(Uint8Array.of(0x08, 0x03, ...bytes.subarray(2))),
      { problem: "a newer version (3)" },
      name,
    );
    assert.deepEqual(decode(Uint8Array.of(0x08, 0x02, 0xff, 0xff)), { problem: "a newer version (2)" }, name);
  }
});

test("a record without a version is none, and one of a type that is not known says so", () => {
  for (const { decode } of GOLDENS) {
    assert.deepEqual(decode(new Uint8Array(0)), { problem: "empty" });
    assert.deepEqual(decode(Uint8Array.of(0x08, 0x00)), { problem: "no version" });
    assert.deepEqual(decode(Uint8Array.of(0x12, 0x00)), { problem: "no version" });
  }
  const newType = new BinaryWriter()
    .uint32(0x08)
    .uint32(1)
    .tag(99, WireType.LengthDelimited)
    .bytes(Uint8Array.of(1));
  const record = newType.finish();
  assert.deepEqual(decodeMessage(record), { problem: "a message of an unknown type" });
  assert.deepEqual(decodeState(record), { problem: "a record of an unknown type" });
});

const NO_COUNTS = { read: 0, write: 0, miss: 0 };

test("fields that an older writer did not know have sane values", () => {
  const read = (message: Parameters<typeof messageOf>[0]) => decodeMessage(messageOf(message));
  assert.deepEqual(read("part"), {
    value: {
      ...makePart({ agent: "", epoch: 0, cluster: "", target: "", lengthMs: 0, buckets: 0, closing: false }),
      sees: [],
      complete: false,
    },
  });
  assert.deepEqual(read("report"), {
    value: {
      ...makeReport({
        agent: "",
        epoch: 0,
        cluster: "",
        target: "",
        atMs: 0,
        reachable: false,
        role: "unknown",
      }),
      pane: { startMs: 0, lengthMs: 0 },
      observed: NO_COUNTS,
      sources: [],
    },
  });
  const facts = { type: "", bytes: null, ttlSeconds: null, encoding: null };
  const bytes = new Uint8Array(0);
  assert.deepEqual(read("facts"), { value: { type: "facts", cluster: "", db: 0, bytes, atMs: 0, facts } });
  assert.deepEqual(read("services"), {
    value: { type: "services", agent: "", cluster: "", atMs: 0, services: [] },
  });
  assert.deepEqual(read("topology"), {
    value: { type: "topology", agent: "", cluster: "", atMs: 0, targets: [], slotsCovered: null },
  });
  const names = { agent: "", cluster: "", target: "" };
  const numbers = { epoch: 0, number: 0, startMs: 0, lengthMs: 0, read: 0, write: 0 };
  assert.deepEqual(read("clients"), { value: { type: "clients", ...names, ...numbers, closing: false } });
});

/** A record whose message has no field at all. */
function messageOf(type: "part" | "report" | "facts" | "services" | "topology" | "clients"): Uint8Array {
  const message = { case: type, value: {} };
  return toBinary(PanesRecordSchema, create(PanesRecordSchema, { version: 1, message }));
}

test("words of a newer writer: a kind that is seen is overlooked, a role is unknown, a vantage refused", () => {
  const change = (bytes: Uint8Array, from: string, to: string) =>
    Buffer.from(Buffer.from(bytes).toString("latin1").replace(from, to), "latin1");
  const seen = decodeMessage(change(encodeMessage(makePart({ sees: ["write", "miss"] })), "write", "wrote"));
  assert.deepEqual(seen, { value: makePart({ sees: ["miss"] }) });
  const role = decodeMessage(change(encodeMessage(makeReport({ role: "primary" })), "primary", "primery"));
  assert.deepEqual(role, { value: makeReport({ role: "unknown" }) });
  const vantage = decodeMessage(change(encodeMessage(makePart()), "server-events", "server-evints"));
  assert.deepEqual(vantage, { problem: "an unknown vantage" });
});
