import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IncidentStore } from "../../../src/incidents/store.ts";
import type { Incident, Severity } from "../../../src/model/incident.ts";
import { isWorse } from "../../../src/model/severity.ts";
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
const PATIENCE_MS = rule.for + PACE.groupWait + KEYS.length * 2 * PACE.groupInterval;

/** How a process ends: between two hops; while receivers have taken what is not logged yet; while one hangs. */
type Crash = "none" | "quiet" | "unlogged" | "hanging";

interface Stretch {
  readonly seconds: number;
  readonly verdicts: readonly Verdict[];
  readonly severity: Severity;
  readonly answer: "take" | "fail" | "hang";
  readonly crash: Crash;
}

const stretch: fc.Arbitrary<Stretch> = fc.record({
  seconds: fc.integer({ min: 1, max: 25 }),
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
  readonly #rows = new Map<string, Incident>();
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

  async pass({ seconds, verdicts, severity, answer, crash }: Stretch): Promise<void> {
    this.answer(answer === "fail" ? brokenDown : answer);
    if (crash === "unlogged") {
      this.scene.onNotified = () => {};
      this.unlogged.set(this.#life, this.clock.now());
    }
    if (crash === "hanging") this.answer("hang");
    await this.scene.hops(seconds, this.#verdictsOf(verdicts), severity);
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
    for (const receiver of scene.receivers.values()) {
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
        // What hung is given up after 10 s, and what failed is tried again after a minute at most.
        await lives.scene.hops(70 + PATIENCE_MS / 1000, ALL_HOT);
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

  it("resolves nothing that was not told, and repeats itself within a cooldown only where it could not know", async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (stretches) => {
        const lives = await lived(stretches);
        const ids = new Set(lives.taken.flatMap(({ group }) => group.incidents.map(({ id }) => id)));
        for (const receiver of RECEIVERS) for (const id of ids) checkMessages(lives.messagesOf(receiver, id));
      }),
      { numRuns: 100 },
    );
  });

  it("ends nothing by blindness: without a calm second there is no resolve", async () => {
    const neverCalm = fc.array(
      stretch.map((one) => ({
        ...one,
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
