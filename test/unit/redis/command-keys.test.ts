import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Argument,
  hasSubcommands,
  isOptionWord,
  shapeOf,
  useOfNext,
  visitKeys,
} from "../../../src/redis/command-keys.ts";
import { COMMAND_TABLE } from "../../../src/redis/command-table.ts";
import { WRITE_COMMANDS } from "../../../src/redis/commands.ts";
import fc from "../../support/fast-check.ts";

const KNOWN = Object.entries(COMMAND_TABLE).flatMap(([usage, names]) =>
  names.split(" ").map((name) => ({ name, usage })),
);

/** Keys of a command, `read a` or `write a` each; undefined where it has no shape. */
function keysOf(name: string, args: readonly Argument[]): string[] | undefined {
  const shape = shapeOf(name, args);
  if (shape === undefined) return undefined;
  const keys: string[] = [];
  visitKeys(shape, args, (index, kind) => keys.push(`${kind} ${args[index]}`));
  return keys;
}

/** The same of a line, its first word being the name; `""` stands for an empty word. */
function keysOfLine(line: string): string[] | undefined {
  const [name = "", ...args] = line.split(" ").map((word) => (word === '""' ? "" : word));
  const keys = keysOf(name, args);
  const ofBuffers = keysOf(
    name,
    args.map((word) => Buffer.from(word)),
  );
  assert.deepEqual(ofBuffers, keys, "words as Buffers mean the same");
  return keys;
}

describe("the shape of a command", () => {
  it("is found by its name in any case", () => {
    for (const name of ["get", "GET", "gEt"]) {
      assert.deepEqual(
        { ...shapeOf(name, ["a"]), specs: null },
        { name: "get", kind: "read", single: "read", perKeyReply: false, specs: null },
      );
    }
  });

  it("is found by the subcommand too, a string or a Buffer in any case", () => {
    for (const word of ["create", "CREATE", "Create", Buffer.from("create"), Buffer.from("CREATE")]) {
      assert.equal(shapeOf("xgroup", [word, "a", "g", "$"])?.name, "xgroup|create");
      assert.equal(shapeOf("XGROUP", [word, "a", "g", "$"])?.name, "xgroup|create");
      assert.equal(shapeOf("Xgroup", [word, "a", "g", "$"])?.name, "xgroup|create");
    }
  });

  it("is unknown for other words, those of objects among them", () => {
    for (const name of [
      "constructor",
      "__proto__",
      "toString",
      "hasOwnProperty",
      "",
      "get ",
      "gett",
      "gеt",
    ]) {
      assert.equal(shapeOf(name, ["a"]), undefined, name);
      assert.equal(shapeOf("xgroup", [name, "a"]), undefined, name);
    }
    assert.equal(shapeOf("xgroup|create", ["create", "a"]), undefined);
    assert.equal(shapeOf("xgroup", []), undefined);
    assert.equal(shapeOf("G".repeat(1 << 20), []), undefined);
    assert.equal(shapeOf("xgroup", [Buffer.alloc(1 << 20, "c")]), undefined);
  });

  it("is unknown for commands that access no keys", () => {
    const lines = [
      "WATCH a",
      "UNWATCH",
      "PING a",
      "SUBSCRIBE a",
      "SSUBSCRIBE a",
      "SUNSUBSCRIBE a",
      "SPUBLISH a m",
      "PUBLISH a m",
      "CLUSTER KEYSLOT a",
      "ACL DRYRUN default GET a",
      "COMMAND GETKEYS GET a",
      "DEBUG OBJECT a",
      "KEYS a",
      "SCAN 0 MATCH a",
      "OBJECT HELP",
      "XINFO HELP",
      "MEMORY DOCTOR",
      "FUNCTION LOAD a",
      "SCRIPT LOAD a",
      "TS.MGET FILTER a=b",
      "FT.SEARCH index query",
      "HIMPORT PREPARE f a",
    ];
    for (const line of lines) assert.equal(keysOfLine(line), undefined, line);
  });

  it("tells of the only key, of replies per key, and of the kind of the whole", () => {
    const only = KNOWN.filter(({ usage }) => /^\w+ [rw]1$/.test(usage)).map(({ name }) => name);
    for (const { name } of KNOWN) {
      const [word = "", subcommand = "a"] = name.split("|");
      const shape = shapeOf(word, [subcommand]);
      assert.equal(shape?.name, name);
      assert.equal(shape?.single !== null, only.includes(name) && name !== "bitfield", name);
      assert.equal(shape?.perKeyReply, name === "mget" || name === "json.mget");
    }
    assert.equal(shapeOf("xreadgroup", [])?.kind, "write");
    assert.equal(shapeOf("pfcount", [])?.kind, "read");
    assert.equal(shapeOf("sort", [])?.kind, "write");
    assert.equal(shapeOf("eval_ro", [])?.kind, "read");
  });

  it("agrees with the set of write commands where both know a command", () => {
    const names = new Set(KNOWN.map(({ name }) => name));
    const kinds = new Map(KNOWN.map(({ name, usage }) => [name, usage.split(" ")[0]]));
    const inBoth = [...WRITE_COMMANDS].filter((name) => names.has(name));
    assert.ok(inBoth.length > 150, `only ${inBoth.length} in both`);
    for (const name of inBoth) assert.equal(kinds.get(name), "write", name);
    // Databases and functions have no keys; `xgroup` is how older servers name what is counted by subcommand here.
    const withoutKeys = [...WRITE_COMMANDS].filter((name) => !names.has(name)).sort();
    assert.deepEqual(withoutKeys, [
      "cluster|flushslot",
      "flushall",
      "flushdb",
      "function|delete",
      "function|flush",
      "function|load",
      "function|restore",
      "sflush",
      "swapdb",
      "xgroup",
    ]);
  });
});

