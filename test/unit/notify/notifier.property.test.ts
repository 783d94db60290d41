import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IncidentGroup, Severity } from "../../../src/model/incident.ts";
import { isWorse } from "../../../src/model/severity.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import fc from "../../support/fast-check.ts";
import { RULE } from "../incidents/samples.ts";
import { brokenDown, refusal } from "./fake-receiver.ts";
import { routeTo, Scene } from "./scene.ts";

const RECEIVERS = ["steady", "shaky"];
const KEYS = ["user:1", "user:2"];
const rule = { ...RULE, cooldown: 20_000, keepFiringFor: 5000 };

interface Stretch {
  readonly seconds: number;
  readonly verdicts: readonly Verdict[];
  readonly severity: Severity;
  readonly shaky: "take" | "fail" | "hang" | "refuse";
}

const verdict = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Verdict>("hot") },
  { weight: 4, arbitrary: fc.constant<Verdict>("calm") },
  { weight: 1, arbitrary: fc.constant<Verdict>("between") },
  { weight: 1, arbitrary: fc.constant<Verdict>("unknown") },
);

const stretch: fc.Arbitrary<Stretch> = fc.record({
  seconds: fc.integer({ min: 1, max: 30 }),
  verdicts: fc.tuple(verdict, verdict),
  severity: fc.constantFrom<Severity>("warning", "warning", "critical"),
  shaky: fc.constantFrom("take", "take", "fail", "hang", "refuse"),
});

interface Message {
  readonly atMs: number;
  readonly event: IncidentGroup["event"];
  readonly severity: Severity;
}

/** What one receiver took of one incident, in order. */
function messagesByIncident(scene: Scene, receiver: string): Map<string, Message[]> {
  const messages = new Map<string, Message[]>();
  for (const { atMs, group } of scene.receiver(receiver).taken) {
    for (const { id, severity } of group.incidents) {
      messages.set(id, [...(messages.get(id) ?? []), { atMs, event: group.event, severity }]);
    }
  }
  return messages;
}

async function lived(stretches: readonly Stretch[], groupWait: number): Promise<Scene> {
  const scene = new Scene({
    receivers: RECEIVERS,
    rule,
    routes: [routeTo(RECEIVERS, { groupWait, burst: 2, groupInterval: 7000 })],
  });
  for (const { seconds, verdicts, severity, shaky } of stretches) {
    const answers = { take: "take", hang: "hang", fail: brokenDown, refuse: refusal } as const;
    scene.receiver("shaky").answer = () => answers[shaky];
    await scene.hops(
      seconds,
      Object.fromEntries(KEYS.map((key, i) => [key, verdicts[i] ?? "calm"])),
      severity,
    );
  }
  return scene;
}

function checkOrder(messages: readonly Message[]): void {
  assert.equal(messages[0]?.event, "firing", "a resolve without a delivered firing");
  assert.ok(messages.filter(({ event }) => event === "resolved").length <= 1, "two resolves");
  for (const [i, message] of messages.entries()) {
    const before = messages[i - 1];
    if (before === undefined) continue;
    assert.equal(before.event, "firing", "a message after the resolve");
    const hasRisen = message.event === "firing" && isWorse(message.severity, before.severity);
    assert.ok(hasRisen || message.atMs - before.atMs >= rule.cooldown, "told twice within the cooldown");
  }
}

describe("notification, over any history", () => {
  it("resolves only what was told, once, and tells nobody twice within a cooldown unless severity rose", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stretch, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(0, 100, 3000),
        async (stretches, groupWait) => {
          const scene = await lived(stretches, groupWait);
          for (const receiver of RECEIVERS) messagesByIncident(scene, receiver).forEach(checkOrder);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("in the end has told every receiver that works of every end that it owes, and accounts for every notice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 8 }), async (stretches) => {
        const scene = await lived(stretches, 100);
        scene.receiver("shaky").answer = () => "take";
        await scene.hops(120, Object.fromEntries(KEYS.map((key) => [key, "calm" as const])));
        assert.equal(scene.book.size, 0);
        assert.deepEqual(scene.book.owing(), []);
        for (const receiver of RECEIVERS) {
          // What was refused for good is told no more: only a service that always worked hears of every end.
          if (receiver === "shaky" && stretches.some(({ shaky }) => shaky === "refuse")) continue;
          for (const messages of messagesByIncident(scene, receiver).values()) {
            assert.equal(messages.at(-1)?.event, "resolved");
          }
        }
        assert.equal(unaccounted(scene.ledger.books()), 0);
      }),
      { numRuns: 60 },
    );
  });
});
