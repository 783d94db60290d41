import { load, TestConnection } from "../../test/support/redis.ts";

/** Sizes differ within each pattern, and patterns differ in size. */
const KINDS: readonly ((n: number) => readonly (string | number)[])[] = [
  (n) => ["SET", `user:${n}:profile`, "x".repeat(20 + (n % 400))],
  (n) => ["SET", `session:${n}`, "x".repeat(n % 60)],
  (n) => ["SET", `counter:${n}`, n],
  (n) => ["HSET", `cart:${n}`, "a", "x".repeat(n % 50), "b", "y", "c", "x".repeat(n % 200)],
  (n) => ["SADD", `tags:${n}`, ...Array.from({ length: 1 + (n % 20) }, (_, tag) => `tag${tag}`)],
  (n) => ["ZADD", `board:${n}`, 1, "a", 2, `member${n}`],
  (n) => ["RPUSH", `queue:${n}`, "x".repeat(n % 300), "y"],
];

/** Makes the keys `from` to `to - 1`, of seven patterns in turn, and the keys of the load. */
export async function makeKeys(port: number, from: number, to: number): Promise<void> {
  await load(port, to - from, (index) => {
    const n = from + index;
    return KINDS[n % KINDS.length]?.(n) ?? [];
  });
  await load(port, 1000, (n) => ["SET", `load:${n}`, "value"]);
}

export interface Exact {
  readonly keys: number;
  readonly bytes: number;
}

/** What the server itself says of each key, by SCAN and MEMORY USAGE SAMPLES 0 in scripts; by the pattern of their names. */
export async function exactSizes(port: number): Promise<ReadonlyMap<string, Exact>> {
  using connection = await TestConnection.open(port);
  const script =
    "local sums = {} local counts = {} local cursor = ARGV[1] " +
    "local page = redis.call('scan', cursor, 'count', 20000) " +
    "for _, key in ipairs(page[2]) do local name = string.gsub(key, '%d+', '{n}') " +
    "sums[name] = (sums[name] or 0) + redis.call('memory', 'usage', key, 'samples', 0) " +
    "counts[name] = (counts[name] or 0) + 1 end " +
    "local rows = {} for name, sum in pairs(sums) do rows[#rows + 1] = {name, sum, counts[name]} end " +
    "return {page[1], rows}";
  const exact = new Map<string, Exact>();
  let cursor = "0";
  do {
    const [next, rows] = (await connection.command(["EVAL", script, 0, cursor])) as [unknown, unknown[][]];
    for (const [name, bytes, keys] of rows) {
      const known = exact.get(String(name)) ?? { keys: 0, bytes: 0 };
      exact.set(String(name), { keys: known.keys + Number(keys), bytes: known.bytes + Number(bytes) });
    }
    cursor = String(next);
  } while (cursor !== "0");
  return exact;
}
