import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CachedReads, type HotRead } from "../../../../src/client/remedies/cached-reads.ts";
import { textOf } from "../../../../src/client/remedies/cached-values.ts";
import type { Bytes } from "../../../../src/client/remedies/commands.ts";
import type { Clock } from "../../../../src/runtime/clock.ts";
import fc from "../../../support/fast-check.ts";
import { SimulatedClock, settle } from "../../../support/simulated-clock.ts";

const TTL_MS = 1000;
const JITTER = 0.2;
const AGE_MS_MAX = TTL_MS * (1 + JITTER);
const KEYS = ["a", "b"] as const;

/** What is tested, and what a naive cache is as well. */
interface Cache {
  read(key: string): Promise<string | null>;
  drop(key: string): void;
  dropAll(): void;
}

type Read = (key: string) => Promise<Buffer | null>;
type MakeCache = (read: Read, clock: Clock) => Cache;

/** Of keys that are all hot; what it keeps is read anew as early as can be. */
function readsOver(clock: Clock, readHot: (key: Bytes) => Promise<HotRead>) {
  const settings = { ttlMs: TTL_MS, jitter: JITTER, maxEntries: 100, maxBytes: 1024 * 1024 };
  let absorbed = 0;
  const source = {
    isHot: () => true,
    read: async (key: Bytes) => (await readHot(key)).reply,
    readHot,
    onAbsorbed: () => {
      absorbed++;
    },
  };
  return { reads: new CachedReads(settings, source, clock, () => 0.9999), absorbed: () => absorbed };
}

const ofCachedReads: MakeCache = (read, clock) => {
  const { reads } = readsOver(clock, async (name) => ({ reply: await read(String(name)), mayKeep: true }));
  return {
    read: async (key) => textOf(await reads.read(key)),
    drop: (key) => reads.drop(key),
    dropAll: () => reads.dropAll(),
  };
};

/** Keeps what a read gives, whatever was written meanwhile, from when it is here. */
const naive: MakeCache = (read, clock) => {
  const kept = new Map<string, { value: string | null; untilMs: number }>();
  return {
    read: async (key) => {
      const entry = kept.get(key);
      if (entry !== undefined && clock.monotonic() < entry.untilMs) return entry.value;
      const value = (await read(key))?.toString() ?? null;
      kept.set(key, { value, untilMs: clock.monotonic() + AGE_MS_MAX });
      return value;
    },
    drop: (key) => void kept.delete(key),
    dropAll: () => kept.clear(),
  };
};

/** A value of a key, from when it was written until another was. */
interface Version {
  readonly text: string | null;
  /** In steps of the scenario, and in ms; `null`: it is the value. */
  endedStep: number | null;
  endedMs: number | null;
}

type Step =
  | { readonly do: "write" | "write and drop"; readonly key: string; readonly isNull: boolean }
  | { readonly do: "drop"; readonly key: string }
  | { readonly do: "drop all" }
  | { readonly do: "read"; readonly key: string; readonly sendMs: number; readonly replyMs: number }
  | { readonly do: "pass"; readonly ms: number };

const key = fc.constantFrom(...KEYS);
// Also longer than a value may be kept.
const travelMs = fc.integer({ min: 0, max: 2000 });
const isNull = fc.constantFrom(false, false, true);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("write" as const), key, isNull }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("write and drop" as const), key, isNull }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("drop all" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("read" as const), key, sendMs: travelMs, replyMs: travelMs }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 600 }) }),
  },
);

/** Plays steps against a cache over a simulated server. Throws when a read gives what is too old or was dropped. */
class Scenario {
  readonly #clock = new SimulatedClock();
  readonly #versions = new Map<string, Version[]>(KEYS.map((name) => [name, [version(null)]]));
  readonly #droppedStep = new Map<string, number>();
  readonly #cache: Cache;
  #travel = { sendMs: 0, replyMs: 0 };
  #step = 0;
  #violation: Error | null = null;

  constructor(make: MakeCache) {
    this.#cache = make((name) => this.#serve(name), this.#clock);
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      this.#step++;
      await this.#play(one);
    }
    await this.#clock.pass(10_000);
    if (this.#violation !== null) throw this.#violation;
  }

  async #play(one: Step): Promise<void> {
    if (one.do === "write" || one.do === "write and drop") this.#write(one.key, one.isNull);
    if (one.do === "drop" || one.do === "write and drop") this.#drop(one.key);
    if (one.do === "drop all") this.#dropAll();
    if (one.do === "read") this.#read(one);
    if (one.do === "pass") await this.#clock.pass(one.ms);
    await settle();
  }

  #write(name: string, isNull: boolean): void {
    const versions = this.#versions.get(name)!;
    const last = versions.at(-1)!;
    last.endedStep = this.#step;
    last.endedMs = this.#clock.monotonic();
    versions.push(version(isNull ? null : String(this.#step)));
  }

  #drop(name: string): void {
    this.#droppedStep.set(name, this.#step);
    this.#cache.drop(name);
  }

  #dropAll(): void {
    for (const name of KEYS) this.#droppedStep.set(name, this.#step);
    this.#cache.dropAll();
  }

  #read({ key: name, sendMs, replyMs }: { key: string; sendMs: number; replyMs: number }): void {
    this.#travel = { sendMs, replyMs };
    const oldestMs = this.#clock.monotonic() - AGE_MS_MAX;
    const droppedStep = this.#droppedStep.get(name) ?? 0;
    this.#cache.read(name).then((text) => {
      const isFresh = (one: Version) =>
        one.text === text &&
        (one.endedMs === null || (one.endedMs >= oldestMs && (one.endedStep ?? 0) > droppedStep));
      if (!this.#versions.get(name)!.some(isFresh)) this.#violation ??= new Error(`${name} gave ${text}`);
    });
  }

  async #serve(name: string): Promise<Buffer | null> {
    const { sendMs, replyMs } = this.#travel;
    await this.#pass(sendMs);
    const { text } = this.#versions.get(name)!.at(-1)!;
    await this.#pass(replyMs);
    return text === null ? null : Buffer.from(text);
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }
}

