import type { Incident } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import type { Measure } from "../model/measure.ts";
import { NO_TRAIL } from "../model/trail.ts";

/** An incident as text for a store: JSON, with the key's bytes in base64. */
export function encodeIncident(incident: Incident): string {
  const { key } = incident;
  const stored = key === null ? null : { ...key, bytes: Buffer.from(key.bytes).toString("base64") };
  return JSON.stringify({ ...incident, key: stored });
}

const STATUSES: readonly unknown[] = ["pending", "firing", "recovering", "resolved"];

/** The incident in `text`; `null` where it holds none. Never throws. */
export function decodeIncident(text: string): Incident | null {
  try {
    const body = JSON.parse(text);
    if (!isWhole(body)) return null;
    const { key } = body;
    const bytes = key === null ? new Uint8Array() : new Uint8Array(Buffer.from(key.bytes, "base64"));
    // What earlier versions stored does not have these.
    const count = { ...body.count, likely: body.count.likely ?? null };
    return {
      ...body,
      cluster: body.cluster ?? key?.cluster ?? "",
      key: key === null ? null : { ...key, bytes },
      count,
      users: body.users ?? {},
      suspect: body.suspect ?? false,
      measure: body.measure ?? UNKNOWN_MEASURE,
      trail: body.trail ?? NO_TRAIL,
      mix: body.mix ?? null,
    };
  } catch {
    return null;
  }
}

type StoredKey = Omit<Key, "bytes"> & { readonly bytes: string };
type StoredIncident = Omit<Incident, "key"> & { readonly key: StoredKey | null };

const UNKNOWN_MEASURE: Measure = { unit: "accesses/s", value: null, threshold: 0, baseline: null };

/** Checks what the life of an incident and its notification depend on; the rest is only shown. */
function isWhole(body: unknown): body is StoredIncident {
  if (!isRecord(body) || !isRecord(body.count)) return false;
  const { key } = body;
  const isSubject = key === null ? typeof body.target === "string" : isStoredKey(key);
  const texts = [body.id, body.rule, body.severity, key === null ? body.cluster : ""];
  const numbers = [body.startedAtMs, body.windowMs, body.reopened];
  const isNotified = Array.isArray(body.notified) && body.notified.every(isNotifiedEntry);
  return (
    isSubject &&
    STATUSES.includes(body.status) &&
    texts.every((text) => typeof text === "string") &&
    numbers.every(Number.isFinite) &&
    isNotified &&
    Array.isArray(body.advice)
  );
}

function isStoredKey(key: unknown): boolean {
  if (!isRecord(key)) return false;
  return typeof key.cluster === "string" && typeof key.bytes === "string" && Number.isFinite(key.db);
}

function isNotifiedEntry(entry: unknown): boolean {
  return isRecord(entry) && typeof entry.receiver === "string" && Number.isFinite(entry.atMs);
}

/** Whether JSON holds an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
