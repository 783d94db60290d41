import assert from "node:assert/strict";
import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { entryOf, MAGIC, packBlock } from "../../../src/recording/format.ts";
import { type RecordedMessage, RecordingReader } from "../../../src/recording/reader.ts";
import { Recording, type RecordingOptions } from "../../../src/recording/recording.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import type { WireMessage } from "../../../src/wire/message-codec.ts";
import fc from "../../support/fast-check.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";
import { waitFor } from "../../support/wait.ts";

async function newFile(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-recording-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "fleet.rec");
}

interface Rig {
  readonly clock: SimulatedClock;
  readonly warnings: string[];
  readonly recording: Recording;
}

async function startRecording(path: string, options: Partial<RecordingOptions> = {}): Promise<Rig> {
  const clock = new SimulatedClock();
  const warnings: string[] = [];
  const logger = pino(
    { level: "warn" },
    { write: (line: string) => void warnings.push(JSON.parse(line).msg) },
  );
  const recording = await Recording.open(path, {
    bytesMax: 2 ** 30,
    overwrite: false,
    clock,
    logger,
    ...options,
  });
  return { clock, warnings, recording };
}

async function read(path: string) {
  const reader = await RecordingReader.open(path);
  const messages: RecordedMessage[] = [];
  for await (const block of reader.blocks()) messages.push(...block);
  await reader.close();
  return { messages, end: reader.end, unreadable: reader.unreadable };
}

const part = (second: number, write = 7) =>
  makePart({ startMs: second * 1000, rows: [{ key: `key:${second}`, write }] });

/** Parts that do not compress to nothing. */
function largePart(second: number): WireMessage {
  const rows = Array.from({ length: 4000 }, (_, index) => {
    return { key: `${(index * 2654435761 * (second + 1)) % 2 ** 32}`, write: index % 91 };
  });
  return makePart({ startMs: second * 1000, rows });
}

test("what was published is read back, with its times and in its order", async (t) => {
  const path = await newFile(t);
  const { clock, recording } = await startRecording(path);
  const startMs = clock.now();
  const first = [makeReport({ atMs: startMs }), part(1)];
  recording.add(first);
  clock.advance(200);
  recording.add([part(2)]);
  await recording.close(5000);
  const { messages, end } = await read(path);
  assert.deepEqual(
    messages.map(({ atMs }) => atMs - startMs),
    [0, 0, 200],
  );
  assert.deepEqual(
    messages.map(({ message }) => message),
    [...first, part(2)],
  );
  assert.equal(end, "whole");
  assert.deepEqual(recording.books(), { stage: "recording", received: 3, kept: 3, dropped: {} });
});

test("only its owner can read a recording, also one that replaces another", async (t) => {
  const path = await newFile(t);
  await writeFile(path, "something else", { mode: 0o644 });
  await assert.rejects(startRecording(path), /exists already; name another file, or give --record-overwrite/);
  const { recording } = await startRecording(path, { overwrite: true });
  recording.add([part(1)]);
  await recording.close(5000);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await read(path)).messages.length, 1);
});

test("a recording of which nothing came leaves no file", async (t) => {
  const path = await newFile(t);
  const { recording } = await startRecording(path);
  await recording.close(5000);
  await assert.rejects(stat(path), /ENOENT/);
});

test("what was published is in the file within a second, before the recording ends", async (t) => {
  const path = await newFile(t);
  const { clock, recording } = await startRecording(path);
  recording.add([part(1)]);
  clock.advance(1000);
  await waitFor("the block to be written", () => recording.books().kept === 1);
  assert.equal((await read(path)).messages.length, 1);
  await recording.close(5000);
});

test("a recording ends before it would be too large, with one warning, and is readable up to there", async (t) => {
  const path = await newFile(t);
  const bytesMax = 200_000;
  const { warnings, recording } = await startRecording(path, { bytesMax });
  for (let second = 0; second < 40; second++) recording.add([largePart(second)]);
  await recording.close(5000);
  assert.deepEqual(warnings, ["the recording has reached its size and ends"]);
  const { size } = await stat(path);
  assert.ok(size <= bytesMax && size > bytesMax / 4, `${size} bytes`);
  const { messages, end } = await read(path);
  const books = recording.books();
  assert.equal(messages.length, books.kept);
  assert.equal(end, "whole");
  assert.equal(books.received, 40);
  assert.equal(unaccounted(books), 0);
  assert.ok((books.dropped.full ?? 0) > 0);
});

