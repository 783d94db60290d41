import assert from "node:assert/strict";
import { test } from "node:test";
import { TargetError } from "../../../../src/redis/problem.ts";
import type { Answer, CommandLine } from "../../../../src/redis/session.ts";
import { foundKey } from "../../../../src/scans/big/big-key.ts";
import { detailsOf } from "../../../../src/scans/big/key-details.ts";
import type { ScanServer } from "../../../../src/scans/scan-server.ts";

const LOST = new TargetError({ code: "UNREACHABLE", message: "it is gone", retryable: true });
const KEYS = 40;

/** A server of strings that are 7 bytes long; `asked` counts how often it was asked. */
function fakeServer(address: string, ask: (lines: readonly CommandLine[]) => readonly Answer[]) {
  const counted = { asked: 0 };
  const server = {
    address,
    poll: { version: "7.0.0" },
    select: () => Promise.resolve(),
    ask: async (lines: readonly CommandLine[]) => {
      counted.asked++;
      return ask(lines);
    },
  };
  return { counted, server: server as unknown as ScanServer };
}

function keysOf(server: ScanServer) {
  const rest = { server, db: 0, type: "string", bytes: 100, length: null };
  return Array.from({ length: KEYS }, (_, n) => foundKey(Buffer.from(`${server.address}:${n}`), rest));
}

function answersOf(lines: readonly CommandLine[]): readonly Answer[] {
  return lines.map(([name]) => ({ value: name === "STRLEN" ? 7 : null }));
}

test("a server that is lost keeps back none of the others' lengths, is named, and is not asked again", async () => {
  const lost = fakeServer("lost", () => {
    throw LOST;
  });
  const alive = fakeServer("alive", answersOf);
  const found = [...keysOf(lost.server), ...keysOf(alive.server)];
  const { byKey, problems } = await detailsOf(found, new AbortController().signal);
  assert.equal(lost.counted.asked, 1);
  assert.deepEqual(problems, ["lost: lengths of its keys are not known: it is gone"]);
  for (const one of found) assert.equal(byKey.get(one)?.length, one.server === alive.server ? 7 : undefined);
});

test("who ends a scan waits for one group of keys at most", async () => {
  const stop = new AbortController();
  const { server, counted } = fakeServer("alive", (lines) => {
    stop.abort();
    return answersOf(lines);
  });
  const { byKey } = await detailsOf(keysOf(server), stop.signal);
  assert.equal(counted.asked, 1);
  assert.equal(byKey.size, 16);
});
