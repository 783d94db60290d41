import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { displayWidth } from "../../../../src/cli/view/display-text.ts";
import { type FrameSize, frameLines, roomOf, type View } from "../../../../src/cli/view/frame.ts";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import { formatTimeOfDay } from "../../../../src/cli/view/numbers.ts";
import { colours, noColours } from "../../../../src/cli/view/paint.ts";
import { NO_SCENE } from "../../../../src/cli/view/scene.ts";
import { graphemesOf } from "../../../../src/cli/view/text-width.ts";
import fc from "../../../support/fast-check.ts";
import {
  incidentRow,
  keyRow,
  momentWith,
  NOW_MS,
  STOCK,
  sceneWith,
  stateWith,
  trailsOf,
  USER,
  viewWith,
} from "./scenes.ts";

const SCENE = sceneWith();
const MOMENT = momentWith({ trails: trailsOf(SCENE, [1000, 2000, 4000, 8000]) });
const size = (columns: number, rows = 40): FrameSize => ({ columns, rows });

const framed = (fields: Partial<View>, at = size(80)) => frameLines(viewWith(fields), at, noColours);
const trimmed = (lines: readonly string[]) => lines.map((line) => line.trimEnd());

test("in 80 columns: who is watched, the keys with rates, trend, bound, share, incident, and what can be pressed", () => {
  assert.deepEqual(trimmed(framed({ moment: MOMENT })), [
    "keyheat demo                                     11,021 accesses/s seen in 10 s",
    "its own redis-server",
    "seen   127.0.0.1:6379 (primary)  writes seen 100.0%, reads seen 50.0%",
    "",
    "  # KEY                   READ/S WRITE/S TOTAL/S   TREND ±BOUND  SHARE INCIDENT",
    "  1 product:4711:stock         0   8,012   8,012    ▂▃▅█  exact  72.7% firing",
    "  2 user:1                     0     120     120    ▂▃▅█   ±0.3   4.0%",
    "",
    "INCIDENTS",
    "firing     product:4711:stock  8,012/s, peak 8,100/s, for 12s  (hot-key, criti…",
    "",
    "↑↓ move  Enter look into  / filter  s sort  p pause  ? help  q quit",
    "API http://x",
  ]);
});

test("in 60 columns the kinds and the trend give way, in 40 the rest, and the key last", () => {
  assert.deepEqual(trimmed(framed({ moment: MOMENT }, size(60))).slice(4, 6), [
    "  # KEY                      TOTAL/S ±BOUND  SHARE INCIDENT",
    "  1 product:4711:stock         8,012  exact  72.7% firing",
  ]);
  assert.deepEqual(trimmed(framed({ moment: MOMENT }, size(40))).slice(4, 6), [
    "  # KEY                         TOTAL/S",
    "  1 product:4711:stock            8,012",
  ]);
  assert.deepEqual(trimmed(framed({ moment: MOMENT }, size(21))).slice(4, 6), [
    "  # KEY",
    "  1 product:…1:stock",
  ]);
});

test("in 200 columns there is all of it", () => {
  const services = [
    { name: "shop", count: 9 },
    { name: "till", count: 1 },
  ];
  const vantages = { read: "clients", write: "server-events" } as const;
  const scene = sceneWith({ keys: [{ ...STOCK, services, vantages }] });
  const lines = trimmed(framed({ moment: momentWith({ scene, trails: MOMENT.trails }) }, size(200)));
  assert.deepEqual(lines.slice(4, 6), [
    "  # KEY                                       PATTERN                   READ/S WRITE/S  MISS/S TOTAL/S                TREND ±BOUND  SHARE VANTAGE               SERVICES             INCIDENT",
    "  1 product:4711:stock                        product:{n}:stock              0   8,012       0   8,012                 ▂▃▅█  exact  72.7% clients+events        shop, till           firing 12s",
  ]);
});

test("columns come in a fixed order as the terminal grows, and none goes again", () => {
  const heads = Array.from({ length: 220 }, (_, index) => {
    const head = framed({ moment: MOMENT }, size(index + 21))[4] ?? "";
    return new Set(head.trim().split(/ +/));
  });
  for (const [index, names] of heads.entries()) {
    for (const name of heads[index - 1] ?? []) assert.ok(names.has(name), `${name} at ${index + 21}`);
  }
  assert.equal(heads.at(-1)?.size, 13);
});

