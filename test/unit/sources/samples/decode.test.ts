import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keep } from "../../../../src/model/key.ts";
import { decodeBatch } from "../../../../src/sources/samples/decode.ts";

const SAMPLE = { key: "user:1", reads: 12 };
const BATCH = { service: "checkout", samples: [SAMPLE] };

function decode(body: unknown) {
  return decodeBatch(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
}

function batchOf(body: unknown) {
  const decoded = decode(body);
  assert.ok("batch" in decoded, JSON.stringify(decoded));
  return decoded.batch;
}

function problemOf(body: unknown): string {
  const decoded = decode(body);
  assert.ok("problem" in decoded, `${JSON.stringify(body).slice(0, 200)} was taken`);
  assert.ok(decoded.problem.message.length > 0);
  return decoded.problem.path;
}

function sampleOf(fields: object) {
  return batchOf({ ...BATCH, samples: [{ ...SAMPLE, ...fields }] }).samples[0]!;
}

function sampleProblem(fields: object): string {
  return problemOf({ ...BATCH, samples: [SAMPLE, { ...SAMPLE, ...fields }] });
}

/** One character a byte, as rows keep keys. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

describe("a batch of samples", () => {
  it("is read with all its fields", () => {
    const batch = batchOf({
      service: "checkout",
      instance: "pod-7",
      seq: 41,
      startMs: 1000,
      endMs: 2000,
      goodbye: true,
      probability: 0.5,
      samples: [
        { key: "a", db: 3, target: "[::1]:6379", reads: 5, misses: 2, bytes: 9, commands: { get: 5 } },
        { keyBase64: "/w==", writes: 1, absorbed: 4, probability: 1 },
      ],
    });
    assert.deepEqual(batch, {
      service: "checkout",
      instance: "pod-7",
      seq: 41,
      span: { startMs: 1000, endMs: 2000 },
      goodbye: true,
      samples: [
        {
          key: "a",
          db: 3,
          target: "[::1]:6379",
          probability: 0.5,
          reads: 5,
          writes: 0,
          misses: 2,
          absorbed: 0,
          bytes: 9,
          commands: { get: 5 },
        },
        {
          key: "\xff",
          db: 0,
          target: null,
          probability: 1,
          reads: 0,
          writes: 1,
          misses: 0,
          absorbed: 4,
          bytes: 0,
          commands: null,
        },
      ],
    });
  });

  it("needs no more than a service and samples, of which there may be none", () => {
    const batch = batchOf({ service: "s", samples: [] });
    assert.deepEqual(batch, {
      service: "s",
      instance: null,
      seq: null,
      span: null,
      goodbye: false,
      samples: [],
    });
  });

  it("may have fields that nobody knows, also twice, and names of objects' own", () => {
    const text = `{"future":{"a":[1]},"__proto__":{"service":"x"},"constructor":1,"service":"old","service":"new",
      "samples":[{"key":"toString","reads":1,"__proto__":{"writes":7},"commands":{"__proto__":3,"get":1}}]}`;
    const batch = batchOf(text);
    assert.equal(batch.service, "new");
    assert.equal(batch.samples[0]?.key, "toString");
    assert.equal(batch.samples[0]?.writes, 0);
    assert.deepEqual(Object.entries(batch.samples[0]?.commands ?? {}), [
      ["__proto__", 3],
      ["get", 1],
    ]);
    assert.equal(({} as { writes?: number }).writes, undefined);
  });

  it("is refused at its first bad field", () => {
    for (const [fields, path] of [
      [{ service: undefined }, "service"],
      [{ service: "" }, "service"],
      [{ service: "x".repeat(129) }, "service"],
      [{ service: "a\nb" }, "service"],
      [{ service: 7 }, "service"],
      [{ instance: null }, "instance"],
      [{ instance: "x".repeat(257) }, "instance"],
      [{ seq: -1 }, "seq"],
      [{ seq: 2 ** 53 }, "seq"],
      [{ seq: "1" }, "seq"],
      [{ startMs: 1 }, "endMs"],
      [{ endMs: 1 }, "startMs"],
      [{ startMs: 1.5, endMs: 2 }, "startMs"],
      [{ startMs: 2, endMs: 1 }, "endMs"],
      [{ startMs: 0, endMs: 10_001 }, "endMs"],
      [{ startMs: 2 ** 44, endMs: 2 ** 44 }, "startMs"],
      [{ goodbye: 1 }, "goodbye"],
      [{ probability: 0 }, "probability"],
      [{ probability: 1.01 }, "probability"],
      [{ probability: 2 ** -21 }, "probability"],
      [{ samples: undefined }, "samples"],
      [{ samples: {} }, "samples"],
      [{ samples: [SAMPLE, 1] }, "samples[1]"],
      [{ samples: [SAMPLE, []] }, "samples[1]"],
      [{ samples: Array(10_001).fill(SAMPLE) }, "samples"],
    ] as const) {
      assert.equal(problemOf({ ...BATCH, ...fields }), path, JSON.stringify(fields).slice(0, 100));
    }
    assert.equal(batchOf({ ...BATCH, samples: Array(10_000).fill(SAMPLE) }).samples.length, 10_000);
    assert.equal(problemOf({ seq: "bad", samples: "bad" }), "service");
  });

  it("is refused at the first bad field of a sample", () => {
    for (const [fields, path] of [
      [{ key: undefined }, "key"],
      [{ key: 1 }, "key"],
      [{ key: "\ud800" }, "key"],
      [{ keyBase64: "YQ==" }, "keyBase64"],
      [{ key: undefined, keyBase64: "YQ=" }, "keyBase64"],
      [{ key: undefined, keyBase64: "Y" }, "keyBase64"],
      [{ key: undefined, keyBase64: "_-==" }, "keyBase64"],
      [{ key: undefined, keyBase64: 1 }, "keyBase64"],
      [{ db: -1 }, "db"],
      [{ db: 2 ** 20 }, "db"],
      [{ db: null }, "db"],
      [{ target: "" }, "target"],
      [{ target: null }, "target"],
      [{ target: "a\u0000" }, "target"],
      [{ probability: 0 }, "probability"],
      [{ probability: "1" }, "probability"],
      [{ reads: -1 }, "reads"],
      [{ reads: 2 ** 31 + 1 }, "reads"],
      [{ writes: 0.5 }, "writes"],
      [{ misses: "1" }, "misses"],
      [{ absorbed: null }, "absorbed"],
      [{ bytes: 2 ** 41 }, "bytes"],
      [{ commands: [] }, "commands"],
      [{ commands: { get: 1.5 } }, "commands.get"],
      [{ commands: { "a]b\u2028": 1.5 } }, "commands"],
      [{ commands: { "": 1 } }, "commands"],
      [{ commands: { ["x".repeat(65)]: 1 } }, "commands"],
      [{ commands: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`c${i}`, 1])) }, "commands"],
    ] as const) {
      assert.equal(sampleProblem(fields), `samples[1].${path}`, JSON.stringify(fields).slice(0, 100));
    }
    assert.equal(sampleProblem({ reads: undefined }), "samples[1]");
  });

  it("takes counts up to their limits, and huge numbers not at all", () => {
    assert.equal(sampleOf({ reads: 2 ** 31 }).reads, 2 ** 31);
    assert.equal(sampleOf({ probability: 2 ** -20 }).probability, 2 ** -20);
    assert.equal(problemOf('{"service":"s","samples":[{"key":"a","reads":1e999}]}'), "samples[0].reads");
    assert.equal(problemOf(`{"service":"s","seq":${"9".repeat(5000)},"samples":[]}`), "seq");
  });

  it("counts misses as reads, too", () => {
    assert.equal(sampleOf({ reads: 1, misses: 5 }).reads, 5);
    assert.equal(sampleOf({ reads: undefined, misses: 5 }).reads, 5);
    assert.equal(sampleOf({ reads: 7, misses: 5 }).reads, 7);
  });

  it("keeps keys in one form, whichever way they come", () => {
    const long = Buffer.from(`${"é".repeat(1000)}{tag}`);
    for (const bytes of [
      Buffer.from("user:1"),
      Buffer.from("ключ"),
      Buffer.alloc(0),
      Buffer.alloc(1024, 97),
      long,
    ]) {
      const kept = latin1(keep(bytes));
      const { key: _, ...rest } = SAMPLE;
      assert.equal(sampleOf({ key: bytes.toString("utf8") }).key, kept);
      const packed = { ...rest, keyBase64: bytes.toString("base64") };
      assert.equal(batchOf({ ...BATCH, samples: [packed] }).samples[0]?.key, kept);
    }
    const unpadded = { keyBase64: "YQ", reads: 1 };
    assert.equal(batchOf({ ...BATCH, samples: [unpadded] }).samples[0]?.key, "a");
    const cut = sampleOf({ key: "a".repeat(1025) }).key;
    assert.equal(cut, latin1(keep(Buffer.alloc(1025, 97))));
  });

  it("is refused as a whole where it is no JSON, no UTF-8, or nested too deeply", () => {
    for (const body of [
      "",
      "{",
      "[]",
      "null",
      "1",
      '"a"',
      '{"service":"s","samples":[]}x',
      "[".repeat(500_000),
    ]) {
      assert.equal(problemOf(body), "", body.slice(0, 20));
    }
    const decoded = decodeBatch(Buffer.from('{"service":"\xc3","samples":[]}', "latin1"));
    assert.ok("problem" in decoded);
    const nested = (depth: number) =>
      `{"service":"s","samples":[],"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    assert.ok("batch" in decode(nested(15)));
    assert.equal(problemOf(nested(16)), "");
    assert.ok("batch" in decode('{"service":"[[[[[[[[[[[[[[[[[[[[\\"[[[","samples":[]}'));
  });
});
