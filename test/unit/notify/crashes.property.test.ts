import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IncidentStore } from "../../../src/incidents/store.ts";
import type { Incident, IncidentGroup, Severity } from "../../../src/model/incident.ts";
import { isWorse } from "../../../src/model/severity.ts";
import type { Silence } from "../../../src/model/silence.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import fc from "../../support/fast-check.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { RULE } from "../incidents/samples.ts";
import { type Answer, type Attempt, brokenDown } from "./fake-receiver.ts";
import { routeTo, Scene } from "./scene.ts";

const RECEIVERS = ["one", "two"];
const KEYS = ["user:1", "user:2", "user:3"];
const rule = { ...RULE, for: 3000, cooldown: 20_000, keepFiringFor: 5000 };
const PACE = { groupWait: 500, burst: 2, groupInterval: 7000 };
/** After so long, a key that is hot has fired, its group has left, and the budget was refilled for it. */
const PATIENCE_MS = rule.for + PACE.groupWait + (KEYS.length + 1) * 2 * PACE.groupInterval;
/** As soon as a mute begins, everything is looked at: after the turn in which it did. */
const LOOK_MS = 1;

/** How a process ends: between two hops; while receivers have taken what is not logged yet; while one hangs. */
type Crash = "none" | "quiet" | "unlogged" | "hanging";

/** A silence of keys begins, and ends by itself or not in this history; or all there are are removed. */
type SilenceChange = { readonly key: string; readonly seconds: number } | "remove" | null;

interface Stretch {
  readonly seconds: number;
  readonly verdicts: readonly Verdict[];
  /** Of the target of all keys; `null`: no rule looks at it. */
  readonly skew: Verdict | null;
  readonly silence: SilenceChange;
  readonly severity: Severity;
  readonly answer: "take" | "fail" | "hang";
  readonly crash: Crash;
}

const key = fc.constantFrom("user:1", "user:[12]", "*");
const silenceChange: fc.Arbitrary<SilenceChange> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.record({ key, seconds: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.constant("remove" as const) },
);
const stretch: fc.Arbitrary<Stretch> = fc.record({
  seconds: fc.integer({ min: 1, max: 25 }),
  skew: fc.constantFrom<Verdict | null>(null, null, "hot", "calm", "unknown"),
  silence: silenceChange,
  verdicts: fc.tuple(...KEYS.map(() => fc.constantFrom<Verdict>("hot", "hot", "calm", "between", "unknown"))),
  severity: fc.constantFrom<Severity>("warning", "warning", "critical"),
  answer: fc.constantFrom("take", "take", "fail", "hang"),
  crash: fc.constantFrom<Crash>("none", "none", "quiet", "unlogged", "hanging"),
});

/** What a receiver took, by whichever process. */
interface Taken extends Attempt {
  readonly receiver: string;
  /** Which process sent it, from 0 on. */
  readonly life: number;
}

/** Processes, one after the other, on one store; receivers remember what they took from all of them. */
class Lives {
  readonly clock = new SimulatedClock();
  readonly taken: Taken[] = [];
  /** Firings of which the receiver was not to be told by then, and that an attempt was made with all the same. */
  readonly mutedAttempts: string[] = [];
  readonly #rows = new Map<string, Incident>();
  readonly #silences = new Map<string, Silence>();
  #mutedChangedMs = 0;
  /** Processes that were killed between sending and logging: since when nothing was logged. */
  readonly unlogged = new Map<number, number>();
  #life = 0;
  #end: () => void = () => {};
  scene: Scene;

  constructor() {
    this.scene = this.#begin();
  }

  answer(answer: Answer): void {
    for (const receiver of this.scene.receivers.values()) receiver.answer = () => answer;
  }