function version(text: string | null): Version {
  return { text, endedStep: null, endedMs: null };
}

const property = (make: MakeCache) =>
  fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), (steps) => new Scenario(make).play(steps));

describe("what a cache gives is no older than its time, and never what was dropped", () => {
  test("whatever is read, written and dropped meanwhile", async () => {
    await fc.assert(property(ofCachedReads), { numRuns: 1000 });
  });
  test("which a cache that keeps every reply does not hold to", async () => {
    const { failed } = await fc.check(property(naive), { numRuns: 300 });
    assert.equal(failed, true);
  });
});

/** A read is under way when its key is written and dropped. Returns what it, and one after the drop, give. */
async function overtake(make: MakeCache): Promise<(string | null)[]> {
  const replies: PromiseWithResolvers<Buffer | null>[] = [];
  const read = () => {
    const reply = Promise.withResolvers<Buffer | null>();
    replies.push(reply);
    return reply.promise;
  };
  const cache = make(read, new SimulatedClock());
  const first = cache.read("a");
  cache.drop("a");
  const second = cache.read("a");
  // Connections of their own: the older reply comes last.
  replies[1]?.resolve(Buffer.from("new"));
  const got = replies.length > 1 ? await second : null;
  replies[0]?.resolve(Buffer.from("old"));
  await first;
  return [got, await cache.read("a")];
}

test("a read that its invalidation overtook is not kept, nor joined by who asks after that", async () => {
  assert.deepEqual(await overtake(ofCachedReads), ["new", "new"]);
  assert.deepEqual(await overtake(naive), ["new", "old"]);
});

test("a read that is under way for longer than a value is kept is not joined, nor kept when it is answered", async () => {
  const clock = new SimulatedClock();
  const replies: PromiseWithResolvers<Buffer | null>[] = [];
  const read = () => {
    const reply = Promise.withResolvers<Buffer | null>();
    replies.push(reply);
    return reply.promise;
  };
  const cache = ofCachedReads(read, clock);
  const stuck = cache.read("a");
  clock.advance(AGE_MS_MAX - 1);
  const joined = cache.read("a");
  assert.equal(replies.length, 1);
  clock.advance(1);
  const late = cache.read("a");
  assert.equal(replies.length, 2);
  replies[1]!.resolve(Buffer.from("new"));
  assert.equal(await late, "new");
  replies[0]!.resolve(Buffer.from("old"));
  assert.deepEqual(await Promise.all([stuck, joined]), ["old", "old"]);
  assert.equal(await cache.read("a"), "new");
});

test("bytes of a key that change once the caller has its answer change no read that is under way", async () => {
  const clock = new SimulatedClock();
  const asked: Bytes[] = [];
  const { reads } = readsOver(clock, async (name) => {
    asked.push(name);
    return { reply: null, mayKeep: true };
  });
  const key = Buffer.from([0xff, 0x01]);
  for (const passMs of [0, TTL_MS]) {
    clock.advance(passMs);
    await reads.read(key);
  }
  key.fill(0);
  assert.deepEqual(asked, [Buffer.from([0xff, 0x01]), Buffer.from([0xff, 0x01])]);
});

test("while a value cannot be read anew, or what was read may not be kept, that is tried eight times at most", async () => {
  const clock = new SimulatedClock();
  for (const again of [
    () => Promise.reject(new Error("WRONGTYPE")),
    async () => ({ reply: null, mayKeep: false }),
  ]) {
    let asked = 0;
    const { reads, absorbed } = readsOver(clock, (): Promise<HotRead> => {
      asked++;
      return asked === 1 ? Promise.resolve({ reply: Buffer.from("1"), mayKeep: true }) : again();
    });
    await reads.read("a");
    for (let ms = 1; ms < AGE_MS_MAX; ms++) {
      clock.advance(1);
      assert.equal(reads.read("a"), "1");
      await settle();
    }
    const { hits, refreshes } = reads.counts;
    assert.ok(refreshes >= 4 && refreshes <= 8, `${refreshes}`);
    assert.deepEqual([asked, absorbed()], [1 + refreshes, hits - refreshes]);
    clock.advance(1);
    await Promise.allSettled([reads.read("a")]);
    assert.equal(asked, 2 + refreshes);
  }
});
