import assert from "node:assert/strict";

/** An event as PagerDuty reads it. */
export interface PagerDutyEvent {
  readonly routing_key: string;
  readonly event_action: "trigger" | "acknowledge" | "resolve";
  readonly dedup_key: string;
  readonly payload: {
    readonly summary: string;
    readonly source: string;
    readonly severity: string;
    readonly timestamp: string;
    readonly component: string;
    readonly group: string;
    readonly class: string;
    readonly custom_details: Readonly<Record<string, unknown>>;
  };
  readonly client: string;
  readonly client_url?: string;
  readonly links: readonly { readonly href: string; readonly text: string }[];
}

/** What nobody can see, and what turns text around. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Reads an event; throws where it breaks a published limit of the Events API v2, or shows what cannot be seen. */
export function checkPagerDutyEvent(body: Buffer): PagerDutyEvent {
  assert.ok(body.length <= 512_000, `an event of ${body.length} bytes`);
  const event: PagerDutyEvent = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  assert.ok(["trigger", "resolve"].includes(event.event_action), event.event_action);
  assert.ok(event.dedup_key.length > 0 && event.dedup_key.length <= 255, "dedup_key");
  const { summary, source, severity, timestamp, component, group, class: kind } = event.payload;
  assert.ok(summary.length > 0 && summary.length <= 1024, "summary");
  assert.ok(source.length > 0, "source");
  assert.match(severity, /^(critical|error|warning|info)$/);
  assert.equal(new Date(timestamp).toISOString(), timestamp);
  for (const text of [summary, source, component, group, kind]) {
    assert.doesNotMatch(text, UNSEEN);
    assert.ok(text.isWellFormed());
  }
  for (const { href, text } of event.links) {
    assert.match(href, /^https?:\/\//);
    assert.ok(text.length > 0);
  }
  return event;
}