  /** A silence that begins; "remove": all that there are end. */
  silence(change: SilenceChange): void {
    const { silences } = this.scene.muting;
    if (change === "remove") {
      for (const id of this.#silences.keys()) silences.remove(id);
      this.#silences.clear();
    } else if (change !== null) {
      const nowMs = this.clock.now();
      const silence: Silence = {
        id: `silence-${this.#silences.size}`,
        matchers: { key: change.key },
        startsAtMs: nowMs,
        endsAtMs: nowMs + change.seconds * 1000,
        comment: "",
        createdBy: "",
        createdAtMs: nowMs,
      };
      this.#silences.set(silence.id, silence);
      silences.put(silence);
    }
  }

  async hops(
    seconds: number,
    verdicts: Readonly<Record<string, Verdict>>,
    { severity = "warning", skew = null }: { severity?: Severity; skew?: Verdict | null } = {},
  ): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      if (skew !== null) this.scene.observeSkew(skew);
      await this.scene.hop(verdicts, severity);
    }
  }

  async pass({ seconds, verdicts, skew, silence, severity, answer, crash }: Stretch): Promise<void> {
    this.silence(silence);
    this.answer(answer === "fail" ? brokenDown : answer);
    if (crash === "unlogged") {
      this.scene.onNotified = () => {};
      this.unlogged.set(this.#life, this.clock.now());
    }
    if (crash === "hanging") this.answer("hang");
    await this.hops(seconds, this.#verdictsOf(verdicts), { severity, skew });
    if (crash !== "none") this.crash();
  }

  /** Nothing of the process is left but what it has stored. */
  crash(): void {
    this.#end();
    this.#life++;
    this.scene = this.#begin();
  }

  /** What a receiver took of an incident, in order. */
  messagesOf(receiver: string, id: string) {
    return this.taken
      .filter((taken) => taken.receiver === receiver && taken.group.incidents.some((one) => one.id === id))
      .map(({ atMs, group, life }) => ({
        atMs,
        life,
        isLogged: atMs < (this.unlogged.get(life) ?? Number.POSITIVE_INFINITY),
        event: group.event,
        severity: group.incidents.find((one) => one.id === id)!.severity,
      }));
  }

  #noteMuted({ muting }: Scene, receiver: string, { event, incidents }: IncidentGroup): void {
    if (event !== "firing" || this.clock.now() - this.#mutedChangedMs <= LOOK_MS) return;
    for (const incident of incidents) {
      const reason = muting.muted(incident, receiver);
      if (reason !== null) this.mutedAttempts.push(`${incident.id} to ${receiver}: ${reason}`);
    }
  }

  #verdictsOf(verdicts: readonly Verdict[]) {
    return Object.fromEntries(KEYS.map((key, index) => [key, verdicts[index] ?? "calm"]));
  }

  #begin(): Scene {
    let isAlive = true;
    const life = this.#life;
    const store: IncidentStore = {
      load: () => [...this.#rows.values()],
      save: (incidents) => {
        for (const incident of isAlive ? incidents : []) this.#rows.set(incident.id, incident);
      },
      prune: () => {},
      close: () => {},
    };
    const routes = [routeTo(RECEIVERS, PACE)];
    const scene = new Scene({ receivers: RECEIVERS, routes, rule, store, clock: this.clock });
    for (const silence of this.#silences.values()) scene.muting.silences.put(silence);
    scene.muting.onChange(() => {
      this.#mutedChangedMs = this.clock.now();
    });
    for (const receiver of scene.receivers.values()) {
      const attempt = receiver.attempts.push.bind(receiver.attempts);
      receiver.attempts.push = (...attempts) => {
        if (isAlive) for (const { group } of attempts) this.#noteMuted(scene, receiver.name, group);
        return attempt(...attempts);
      };
      const push = receiver.taken.push.bind(receiver.taken);
      receiver.taken.push = (...attempts) => {
        for (const attempt of attempts) this.taken.push({ ...attempt, receiver: receiver.name, life });
        return push(...attempts);
      };
    }
    this.#end = () => {
      isAlive = false;
      scene.onNotified = () => {};
      for (const receiver of scene.receivers.values()) receiver.answer = () => "hang";
    };
    return scene;
  }
}

async function lived(stretches: readonly Stretch[]): Promise<Lives> {
  const lives = new Lives();
  for (const one of stretches) await lives.pass(one);
  return lives;
}

