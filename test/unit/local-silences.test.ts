import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../src/http/errors.ts";
import type { SilenceStore } from "../../src/incidents/silence-store.ts";
import { StoreError } from "../../src/incidents/store.ts";
import { LocalSilences } from "../../src/local-silences.ts";
import { SILENCES_MAX, type Silence } from "../../src/model/silence.ts";
import { Silences } from "../../src/notify/silence.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const HOUR_MS = 3_600_000;

function setUp(stored: readonly Silence[] = []) {
  const clock = new SimulatedClock();
  const kept = new Map(stored.map((silence) => [silence.id, silence]));
  let isFull = false;
  const write = (change: () => void) => {
    if (isFull) throw new StoreError("FAILED", "no", { cause: new Error("database or disk is full") });
    change();
  };
  const store: SilenceStore = {
    load: () => [...kept.values()],
    save: (silence) => write(() => kept.set(silence.id, silence)),
    remove: (id) => write(() => kept.delete(id)),
    prune: (beforeMs) =>
      write(() => {
        for (const [id, { endsAtMs }] of kept) if (endsAtMs < beforeMs) kept.delete(id);
      }),
  };
  const silences = new LocalSilences(new Silences(clock, () => {}), store, clock);
  const silence = (id: string): Silence => ({
    id,
    matchers: { key: "*" },
    startsAtMs: clock.now(),
    endsAtMs: clock.now() + HOUR_MS,
    comment: "",
    createdBy: "",
    createdAtMs: clock.now(),
  });
  return {
    clock,
    kept,
    silences,
    silence,
    fill: () => {
      isFull = true;
    },
  };
}

test("what cannot be written is neither in force nor gone, and says why", async () => {
  const { silences, silence, fill } = setUp();
  await silences.add(silence("a"));
  fill();
  const isUnavailable = (error: unknown) =>
    error instanceof HttpError && error.status === 503 && /disk is full/.test(error.message);
  await assert.rejects(silences.add(silence("b")), isUnavailable);
  await assert.rejects(silences.remove("a"), isUnavailable);
  assert.deepEqual(
    silences.list().map(({ id }) => id),
    ["a"],
  );
});

test("there are at most 1,000, and an hour after it ended one makes room", async () => {
  const { clock, kept, silences, silence } = setUp();
  for (let index = 0; index < SILENCES_MAX; index++) await silences.add(silence(`s${index}`));
  await assert.rejects(
    silences.add(silence("more")),
    (error) => error instanceof HttpError && error.status === 409,
  );
  clock.advance(2 * HOUR_MS);
  assert.equal(silences.list().length, 0);
  clock.advance(1);
  await silences.add(silence("more"));
  assert.deepEqual([...kept.keys()], ["more"], "also on the disk");
});

test("removing what is not there says so", async () => {
  const { silences } = setUp();
  assert.equal(await silences.remove("x"), false);
});