describe("the keys of a command", () => {
  const lines: readonly (readonly [line: string, ...keys: string[]])[] = [
    ["GET a", "read a"],
    ["GET"],
    ["SET a b GET", "write a"],
    ["MGET a b a", "read a", "read b", "read a"],
    ["MSET a 1 b 2", "write a", "write b"],
    ["MSETEX 2 a 1 b 2 EX 5", "write a", "write b"],
    ["MSETEX 3 a 1 b 2"],
    ["DEL a b", "write a", "write b"],
    ["COPY a b REPLACE", "read a", "write b"],
    ["RENAME a b", "write a", "write b"],
    ["LCS a b LEN", "read a", "read b"],
    ["LCS a"],
    ["BLPOP a b 0", "write a", "write b"],
    ["BITOP AND d a b", "write d", "read a", "read b"],
    ["PFCOUNT a b", "read a", "read b"],
    ["PFMERGE d a b", "write d", "read a", "read b"],
    ["SINTERSTORE d a b", "write d", "read a", "read b"],
    ["ZRANGESTORE d a 0 -1", "write d", "read a"],
    ["BITFIELD a GET u8 0", "read a"],
    ["BITFIELD a OVERFLOW SAT GET u8 0 get u8 8", "read a"],
    ["BITFIELD a GET u8 0 SET u8 0 1", "write a"],
    ["BITFIELD a INCRBY u8 GET 1", "write a"],
    ["BITFIELD a GET u8", "write a"],
    ["BITFIELD"],
    // Counted keys.
    ["ZUNION 2 a b WEIGHTS 1 2", "read a", "read b"],
    ["ZUNIONSTORE d 2 a b", "write d", "read a", "read b"],
    ["ZUNIONSTORE d 3 a b"],
    ["ZUNIONSTORE d 0 a b"],
    ["ZUNIONSTORE d x a b"],
    ["ZUNIONSTORE d"],
    ["LMPOP 1 a LEFT", "write a"],
    ["BLMPOP 0 2 a b LEFT", "write a", "write b"],
    ["EVAL s 2 a b c", "write a", "write b"],
    ["EVALSHA_RO s 1 a b", "read a"],
    ["FCALL f 0 a"],
    ["EVAL s"],
    // Keys after options.
    ["XREAD STREAMS a b 0 0", "read a", "read b"],
    ["XREAD count 5 block 0 streams a 0", "read a"],
    ["XREAD STREAMS STREAMS 0", "read STREAMS"],
    ["XREAD STREAMS a b 0"],
    ["XREAD STREAMS"],
    ["XREAD COUNT 5"],
    ["XREADGROUP GROUP g c NOACK STREAMS a b > >", "read a", "read b"],
    ["XREADGROUP COUNT 1 GROUP streams streams CLAIM 5 STREAMS a >", "read a"],
    ["SORT a", "read a"],
    ["SORT a BY w_* LIMIT 0 5 GET o_* GET # DESC ALPHA STORE d", "read a", "write d"],
    ["SORT a GET store STORE d", "read a", "write d"],
    ["SORT a BY STORE GET STORE", "read a"],
    ["SORT a STORE d store e", "read a", "write e"],
    ["SORT a STORE STORE LIMIT 0 5", "read a", "write STORE"],
    ["SORT a STORE"],
    ["SORT_RO a BY STORE", "read a"],
    ["GEORADIUS a 1 2 3 km", "read a"],
    ["GEORADIUS a 1 2 3 km COUNT 1 ANY STORE d", "read a", "write d"],
    ["GEORADIUS a 1 2 3 km STORE d STOREDIST e", "read a", "write e"],
    ["GEORADIUS a 1 2 3 km STORE storedist ASC", "read a", "write storedist"],
    ["GEORADIUSBYMEMBER a STORE 3 km storedist d", "read a", "write d"],
    ["GEORADIUSBYMEMBER_RO a m 3 km STORE d", "read a"],
    ["GEOSEARCHSTORE d a FROMLONLAT 1 2 BYRADIUS 3 km", "write d", "read a"],
    ["MIGRATE h 1 a 0 5", "write a"],
    ['MIGRATE h 1 "" 0 5 COPY AUTH2 u KEYS KEYS a b', "write a", "write b"],
    ['MIGRATE h 1 "" 0 5', "write "],
    ["MIGRATE h 1 a 0 5 KEYS b"],
    ['MIGRATE h 1 "" 0 5 KEYS'],
    // Subcommands.
    ["XGROUP CREATE a g $", "write a"],
    ["XINFO STREAM a FULL", "read a"],
    ["OBJECT ENCODING a", "read a"],
    ["MEMORY USAGE a", "read a"],
    ["MEMORY USAGE"],
    // Of newer servers and of modules.
    ["HGETEX a FIELDS 1 f", "write a"],
    ["HTTL a FIELDS 1 f", "read a"],
    ["SUNIONCARD 2 a b APPROX", "read a", "read b"],
    ["LMOVEM a b LEFT RIGHT", "write a", "write b"],
    ["HIMPORT SET a f v", "write a"],
    ["VSIM a ELE e", "read a"],
    ["JSON.MGET a b $.p", "read a", "read b"],
    ["JSON.MGET a"],
    ["JSON.MSET a $ 1 b $ 2", "write a", "write b"],
    ["JSON.DEBUG MEMORY a", "read a"],
    ["CMS.MERGE d 2 a b WEIGHTS 1 2", "write d", "read a", "read b"],
    ["TDIGEST.MERGE d 1 a", "write d", "read a"],
    ["TS.MADD a 1 2 b 1 2", "write a", "write b"],
    ["TS.CREATERULE a b AGGREGATION avg 5", "write a", "write b"],
  ];
  for (const [line, ...keys] of lines) {
    it(`of ${line}: ${keys.join(", ") || "none"}`, () => assert.deepEqual(keysOfLine(line), keys));
  }

  it("are none where their number is no number to the servers", () => {
    for (const count of ["-1", "+1", "01", "1.0", "1e0", " 1", "0x1", "", "99999999999", "\u0661"]) {
      assert.deepEqual(keysOf("eval", ["s", count, "a", "b"]), [], count);
      assert.deepEqual(keysOf("zunionstore", ["d", Buffer.from(count), "a", "b"]), [], count);
    }
  });

  it("are 10,000 at most", () => {
    const args = Array.from({ length: 10_001 }, (_, i) => `k${i}`);
    assert.equal(keysOf("mget", args)?.length, 10_000);
    assert.equal(keysOf("mset", [...args, ...args, ...args])?.length, 10_000);
    assert.equal(keysOf("eval", ["s", "10001", ...args])?.length, 10_000);
  });

  it("are none of a shape that shapeOf did not give", () => {
    const shape = { name: "mget", kind: "read", single: null, perKeyReply: true } as const;
    visitKeys(shape, ["a"], () => assert.fail("no key is known"));
  });
});

