import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type KeyKind, shapeOf, visitKeys } from "../../src/redis/command-keys.ts";
import fc from "../support/fast-check.ts";
import { type Reply, ReplyError, startRedis, TestConnection, type TestServer } from "../support/redis.ts";

/** A command of the server that names keys, as COMMAND tells. */
interface KeyCommand {
  /** With the subcommand: `["xgroup", "create"]`. */
  readonly words: readonly string[];
  readonly arity: number;
  readonly isReadOnly: boolean;
  /** Positions of words that say how many keys follow. */
  readonly counts: readonly number[];
}

interface Key {
  readonly name: string;
  readonly kind: KeyKind;
}

// A row of COMMAND: name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
const FLAGS = 2;
const SPECIFICATIONS = 8;
const SUBCOMMANDS = 9;

function rows(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function fields(reply: Reply | undefined): ReadonlyMap<string, Reply> {
  const words = rows(reply);
  const entries = new Map<string, Reply>();
  for (let i = 0; i + 1 < words.length; i += 2) entries.set(String(words[i]), words[i + 1] ?? null);
  return entries;
}

/** Commands with keys; pub/sub channels are none, and WATCH accesses none. */
function keyCommands(table: Reply): KeyCommand[] {
  return rows(table).flatMap((row) => {
    const [name, arity] = rows(row);
    const flags = rows(rows(row)[FLAGS]).map(String);
    const specifications = rows(rows(row)[SPECIFICATIONS]).map(fields);
    const withKeys = specifications.filter(
      (each) => !rows(each.get("flags")).map(String).includes("not_key"),
    );
    const counts = withKeys.flatMap((each) => {
      if (String(fields(each.get("find_keys")).get("type")) !== "keynum") return [];
      return [Number(fields(fields(each.get("begin_search")).get("spec")).get("index"))];
    });
    const words = String(name).split("|");
    const own = { words, arity: Number(arity), isReadOnly: flags.includes("readonly"), counts };
    const isOne = withKeys.length > 0 && name?.toString() !== "watch";
    return [...(isOne ? [own] : []), ...keyCommands(rows(row)[SUBCOMMANDS] ?? [])];
  });
}

function keysOf([name = "", ...args]: readonly string[]): Key[] {
  const shape = shapeOf(name, args);
  const keys: Key[] = [];
  if (shape !== undefined)
    visitKeys(shape, args, (index, kind) => keys.push({ name: args[index] ?? "", kind }));
  return keys;
}

type Part = string | fc.Arbitrary<string> | fc.Arbitrary<readonly string[]>;

/** Words of several parts in a row; a text stands for its words. */
function inARow(...parts: readonly Part[]): fc.Arbitrary<string[]> {
  const arbitraries = parts.map((part) => (typeof part === "string" ? fc.constant(part.split(" ")) : part));
  return fc.tuple(...arbitraries).map((words) => words.flat());
}

function oneOf(...options: readonly fc.Arbitrary<readonly string[]>[]): fc.Arbitrary<string[]> {
  return fc.array(fc.oneof(...options), { maxLength: 5 }).map((words) => words.flat());
}

/** Lines that the server runs, of commands whose keys stand behind options. */
function linesWithOptions(): fc.Arbitrary<string[]> {
  const name = fc.constantFrom(
    "a",
    "b",
    "STORE",
    "storedist",
    "STREAMS",
    "KEYS",
    "get",
    "BY",
    "LIMIT",
    "GROUP",
  );
  // Destinations have plain names here: COMMAND GETKEYS takes one that is called "store" for an option.
  const by = inARow(fc.constantFrom("BY", "get", "GET"), name);
  const sort = oneOf(by, inARow("LIMIT 0 5"), inARow("STORE d"), inARow("store e"), inARow("DESC"));
  const geo = oneOf(inARow("WITHDIST"), inARow("COUNT 3"), inARow("count 3 ANY"), inARow("ASC"));
  const store = fc.constantFrom([], ["STORE", "d"], ["storedist", "d"]);
  const migrate = oneOf(inARow("COPY"), inARow("AUTH", name), inARow("auth2", name, name));
  const keys = inARow(fc.constantFrom("KEYS", "keys"), fc.array(name, { minLength: 1, maxLength: 3 }));
  const streams = inARow(
    oneOf(inARow("COUNT 3"), inARow("block 1")),
    fc.constantFrom("STREAMS", "streams"),
    fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => [...names, ...names.map(() => "0")]),
  );
  return fc.oneof(
    inARow("SORT", name, sort),
    inARow("GEORADIUS", name, "1 2 3 km", geo, store, geo),
    inARow("GEORADIUSBYMEMBER", name, name, "3 km", geo, store, geo),
    inARow("MIGRATE h 1", name, "0 5", migrate),
    inARow("MIGRATE h 1", fc.constant(""), "0 5", migrate, keys),
    inARow("XREAD", streams),
    inARow("XREADGROUP GROUP", name, name, streams),
  );
}

