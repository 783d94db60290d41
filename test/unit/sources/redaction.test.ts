import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { keep, keptKeySlot, keyId, rawKeySlot, showKey } from "../../../src/model/key.ts";
import type { PaneEntries, PanePart } from "../../../src/model/pane.ts";
import { isRedacted } from "../../../src/model/redacted-key.ts";
import { bucketOfSlot, slotOf } from "../../../src/model/slot.ts";
import type { KeyFacts } from "../../../src/model/target.ts";
import { mergePanes } from "../../../src/panes/merge.ts";
import { type AgentMessage, createRedaction } from "../../../src/sources/redaction.ts";
import fc from "../../support/fast-check.ts";
import { makePart, makeReport } from "../../support/parts.ts";

const SECRET = "a secret of more than 16 bytes";
const FACTS: Omit<KeyFacts, "bytes"> = {
  type: "facts",
  cluster: "default",
  db: 0,
  atMs: 0,
  facts: { type: "string", bytes: 10, ttlSeconds: null, encoding: "raw" },
};

function redaction(mode: "hash" | "template", secret = SECRET, cacheBytesMax?: number) {
  return createRedaction({ mode, secret }, cacheBytesMax);
}

function keysOf({ length, keyBytes, keyOffsets }: PaneEntries): Uint8Array[] {
  return Array.from({ length }, (_, i) => keyBytes.slice(keyOffsets[i], keyOffsets[i + 1]));
}

function redactedPart(part: PanePart, redact = redaction("template")): PanePart {
  const [message] = redact.redact([part]);
  assert.equal(message?.type, "part");
  return message as PanePart;
}

function redactedKeys(keys: readonly (string | Uint8Array)[], redact = redaction("template")): Uint8Array[] {
  return keysOf(redactedPart(makePart({ rows: keys.map((key) => ({ key, write: 1 })) }), redact).entries);
}

