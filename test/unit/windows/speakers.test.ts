import assert from "node:assert/strict";
import { test } from "node:test";
import { Pane } from "../../../src/windows/pane.ts";
import { speakersOf } from "../../../src/windows/speakers.ts";
import type { StoredPart } from "../../../src/windows/stored-part.ts";
import fc from "../../support/fast-check.ts";
import { makePart } from "../../support/parts.ts";

/** What agents told of a pane: `+` all of it, `~` sampled, `-` with a gap, a space nothing. */
function paneOf(told: Readonly<Record<string, string>>, second: number): Pane {
  const pane = new Pane(
    { startMs: second * 1000, endMs: (second + 1) * 1000, totals: new Map() },
    0,
    0,
    null,
  );
  for (const [agent, mark] of Object.entries(told)) {
    if (mark === " ") continue;
    const part = makePart({ agent, complete: mark !== "-" });
    const stored = { sampling: mark === "~" ? {} : null } as StoredPart;
    pane.newUnit(part)?.append(part, stored, 1);
  }
  return pane;
}

/** One character a pane, for each agent. */
function speakers(told: Readonly<Record<string, string>>): string {
  const agents = Object.entries(told);
  const seconds = Math.max(...agents.map(([, marks]) => marks.length));
  const panes = Array.from({ length: seconds }, (_, second) =>
    paneOf(Object.fromEntries(agents.map(([agent, marks]) => [agent, marks[second] ?? " "])), second),
  );
  return speakersOf(panes)
    .map((speaker) => speaker ?? ".")
    .join("");
}

test("agents change as seldom as can be, and of those as good the first by name speaks", () => {
  assert.equal(speakers({ a: "++++++", b: "++++++" }), "aaaaaa");
  assert.equal(speakers({ a: "++-+++", b: "++++++" }), "bbbbbb");
  assert.equal(speakers({ a: "++~+++", b: "++++++" }), "bbbbbb");
  assert.equal(speakers({ a: "+++-++", b: "-+++++" }), "aaabbb");
  assert.equal(speakers({ a: "-+++++", b: "++++-+" }), "bbbbaa");
  assert.equal(speakers({ a: "+++   ", b: " +++++" }), "aaabbb");
  assert.equal(speakers({ a: "~~~~", b: "~~~~" }), "aaaa");
  assert.equal(
    speakers({ a: "+-  +", b: "+-  +" }),
    "aaaaa",
    "where nobody is worth anything, no line is drawn",
  );
  assert.equal(speakers({ a: "--++", b: "--++" }), "..aa");
});

test("no choice of speakers that are as good as any has fewer changes", () => {
  const marks = fc.array(fc.constantFrom("+", "+", "+", "~", "-", " "), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(marks, marks, (a, b) => {
      const told = { a: a.join(""), b: b.join("") };
      const chosen = speakers(told);
      assert.equal(changesIn(chosen), fewestChanges(told, chosen.length));
    }),
    { numRuns: 300 },
  );
});

function changesIn(speakers: string): number {
  const named = [...speakers].filter((speaker) => speaker !== ".");
  return named.filter((speaker, index) => index > 0 && speaker !== named[index - 1]).length;
}

/** By trying all choices. */
function fewestChanges(told: { readonly a: string; readonly b: string }, seconds: number): number {
  const worth = (mark = " ") => "-~+".indexOf(mark);
  let fewest = Number.POSITIVE_INFINITY;
  for (let choice = 0; choice < 2 ** seconds; choice++) {
    const speakers = Array.from({ length: seconds }, (_, second) => ((choice >> second) & 1 ? "a" : "b"));
    const isAllowed = speakers.every((speaker, second) => {
      const own = worth(speaker === "a" ? told.a[second] : told.b[second]);
      return own === Math.max(worth(told.a[second]), worth(told.b[second]), 0) || isWorthless(told, second);
    });
    if (!isAllowed) continue;
    const counted = speakers.filter((_, second) => !isWorthless(told, second));
    fewest = Math.min(fewest, changesIn(counted.join("")));
  }
  return fewest;

  function isWorthless({ a, b }: typeof told, second: number): boolean {
    return worth(a[second]) < 1 && worth(b[second]) < 1;
  }
}