const WORDS = ["", "0", "1", "2", "3", "-1", "a", "STREAMS", "store", "STOREDIST", "KEYS", "GET", "AUTH2"];
const MORE_WORDS = ["COUNT", "by", "LIMIT", "GROUP", "SET", "OVERFLOW", "create", "usage", "\u{1f525}"];

describe("any words", () => {
  const word = fc.oneof(
    fc.constantFrom(...WORDS, ...MORE_WORDS),
    fc.constantFrom(...WORDS, ...MORE_WORDS).map((text) => Buffer.from(text)),
    fc.string({ unit: "binary", maxLength: 5 }),
    fc.uint8Array({ maxLength: 5 }),
  );
  const name = fc.oneof(fc.constantFrom(...KNOWN.map(({ name }) => name.split("|")[0] ?? "")), fc.string());

  it("never throw; indexes are those of words, in order, and the same each time", () => {
    fc.assert(
      fc.property(name, fc.array(word, { maxLength: 12 }), (name, args) => {
        const shape = shapeOf(name, args);
        assert.equal(shapeOf(name.toUpperCase(), args), shapeOf(name.toUpperCase().toLowerCase(), args));
        if (shape === undefined) return;
        const visits: (readonly [number, string])[] = [];
        visitKeys(shape, args, (index, kind) => visits.push([index, kind]));
        let before = -1;
        for (const [index, kind] of visits) {
          assert.ok(Number.isInteger(index) && index > before && index < args.length, `${index}`);
          assert.ok(kind === "read" || kind === "write");
          before = index;
        }
        if (shape.single !== null && args.length > 0) assert.deepEqual(visits, [[0, shape.single]]);
        const again: (readonly [number, string])[] = [];
        visitKeys(shape, args, (index, kind) => again.push([index, kind]));
        assert.deepEqual(again, visits);
      }),
      { numRuns: 3000 },
    );
  });

  it("may be no words at all, as apps without types send them", () => {
    fc.assert(
      fc.property(fc.anything(), name, fc.array(fc.anything(), { maxLength: 8 }), (other, name, args) => {
        const words = args as Argument[];
        for (const called of [name, other as string]) {
          const shape = shapeOf(called, words);
          if (shape !== undefined) visitKeys(shape, words, (index) => assert.ok(index < words.length));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

/** The words of a command as somebody has them who keeps only those that are of use. */
function usefulWords(name: string, args: readonly Argument[]): Argument[] {
  const shape = shapeOf(name, args);
  if (shape === undefined) return [];
  const kept: Argument[] = [];
  for (const word of args) {
    const use = useOfNext(shape, kept);
    const isControl = use === "control" && (isOptionWord(word) || /^\d{1,9}$/.test(String(word)));
    kept.push(use === "key" || isControl ? word : "-");
  }
  return kept;
}

describe("what a command's next word is for", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "STORE",
      "storedist",
      "STREAMS",
      "KEYS",
      "BY",
      "GET",
      "AUTH",
      "AUTH2",
      "GROUP",
      "OVERFLOW",
    ),
    fc.constantFrom("0", "1", "2", "3", "7", "01", "-1", ""),
    fc.string({ maxLength: 5 }),
  );

  it("leaves the keys of every command where they are, with all other words left out", () => {
    for (const { name } of KNOWN) {
      const [first = "", ...subcommand] = name.split("|");
      const property = fc.property(fc.array(word, { maxLength: 14 }), (words) => {
        const args = [...subcommand, ...words];
        const kept = usefulWords(first, args);
        const shape = shapeOf(first, args);
        if (shape === undefined) return;
        const keys: string[] = [];
        visitKeys(shape, kept, (index, kind) => keys.push(`${kind} ${kept[index]}`));
        assert.deepEqual(keys, keysOf(first, args));
      });
      fc.assert(property, { numRuns: 60 });
    }
  });

  it("keeps no values and no passwords", () => {
    const kept = (line: string) => {
      const [name = "", ...args] = line.split(" ");
      return usefulWords(name, args)
        .filter((kept) => kept !== "-")
        .join(" ");
    };
    assert.equal(kept("SET k secret EX 10"), "k");
    assert.equal(kept("MSET a secret b secret"), "a b");
    assert.equal(kept("MSETEX 2 a secret b secret"), "2 a b");
    assert.equal(kept("MIGRATE host 6379 k 0 100 AUTH secret"), "k AUTH");
    assert.equal(kept("ZADD z 1 secret"), "z");
    assert.equal(kept("AUTH user secret"), "");
  });

  it("needs the first word of a container alone to know the command", () => {
    assert.deepEqual(["object", "XGROUP", "get", "config"].map(hasSubcommands), [true, true, false, false]);
  });
});