describe("redaction", () => {
  it("passes everything on as it is in mode none", () => {
    const messages: AgentMessage[] = [makePart({ rows: [{ key: "user:1", write: 1 }] }), makeReport()];
    assert.equal(createRedaction({ mode: "none" }).redact(messages), messages);
  });

  it("puts redacted keys in place of the keys of parts, changes nothing else, and not its input", () => {
    const rows = [
      { key: "user:1", db: 3, write: 5, commands: { set: 5 }, currentPerSecond: 7 },
      { key: "user:2", write: 9, miss: 2, error: 1 },
    ];
    const part = makePart({ rows });
    const redacted = redactedPart(part);
    assert.deepEqual(part, makePart({ rows }));
    const { keyBytes: _bytes, keyOffsets: _offsets, ...columns } = part.entries;
    const { keyBytes, keyOffsets, ...redactedColumns } = redacted.entries;
    assert.deepEqual({ ...redacted, entries: null }, { ...part, entries: null });
    assert.deepEqual(redactedColumns, columns);
    assert.equal(keyOffsets.at(-1), keyBytes.length);
    assert.ok(keysOf(redacted.entries).every(isRedacted));
  });

  it("redacts facts likewise, so that they meet their key, and passes on what has no keys", () => {
    const redact = redaction("hash");
    const report = makeReport();
    const messages = redact.redact([{ ...FACTS, bytes: Buffer.from("user:1") }, report, makePart()]);
    const [facts, same, empty] = messages as readonly [KeyFacts, AgentMessage, PanePart];
    assert.deepEqual(facts.bytes, redactedKeys(["user:1"], redact)[0]);
    assert.deepEqual({ ...facts, bytes: null }, { ...FACTS, bytes: null });
    assert.equal(same, report);
    assert.equal(empty.entries.length, 0);
  });

  it("has an HMAC of the key as its identity, so that it can be found again with the secret", () => {
    const hmac = createHmac("sha256", SECRET).update("user:1").digest("hex");
    const [kept = Buffer.alloc(0)] = redactedKeys(["user:1"]);
    assert.equal(showKey(kept).key, `user:{n}~${hmac.slice(0, 8)}`);
    assert.ok(Buffer.from(kept).includes(Buffer.from(hmac, "hex").subarray(0, 8)));
    const [hashed = Buffer.alloc(0)] = redactedKeys(["user:1"], redaction("hash"));
    assert.equal(showKey(hashed).key, `user:~${hmac.slice(0, 8)}`);
  });

  it("is the same at every agent with the same secret, and another with another", () => {
    const keys = ["user:1", "user:2", "flag"];
    assert.deepEqual(redactedKeys(keys, redaction("hash")), redactedKeys(keys, redaction("hash")));
    const other = redactedKeys(keys, redaction("hash", "another secret of 16 bytes"));
    redactedKeys(keys, redaction("hash")).forEach((kept, i) => {
      assert.notDeepEqual(kept, other[i]);
    });
  });

  /** Bytes that end in it are no text, whose words a template would tell. */
  const NOT_UTF8 = 0xff;

  for (const mode of ["hash", "template"] as const) {
    it(`never melts two keys into one: ${mode}`, () => {
      const redact = redaction(mode);
      const keys = Array.from({ length: 5000 }, (_, i) => `user:${i}`);
      const long = ["a", "b"].map((last) => keep(Buffer.from(`user:${"7".repeat(2000)}${last}`)));
      const ids = new Set(redactedKeys([...keys, ...long], redact).map((kept) => keyId(0, kept)));
      assert.equal(ids.size, keys.length + long.length);
    });

    it(`keeps slot and bucket: ${mode}`, () => {
      const redact = redaction(mode);
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1500 }), (key) => {
          const [kept = key] = redactedKeys([keep(key)], redact);
          assert.equal(keptKeySlot(kept), slotOf(key));
          assert.equal(bucketOfSlot(keptKeySlot(kept), 12), bucketOfSlot(rawKeySlot(keep(key)), 12));
        }),
      );
    });

    it(`lets nothing of what varies in a key out: ${mode}`, () => {
      const redact = redaction(mode);
      const random = fc
        .uint8Array({ minLength: 6, maxLength: 40 })
        .map((bytes) => Buffer.of(...bytes, NOT_UTF8));
      const digits = fc.stringMatching(/^[0-9]{6,20}$/);
      const hex = random.map((bytes) => `0${bytes.toString("hex")}`);
      const ids = fc.oneof(random, digits, hex, fc.uuid());
      fc.assert(
        fc.property(ids, (id) => {
          const key = Buffer.concat([Buffer.from("session:"), Buffer.from(id)]);
          const part = makePart({ rows: [{ key, write: 1 }] });
          const { keyBytes } = redactedPart(part, redact).entries;
          assert.ok(!Buffer.from(keyBytes).includes(Buffer.from(id)), showKey(keyBytes).key);
          assert.ok(!Buffer.from(keyBytes).includes(Buffer.from(id).toString("hex")));
        }),
      );
    });
  }

  it("lets nothing out but the first segment in mode hash, words neither", () => {
    const redact = redaction("hash");
    const words = fc.stringMatching(/^[A-Za-z0-9 @é+=]{6,40}$/);
    const prefixes = fc.constantFrom("", "user:", "{user}.", "user/");
    fc.assert(
      fc.property(prefixes, words, (prefix, word) => {
        const [kept = Buffer.alloc(0)] = redactedKeys([prefix + word], redact);
        assert.ok(!Buffer.from(kept).includes(word), showKey(kept).key);
      }),
    );
  });

  it("redacts a key that has the form of a redacted one", () => {
    const redact = redaction("template");
    const [once = Buffer.alloc(0)] = redactedKeys(["user:1"], redact);
    const [twice = Buffer.alloc(0)] = redactedKeys([once], redact);
    assert.notDeepEqual(twice, once);
    assert.match(showKey(twice).key, /^\{bytes\}~[0-9a-f]{8}$/);
    assert.equal(keptKeySlot(twice), slotOf(once));
  });

  it("gives the same whatever is remembered", () => {
    const keys = Array.from({ length: 300 }, (_, i) => `user:${i % 100}`);
    const forgetful = redaction("template", SECRET, 2000);
    assert.deepEqual(redactedKeys(keys, forgetful), redactedKeys(keys));
    assert.deepEqual(redactedKeys(keys, forgetful), redactedKeys(keys));
  });

  it("leaves panes that merge as before: the counts of a key add up under its one identity", () => {
    const redact = redaction("template");
    const parts = [0, 1000].map((startMs) =>
      redactedPart(
        makePart({
          startMs,
          rows: [
            { key: "user:1", write: 3 },
            { key: "user:2", write: 4 },
          ],
        }),
        redact,
      ),
    );
    const place = { startMs: 0, lengthMs: 10_000, part: 1, complete: true, entriesMax: 100 };
    const { entries } = mergePanes(parts, place);
    assert.deepEqual([...entries.writes], [6, 8]);
    assert.deepEqual(keysOf(entries), redactedKeys(["user:1", "user:2"], redact));
  });
});
