import type { Incident, IncidentGroup } from "../../../src/model/incident.ts";
import { keep } from "../../../src/model/key.ts";
import { incidentOf, START_MS } from "../incidents/samples.ts";

/** A message of these incidents, told 75 s after they began. */
export function messageOf(
  incidents: readonly Incident[],
  changes: Partial<IncidentGroup> = {},
): IncidentGroup {
  return {
    event: "firing",
    cluster: "shop",
    id: "msg_1",
    atMs: START_MS + 75_000,
    incidents,
    more: 0,
    ...changes,
  };
}

/** An incident of a key of these bytes. */
export function incidentOfBytes(bytes: Uint8Array, changes: Partial<Incident> = {}): Incident {
  return incidentOf({ key: { cluster: "shop", db: 0, bytes: keep(bytes) }, ...changes });
}

/** Keys that might harm where they are shown, by what they try. */
export const HOSTILE_KEYS = {
  empty: new Uint8Array(),
  "1 KiB": Buffer.alloc(1024, "a"),
  "1 KiB of what is escaped": Buffer.alloc(1024, "<&>"),
  "1 KiB of backslashes and quotes": Buffer.alloc(1024, '\\"'),
  "100 KiB": Buffer.alloc(100 * 1024, "ab"),
  "control characters": Buffer.from("a\x00\x07\x0a\x0d\x1b[31m\x7f\u0085"),
  HTML: Buffer.from('<script>alert("x")</script>&amp;'),
  "mentions of all": Buffer.from("<!channel> <!here> <!everyone> @here @channel #general"),
  "mentions and links": Buffer.from(
    "<@U024BE7LH> <#C024BE7LR|general> <https://evil.example|click> https://evil.example",
  ),
  "right-to-left marks": Buffer.from("user\u202egnp.exe\u2066\u200f"),
  "zero width": Buffer.from("user\u200b\u200d\u2060\ufeff:1\u3164\u00a0\u2800"),
  backticks: Buffer.from("`code` ```block```"),
  markup: Buffer.from("*bold* _italic_ ~struck~ :fire:"),
  "no UTF-8": Uint8Array.of(0x75, 0xff, 0xfe, 0xc3, 0x28, 0x00, 0x3c, 0x21),
  "half of a surrogate pair": Uint8Array.of(0xed, 0xa0, 0x80),
} as const satisfies Readonly<Record<string, Uint8Array>>;
