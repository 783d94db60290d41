import { decodeBatch } from "../../src/sources/samples/decode.ts";
import { SamplesSource } from "../../src/sources/samples/samples-source.ts";

const BYTES_MAX = 1024 * 1024;
const START_MS = 1_700_000_000_000;

/** A source behind the decoder, with little memory, which goes round as time passes. */
export function hostileIntake() {
  let nowMs = START_MS;
  let valid = 0;
  let taken = 0;
  let parts = 0;
  const problems = new Map<string, number>();
  const source = new SamplesSource({
    agent: "agent-a",
    cluster: "default",
    settings: { enabled: true, bytes: BYTES_MAX },
    panes: { length: 1000, publish: 1000 },
    buckets: 12,
    ignored: () => false,
    targets: () => [
      { cluster: "default", address: "10.0.0.1:6379", aliases: [], role: "primary", slots: null },
    ],
    nowMs,
  });
  return {
    take(body: Uint8Array): void {
      if (++taken % 100 === 0) {
        nowMs += 20;
        if (taken % 1000 === 0) parts += source.round(nowMs).length;
      }
      const decoded = decodeBatch(body);
      if ("batch" in decoded) {
        valid++;
        source.take(decoded.batch, nowMs);
      } else {
        const { message } = decoded.problem;
        problems.set(message, (problems.get(message) ?? 0) + 1);
      }
    },
    summary() {
      const [books] = source.books();
      if (!books) throw new Error("no books");
      let invalid = 0;
      for (const count of problems.values()) invalid += count;
      const { bytesUsed } = source;
      return { valid, invalid, problems, parts, books, bytesUsed, bytesMax: BYTES_MAX };
    },
  };
}