test("a disk that is full at the start is said, by the name of the file", async () => {
  const opening = startRecording("/dev/full", { overwrite: true });
  await assert.rejects(opening, /the recording \/dev\/full cannot be written: no space is left/);
});

test("a write that fails later ends the recording with one warning, and harms nobody", async (t) => {
  const path = await newFile(t);
  const { clock, warnings, recording } = await startRecording(path);
  const handle = await open(path);
  const failure = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  t.mock.method(Object.getPrototypeOf(handle), "appendFile", () => Promise.reject(failure));
  await handle.close();
  for (let second = 0; second < 3; second++) {
    recording.add([part(second)]);
    clock.advance(1000);
    await settle();
  }
  await recording.close(5000);
  assert.deepEqual(warnings, ["the recording ends: it cannot be written"]);
  assert.deepEqual(recording.books(), { stage: "recording", received: 3, kept: 0, dropped: { failed: 3 } });
});

test("a tail that was torn off costs what is behind the tear", async (t) => {
  const path = await newFile(t);
  const { clock, recording } = await startRecording(path);
  for (let second = 0; second < 3; second++) {
    recording.add([part(second)]);
    clock.advance(1000);
  }
  await recording.close(5000);
  const bytes = await readFile(path);
  const seen = new Set<number>();
  for (let length = MAGIC.length; length <= bytes.length; length++) {
    await writeFile(path, bytes.subarray(0, length));
    const { messages, end } = await read(path);
    assert.deepEqual(
      messages.map(({ message }) => message),
      [0, 1, 2].slice(0, messages.length).map((second) => part(second)),
    );
    if (length === bytes.length) assert.equal(end, "whole");
    seen.add(messages.length);
  }
  assert.deepEqual([...seen], [0, 1, 2, 3]);
});

test("what was appended to a recording that is damaged is not read", async (t) => {
  const path = await newFile(t);
  const { recording } = await startRecording(path);
  recording.add([part(1)]);
  await recording.close(5000);
  await appendFile(path, Buffer.alloc(100, 0xff));
  const { messages, end } = await read(path);
  assert.equal(messages.length, 1);
  assert.equal(end, "damaged");
});

test("a wall clock that was set back does not make times go back", async (t) => {
  const path = await newFile(t);
  const { clock, recording } = await startRecording(path);
  const startMs = clock.now();
  recording.add([part(1)]);
  t.mock.method(clock, "now", () => startMs - 60_000);
  recording.add([part(2)]);
  await recording.close(5000);
  const { messages } = await read(path);
  assert.deepEqual(
    messages.map(({ atMs }) => atMs),
    [startMs, startMs],
  );
});

test("a file that is no recording, or of a newer version, is refused by name", async (t) => {
  const path = await newFile(t);
  await assert.rejects(RecordingReader.open(path), /cannot be read: no such file/);
  await writeFile(path, "");
  await assert.rejects(RecordingReader.open(path), /fleet\.rec is not a recording of Keyheat/);
  await writeFile(path, Buffer.concat([MAGIC.subarray(0, -1), Buffer.of(9)]));
  await assert.rejects(RecordingReader.open(path), /is a recording of version 9/);
});

test("no bytes in a block make a reader throw", async (t) => {
  const path = await newFile(t);
  const blocks = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 })
      .map((plain) => packBlock(plain)),
    fc
      .array(fc.tuple(fc.double(), fc.uint8Array({ maxLength: 60 })), { minLength: 1, maxLength: 5 })
      .map((entries) => packBlock(entries.map(([atMs, record]) => entryOf({ atMs, record })))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(blocks, { maxLength: 4 }), async (pieces) => {
      await writeFile(path, Buffer.concat([MAGIC, ...pieces]));
      const { messages } = await read(path);
      for (const { atMs } of messages) assert.ok(atMs >= 0);
    }),
    { numRuns: 300 },
  );
});