test("numbers that are too long for their column are shortened, not cut", () => {
  const mix = { read: 1_234_567, write: 12_345_678, miss: 0 };
  const keys = [keyRow({ mix, ratePerSecond: 13_580_245, marginPerSecond: 123_456, share: 1 })];
  const [line = ""] = framed({ moment: momentWith({ scene: sceneWith({ keys }) }) }).filter((one) =>
    one.includes("user:1"),
  );
  assert.match(line, / 1\.2M +12\.3M +0 +13\.6M +±123k 100\.0%/);
});

test("the line that is pointed at is inverse, wherever it is scrolled to", () => {
  const keys = Array.from({ length: 40 }, (_, index) => keyRow({ label: `key:${index}`, rank: index + 1 }));
  const moment = momentWith({ scene: sceneWith({ keys }) });
  for (const row of [0, 7, 20, 39]) {
    const state = stateWith({ cursor: { id: `0 utf8 key:${row}`, row } });
    const lines = frameLines(viewWith({ moment, state }), size(80, 24), colours);
    const inverse = lines.filter((line) => line.includes("\u001b[7m"));
    assert.equal(inverse.length, 1);
    assert.match(inverse[0] ?? "", new RegExp(`key:${row} `));
  }
});

test("a firing key is red, one that recovers yellow, a calm one plain", () => {
  const statuses = ["firing", "recovering", null] as const;
  const keys = statuses.map((status) =>
    keyRow({ incidents: status === null ? [] : [incidentRow({ status })] }),
  );
  const lines = frameLines(
    viewWith({ moment: momentWith({ scene: sceneWith({ keys }) }) }),
    size(80),
    colours,
  );
  const tones = lines
    .filter((line) => line.includes("user:1"))
    .map((line) => ["\u001b[31m", "\u001b[33m"].find((code) => line.startsWith(code)) ?? "plain");
  assert.deepEqual(tones, ["\u001b[31m", "\u001b[33m", "plain"]);
});

test("quiet, blind, partly blind, not watching and not yet asked are told apart", () => {
  const [target] = SCENE.targets;
  assert.ok(target);
  const seen = { ...target, coverage: { read: null, write: 0.99 } };
  const blind = { ...target, state: "blind" } as const;
  const textOf = (fields: Parameters<typeof sceneWith>[0]) => {
    const scene = { ...sceneWith({ keys: [], incidents: [], targets: [seen] }), ...fields };
    return framed({ moment: momentWith({ scene }) })
      .find((line) => line.startsWith("    "))
      ?.trim();
  };
  assert.equal(textOf({}), "quiet: no accesses in the last 10 s");
  assert.equal(textOf({ complete: false }), "no accesses seen yet");
  assert.equal(
    textOf({ targets: [blind, blind] }),
    "blind: no server is seen, so it is not known whether anything is hot",
  );
  assert.equal(textOf({ targets: [seen, blind] }), "no accesses seen, but 1 of 2 servers are not seen");
  assert.equal(textOf({ targets: [] }), "not watching: no server is known yet");
  assert.equal(textOf(NO_SCENE), "waiting for the first answer");
  const replica = { ...target, role: "replica", coverage: { read: null, write: null } } as const;
  assert.equal(textOf({ targets: [seen, replica] }), "quiet: no accesses in the last 10 s");
  // Reads that hit emit no event: without a client that reports them, a server under load looks idle.
  const unseenReads = { ...target, coverage: { read: 0, write: null } };
  assert.equal(
    textOf({ targets: [seen, unseenReads] }),
    "no accesses seen, but only 0.0% of the reads of the last minute were seen",
  );
});

test("servers that are not seen are named before others", () => {
  const targets = ["a", "b", "c", "d", "e", "f"].map((name) => ({
    target: `${name}:6379`,
    role: "primary" as const,
    state: name === "f" ? ("blind" as const) : ("seen" as const),
    coverage: { read: null, write: null },
  }));
  const lines = framed({ moment: momentWith({ scene: sceneWith({ targets }) }) });
  assert.match(lines[2] ?? "", /^blind {2}f:6379/);
  assert.equal(lines[6], "and 2 more");
});

test("without an answer the last scene stays, with the reason and its age", () => {
  const failure = "no answer from http://x: connect ECONNREFUSED";
  const lines = framed({ moment: { ...MOMENT, failure }, nowMs: NOW_MS + 12_000 }, size(120));
  assert.ok(lines.includes(`! ${failure}; what is shown is 12s old`));
  assert.ok(lines.some((line) => line.includes("product:4711:stock")));
  const slow = framed({ moment: MOMENT, nowMs: NOW_MS + 4000 }, size(120));
  assert.ok(slow.includes("! no answer for 4s: what is shown is 4s old"));
});