describe("keys of commands, against a real server", () => {
  let server: TestServer;
  let connection: TestConnection;
  let commands: KeyCommand[];

  before(async () => {
    server = await startRedis(null);
    connection = await TestConnection.open(server.port);
    commands = keyCommands(await connection.command(["COMMAND"]));
  });
  after(async () => {
    connection.close();
    await server.stop();
  });

  /** What the server says are the keys of a command; null where it takes the words for none. */
  async function serverKeys(words: readonly string[], isReadOnly: boolean): Promise<Key[] | null> {
    try {
      const reply = rows(await connection.command(["COMMAND", "GETKEYSANDFLAGS", ...words])).map(rows);
      const names = rows(await connection.command(["COMMAND", "GETKEYS", ...words])).map(String);
      assert.deepEqual(
        reply.map(([key]) => String(key)),
        names,
      );
      return reply.map(([key, flags]) => {
        // The server calls PFCOUNT read only, and its keys RW, as it may cache its result in them.
        const isRead = isReadOnly || rows(flags).map(String).includes("RO");
        return { name: String(key), kind: isRead ? "read" : "write" };
      });
    } catch (error) {
      if (error instanceof ReplyError) return null;
      throw error;
    }
  }

  function commandOf(words: readonly string[]): KeyCommand {
    const found = commands.find((each) => each.words.every((word, i) => word === words[i]?.toLowerCase()));
    assert.ok(found, `the server has no ${words[0]}`);
    return found;
  }

  it("are known for every command of the server that has keys, and for no other one", async () => {
    assert.ok(commands.length > 150, `only ${commands.length} commands`);
    for (const { words } of commands) {
      const [name = "", ...args] = words;
      assert.equal(shapeOf(name, args)?.name, words.join("|"));
    }
    const withKeys = new Set(commands.map(({ words }) => words.join("|")));
    for (const row of rows(await connection.command(["COMMAND"]))) {
      const subcommands = rows(rows(row)[SUBCOMMANDS]).map((each) => String(rows(each)[0]));
      for (const full of [String(rows(row)[0]), ...subcommands]) {
        const [name = "", ...args] = full.split("|");
        if (!withKeys.has(full)) assert.equal(shapeOf(name, args), undefined, full);
      }
    }
  });

  it("are the server's, for plain words of several lengths", async () => {
    let compared = 0;
    for (const { words, arity, isReadOnly, counts } of commands) {
      for (const more of arity < 0 ? [0, 1, 2, 3, 4, 5] : [0]) {
        const line = Array.from({ length: Math.abs(arity) + more }, (_, i) => words[i] ?? `k${i}`);
        for (const position of counts) line[position] = String(1 + (more % 3));
        const expected = await serverKeys(line, isReadOnly);
        assert.deepEqual(keysOf(line), expected ?? [], line.join(" "));
        if (expected !== null) compared++;
      }
    }
    assert.ok(compared > 400, `only ${compared} lines had keys`);
  });

  const lines = [
    "SET a b",
    "SET a b EX 5 GET",
    "BITFIELD a GET u8 0",
    "BITFIELD a get u8 0 OVERFLOW SAT GET u8 1",
    "BITFIELD a GET u8 0 INCRBY u8 0 1",
    "BITFIELD a OVERFLOW FAIL SET u8 0 1",
    "BITFIELD a",
    "SORT a",
    "SORT a BY w_* LIMIT 0 5 GET o_* GET # DESC ALPHA STORE d",
    "SORT a store d STORE e",
    "SORT a GET STORE STORE d",
    "SORT_RO a BY STORE GET o_*",
    "GEORADIUS a 1 2 3 km WITHDIST COUNT 3 ANY ASC STORE d",
    "GEORADIUS a 1 2 3 km storedist d",
    "GEORADIUSBYMEMBER a m 3 km STORE d",
    "GEORADIUSBYMEMBER a STORE 3 km STOREDIST d",
    "GEORADIUS_RO a 1 2 3 km COUNT 3",
    "MIGRATE h 1 a 0 5",
    "MIGRATE h 1 a 0 5 COPY REPLACE AUTH KEYS",
    "MIGRATE h 1 EMPTY 0 5 COPY AUTH2 u KEYS KEYS a b",
    "MIGRATE h 1 EMPTY 0 5 REPLACE keys a",
    "MIGRATE h 1 EMPTY 0 5",
    "MIGRATE h 1 a 0 5 KEYS b",
    "XREAD STREAMS a b 0 0",
    "XREAD COUNT 5 BLOCK 5 streams STREAMS a 0 0",
    "XREADGROUP GROUP g c STREAMS a >",
    "XREADGROUP GROUP streams streams COUNT 5 NOACK STREAMS a b > >",
    "ZUNIONSTORE d 2 a b WEIGHTS 1 2 AGGREGATE MIN",
    "ZUNIONSTORE d 3 a b",
    "ZINTERCARD 2 a b LIMIT 5",
    "BLMPOP 0 2 a b LEFT COUNT 5",
    "EVAL s 2 a a b",
    "EVAL s 0 a",
    "EVAL s 3 a b",
    "EVAL_RO s 1 a",
    "FCALL f 1 a b",
    "MSET a 1 b 2 a 3",
    "LCS a b IDX",
  ];
  for (const line of lines) {
    it(`are the server's, for ${line}`, async () => {
      const words = line.split(" ").map((word) => (word === "EMPTY" ? "" : word));
      const expected = await serverKeys(words, commandOf(words).isReadOnly);
      assert.deepEqual(keysOf(words), expected ?? []);
    });
  }

  it("are the server's, for any words that it takes for keys", async () => {
    // COMMAND GETKEYS takes words that these commands refuse; the next test has lines that they run.
    const withOptions = ["sort", "georadius", "georadiusbymember", "migrate", "xread", "xreadgroup"];
    const others = commands.filter(({ words: [name = ""] }) => !withOptions.includes(name));
    const word = fc.constantFrom(
      "0",
      "1",
      "2",
      "3",
      "-1",
      "",
      "a",
      "b",
      "c",
      "get",
      "SET",
      "overflow",
      "STORE",
    );
    const line = fc.tuple(fc.constantFrom(...others), fc.array(word, { minLength: 1, maxLength: 12 }));
    let compared = 0;
    const property = fc.asyncProperty(line, async ([{ words, isReadOnly }, args]) => {
      const expected = await serverKeys([...words, ...args], isReadOnly);
      if (expected === null) return;
      compared++;
      assert.deepEqual(keysOf([...words, ...args]), expected);
    });
    await fc.assert(property, { numRuns: 2000 });
    assert.ok(compared > 800, `only ${compared} lines had keys`);
  });

  it("are the server's, for any options, names of options as their values too", async () => {
    const property = fc.asyncProperty(linesWithOptions(), async (words) => {
      assert.deepEqual(keysOf(words), await serverKeys(words, false), words.join(" "));
    });
    await fc.assert(property, { numRuns: 2000 });
  });

  it("are those that the server uses, where COMMAND GETKEYS says others", async () => {
    const run = async (line: string) => await connection.command(line.split(" "));
    await run("GEOADD places 13.4 52.5 berlin");
    const geo = "GEORADIUS places 13 52 200 km STORE one STOREDIST other".split(" ");
    assert.equal(await connection.command(geo), 1);
    assert.equal(await run("EXISTS one"), 0);
    assert.equal(await run("EXISTS other"), 1);
    assert.deepEqual(keysOf(geo), [
      { name: "places", kind: "read" },
      { name: "other", kind: "write" },
    ]);

    await run("RPUSH list 1");
    const sort = "SORT list STORE LIMIT STORE sorted".split(" ");
    assert.equal(await connection.command(sort), 1);
    assert.equal(await run("EXISTS sorted"), 1);
    assert.deepEqual(keysOf(sort), [
      { name: "list", kind: "read" },
      { name: "sorted", kind: "write" },
    ]);

    await run("XADD events * f v");
    await run("XGROUP CREATE events group 0");
    const read = "XREADGROUP COUNT 1 GROUP group streams STREAMS events >".split(" ");
    assert.equal(String(rows(rows(await connection.command(read))[0])[0]), "events");
    assert.deepEqual(keysOf(read), [{ name: "events", kind: "read" }]);
  });
});