const ALL_HOT = Object.fromEntries(KEYS.map((key) => [key, "hot" as const]));
const histories = fc.array(stretch, { minLength: 1, maxLength: 10 });

describe("notification, over any history with crashes at any step", () => {
  it("leaves no receiver green, or without a word, while its key is hot", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (stretches) => {
        const lives = await lived(stretches);
        lives.answer("take");
        lives.scene.onNotified = null;
        lives.silence("remove");
        // What hung is given up after 10 s, and what failed is tried again after a minute at most.
        await lives.hops(70 + PATIENCE_MS / 1000, ALL_HOT, { skew: "calm" });
        const firing = [...lives.scene.book.active()].filter(({ status }) => status === "firing");
        assert.equal(firing.length, KEYS.length);
        for (const { id } of firing) {
          for (const receiver of RECEIVERS)
            assert.equal(lives.messagesOf(receiver, id).at(-1)?.event, "firing", receiver);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("tells of all that is hot but what is silenced or folded then, and of that nothing", async () => {
    await fc.assert(
      fc.asyncProperty(histories, key, fc.boolean(), async (stretches, silenced, isSkewed) => {
        const lives = await lived(stretches);
        lives.answer("take");
        lives.scene.onNotified = null;
        lives.silence("remove");
        lives.silence({ key: silenced, seconds: 3600 });
        await lives.hops(70 + PATIENCE_MS / 1000, ALL_HOT, { skew: isSkewed ? "hot" : "calm" });
        const { book, muting } = lives.scene;
        const firing = [...book.active()].filter(({ status }) => status === "firing");
        assert.equal(firing.length, KEYS.length + (isSkewed ? 1 : 0));
        for (const receiver of RECEIVERS) {
          const untold = firing.filter(({ id }) => lives.messagesOf(receiver, id).at(-1)?.event !== "firing");
          assert.deepEqual(
            untold.filter((incident) => muting.muted(incident, receiver) === null),
            [],
          );
        }
        assert.deepEqual(lives.mutedAttempts, []);
      }),
      { numRuns: 100 },
    );
  });

  it("resolves nothing that was not told, and repeats itself within a cooldown only where it could not know", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (stretches) => {
        const lives = await lived(stretches);
        const ids = new Set(lives.taken.flatMap(({ group }) => group.incidents.map(({ id }) => id)));
        for (const receiver of RECEIVERS) for (const id of ids) checkMessages(lives.messagesOf(receiver, id));
        assert.deepEqual(lives.mutedAttempts, []);
      }),
      { numRuns: 100 },
    );
  });

  it("ends nothing by blindness: without a calm second there is no resolve", async () => {
    const neverCalm = fc.array(
      stretch.map((one) => ({
        ...one,
        skew: one.skew === "calm" ? "unknown" : one.skew,
        verdicts: one.verdicts.map((verdict): Verdict => (verdict === "calm" ? "unknown" : verdict)),
      })),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(neverCalm, async (stretches) => {
        const lives = await lived(stretches);
        await lives.scene.hops(300, {});
        assert.deepEqual(
          lives.taken.filter(({ group }) => group.event === "resolved"),
          [],
        );
      }),
      { numRuns: 60 },
    );
  });
});

type Messages = ReturnType<Lives["messagesOf"]>;

function checkMessages(messages: Messages): void {
  if (messages.length === 0) return;
  assert.equal(messages[0]?.event, "firing", "a resolve without a delivered firing");
  for (const [index, message] of messages.entries()) {
    const before = messages[index - 1];
    if (before === undefined) continue;
    // Nobody could know of it any more: it is told once more, under the same id where its group is the same.
    if (!before.isLogged && message.life > before.life) continue;
    assert.equal(before.event, "firing", "a message after the resolve");
    const hasRisen = message.event === "firing" && isWorse(message.severity, before.severity);
    assert.ok(hasRisen || message.atMs - before.atMs >= rule.cooldown, "told twice within the cooldown");
  }
}