test("the line of a problem is shown whole, in several lines where it must be", () => {
  const problem = `notifications are off: run CONFIG SET notify-keyspace-events Em${"x".repeat(80)} on the server`;
  const lines = framed({ moment: momentWith({ scene: sceneWith({ problems: [problem] }) }) }, size(60));
  assert.ok(lines.join("").replaceAll(" ", "").includes(`!${problem}`.replaceAll(" ", "")));
});

test("a pause, an order and a filter are named while they last", () => {
  const selection = { ...ALL_KEYS, sort: "write", isReversed: true, filter: "user" } as const;
  const state = stateWith({ selection, frozen: MOMENT });
  const later = momentWith({ scene: sceneWith({ keys: [keyRow({ label: "user:9" })] }) });
  const lines = framed({ state, moment: later, nowMs: NOW_MS + 60_000 }, size(120));
  assert.ok(
    lines.includes(
      `PAUSED since ${formatTimeOfDay(NOW_MS)}   sorted by write, the least first   only with "user" (1 of 2 keys)`,
    ),
  );
  assert.ok(lines.some((line) => line.includes("user:1 ")) && !lines.some((line) => line.includes("user:9")));
});

test("a filter that finds nothing says what is looked for among how many", () => {
  const state = stateWith({ selection: { ...ALL_KEYS, filter: "\u202ecart" }, isTyping: true });
  const lines = framed({ state, moment: MOMENT });
  assert.ok(lines.some((line) => line.includes('none of the 2 hottest keys has "\\u{202e}cart" in it')));
  assert.equal(lines.at(-1), "filter: \\u{202e}cart▏   Enter keeps it, Esc clears it");
});

test("where there is no keyboard only Ctrl-C is told of, and for a print nothing", () => {
  assert.equal(framed({ hints: "end" }).at(-1), "Ctrl-C ends   API http://x");
  const texts = { ...viewWith().texts, footer: "" };
  assert.match(framed({ hints: "none", texts }).at(-1) ?? "", /^firing/);
});

test("the page of a key tells all that is known of it", () => {
  const advice = [
    {
      remedy: "sharded-counter",
      why: "many writes of a counter",
      url: "https://keyheat.example/docs/advice#sharded-counter",
    },
  ];
  const facts = { type: "string", bytes: 56, ttlSeconds: 90, encoding: "int" };
  const row = {
    ...STOCK,
    db: 2,
    slot: 1234,
    incidents: [incidentRow({ advice, facts, muted: "silenced" })],
    services: [{ name: "shop", count: 80_000 }],
    bytesPerSecond: 1_258_291,
    absorbedPerSecond: 12.5,
    isSuspect: true,
  };
  const lines = framed({ moment: MOMENT, state: stateWith({ opened: { row, isGone: false, scroll: 0 } }) });
  assert.deepEqual(trimmed(lines).slice(3, -2), [
    "KEY       product:4711:stock",
    "PATTERN   product:{n}:stock",
    "PLACE     db 2, slot 1234, 127.0.0.1:6379",
    "RATES     total 8,012/s, read 0/s, write 8,012/s, miss 0/s (a miss is also a",
    "          read)",
    "NOW       8,100/s in the last second",
    "COUNT     80,120 accesses in 10 s, exactly",
    "SHARE     72.7% of the accesses of its node",
    "INCIDENT  firing (silenced)  product:4711:stock  8,012/s, peak 8,100/s, for 12s",
    "          (hot-key, critical)",
    "JUDGED BY 8,012/s, threshold 1,000/s",
    "VALUE     string, int, 56 B, expires in 1m 30s",
    "ADVICE    sharded-counter: many writes of a counter",
    "          https://keyheat.example/docs/advice#sharded-counter",
    "TREND        █",
    "             █",
    "            ▄█",
    "           ▂██",
    "          ▅███",
    "          the last 4s, at most 8,000/s",
    "VANTAGE   writes by server-events, reads are not seen",
    "COMMANDS  set 1,200",
    "SERVICES  shop 80,000",
    "ABSORBED  12.5 reads/s were answered by clients' own caches",
    "BYTES     1.2 MiB/s",
    "SUSPECT   clients claimed more than their servers ran: the counts are held to",
    "          that",
  ]);
});

test("an upper bound that is not known is said, and so is a key that is gone", () => {
  const row = { ...USER, count: { estimate: 1200, lower: 1198, upper: null }, marginPerSecond: null };
  const lines = framed({ state: stateWith({ opened: { row, isGone: true, scroll: 0 } }) }, size(120));
  assert.ok(lines.includes("not among the hottest keys any more: this is how it was last seen"));
  assert.ok(
    lines.includes("COUNT     1,200 accesses in 10 s, at least 1,198; how many at most is not known"),
  );
});

