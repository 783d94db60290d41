import type { Incident } from "../model/incident.ts";

/** An incident as text for a store: JSON, with the key's bytes in base64. */
export function encodeIncident(incident: Incident): string {
  const bytes = Buffer.from(incident.key.bytes).toString("base64");
  return JSON.stringify({ ...incident, key: { ...incident.key, bytes } });
}

const STATUSES: readonly unknown[] = ["pending", "firing", "recovering", "resolved"];

/** The incident in `text`; `null` where it holds none. Never throws. */
export function decodeIncident(text: string): Incident | null {
  try {
    const body = JSON.parse(text);
    if (!isWhole(body)) return null;
    const key = { ...body.key, bytes: new Uint8Array(Buffer.from(body.key.bytes, "base64")) };
    // What was stored before counts could be sampled, or before clients reported, does not have these.
    const count = { ...body.count, likely: body.count.likely ?? null };
    return { ...body, key, count, users: body.users ?? {}, suspect: body.suspect ?? false };
  } catch {
    return null;
  }
}

type StoredIncident = Omit<Incident, "key"> & { key: Omit<Incident["key"], "bytes"> & { bytes: string } };

/** Checks what the life of an incident and its notification depend on; the rest is only shown. */
function isWhole(body: unknown): body is StoredIncident {
  if (!isRecord(body) || !isRecord(body.key) || !isRecord(body.count)) return false;
  const { key } = body;
  const texts = [body.id, body.rule, body.severity, key.cluster, key.bytes];
  const numbers = [body.startedAtMs, body.windowMs, body.reopened, key.db];
  const isNotified = Array.isArray(body.notified) && body.notified.every(isNotifiedEntry);
  return (
    STATUSES.includes(body.status) &&
    texts.every((text) => typeof text === "string") &&
    numbers.every(Number.isFinite) &&
    isNotified &&
    Array.isArray(body.advice)
  );
}

function isNotifiedEntry(entry: unknown): boolean {
  return isRecord(entry) && typeof entry.receiver === "string" && Number.isFinite(entry.atMs);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