test("a page that is too long for the terminal scrolls, and says how much more there is", () => {
  const opened = { row: STOCK, isGone: false, scroll: 0 };
  const at = size(80, 15);
  const { scrollMax } = roomOf(viewWith({ state: stateWith({ opened }), moment: MOMENT }), at, noColours);
  assert.ok(scrollMax > 0);
  const first = framed({ state: stateWith({ opened }), moment: MOMENT }, at);
  assert.ok(first.some((line) => line === `↓ ${scrollMax + 1} more`));
  const last = framed({ state: stateWith({ opened: { ...opened, scroll: 99 } }), moment: MOMENT }, at);
  assert.ok(last.some((line) => line.startsWith("COMMANDS")));
  assert.ok(!last.some((line) => line.includes("more")));
});

test("the help fits into 80 columns and 24 rows", () => {
  const lines = framed({ state: stateWith({ isHelpShown: true }) }, size(80, 24));
  assert.equal(lines[0], "KEYS");
  assert.equal(lines.at(-1), "Any key goes back.");
});

test("in a low terminal the table stays, and what stands around it gives way", () => {
  const keys = Array.from({ length: 20 }, (_, index) => keyRow({ label: `key:${index}`, rank: index + 1 }));
  const moment = momentWith({ scene: sceneWith({ keys }) });
  for (const rows of [8, 9, 10, 12, 16, 24]) {
    const lines = framed({ moment }, size(80, rows));
    assert.ok(lines.length < rows);
    const shown = lines.filter((line) => line.includes("key:")).length;
    assert.ok(shown >= Math.min(3, Math.floor(rows / 3)), `${shown} keys in ${rows} rows`);
  }
});

const anyText = fc
  .oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme-composite" }))
  .map((text) => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?"));

test("no frame is wider or higher than its terminal, whatever the keys, the page and the size", () => {
  const property = fc.property(
    fc.array(anyText, { maxLength: 30 }),
    fc.integer({ min: 21, max: 300 }),
    fc.integer({ min: 1, max: 60 }),
    fc.constantFrom("table", "key", "help", "typing"),
    (labels, columns, rows, page) => {
      const keys = labels.map((label) => keyRow({ label, incidents: [incidentRow({ label })] }));
      const incidents = labels.map((label, id) => incidentRow({ id: String(id), label }));
      const scene = sceneWith({ keys, incidents, problems: labels });
      const opened = { row: keys[0] ?? USER, isGone: true, scroll: 3 };
      const state = stateWith({
        cursor: { id: keys[0]?.id ?? "", row: 0 },
        opened: page === "key" ? opened : null,
        isHelpShown: page === "help",
        isTyping: page === "typing",
        selection: { ...ALL_KEYS, filter: labels[0] ?? "" },
      });
      const lines = frameLines(
        viewWith({ state, moment: momentWith({ scene }) }),
        { columns, rows },
        colours,
      );
      assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines in ${rows} rows`);
      for (const line of lines) {
        const width = displayWidth(stripVTControlCharacters(line));
        assert.ok(width < columns, `${width} columns of ${columns}: ${line}`);
      }
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test("wide characters keep the columns: every row of the table has its numbers where the head has them", () => {
  const property = fc.property(anyText, fc.integer({ min: 60, max: 200 }), (label, columns) => {
    const scene = sceneWith({ keys: [keyRow({ label, text: label, pattern: label })], incidents: [] });
    const lines = frameLines(viewWith({ moment: momentWith({ scene }) }), size(columns), noColours);
    const [head = "", row = ""] = lines.slice(4, 6);
    const end = displayWidth(head.slice(0, head.indexOf("TOTAL/S") + "TOTAL/S".length));
    const columnsOfRow = graphemesOf(row).flatMap((one) => [
      one,
      ...Array(Math.max(0, displayWidth(one) - 1)).fill(""),
    ]);
    assert.equal(columnsOfRow.slice(end - 7, end).join(""), "    120");
  });
  fc.assert(property);
});

test("after a name of doubtful width the terminal is told where the next column begins", () => {
  const scene = sceneWith({ keys: [keyRow({ label: "कि" }), keyRow({ label: "plain" })] });
  const lines = frameLines(viewWith({ moment: momentWith({ scene }) }), size(80), colours);
  const lineWith = (name: string) => lines.find((line) => line.includes(name)) ?? "";
  assert.ok(lineWith("कि").startsWith(`  1 कि${" ".repeat(19)}\u001b[26G`), lineWith("कि"));
  assert.ok(!lineWith("plain").includes("\u001b"));
});
