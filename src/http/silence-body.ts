import { randomUUID } from "node:crypto";
import { z } from "zod";
import { duration, section } from "../config/scalars.ts";
import { valueProblems } from "../config/value-problems.ts";
import { isMapping, type Tree } from "../config/yaml-tree.ts";
import {
  MATCHER_NAMES,
  SILENCE_TEXT_BYTES_MAX,
  type Silence,
  silenceTimesProblem,
} from "../model/silence.ts";
import { HttpError } from "./errors.ts";
import { isoTimeMs } from "./query.ts";

function shortText(what: string) {
  return z
    .string({ error: `expected ${what}` })
    .refine((text) => text.isWellFormed() && Buffer.byteLength(text) <= SILENCE_TEXT_BYTES_MAX, {
      error: `expected ${what} of at most ${SILENCE_TEXT_BYTES_MAX} bytes`,
    });
}

const glob = shortText("a glob such as sale:*").min(1, {
  error: "expected a glob such as sale:*, not empty",
});

const time = z
  .string({ error: "expected a time such as 2026-11-23T17:00:00Z" })
  .refine((text) => !Number.isNaN(isoTimeMs(text)), { error: "expected a time such as 2026-11-23T17:00:00Z" })
  .transform(isoTimeMs);

const body = section({
  matchers: section({
    cluster: glob.optional(),
    key: glob.optional(),
    rule: glob.optional(),
    target: glob.optional(),
    severity: glob.optional(),
    pattern: glob.optional(),
    service: glob.optional(),
  }),
  startsAt: time.optional(),
  endsAt: time.optional(),
  duration: duration({ min: "1s", max: "366d" }).optional(),
  comment: shortText("a text").default(""),
  createdBy: shortText("a text").default(""),
});

/**
 * The silence that the body of a request asks for, with a new id.
 *
 * Throws: HttpError 400, with the path of the first field that is not as expected.
 */
export function silenceOf(value: Tree, nowMs: number): Silence {
  if (!isMapping(value)) {
    throw refused("", "expected an object with matchers, and endsAt or duration");
  }
  const parsed = body.safeParse(value);
  if (!parsed.success) {
    const [first] = valueProblems(parsed.error.issues, body, value);
    throw refused(first?.path ?? "", first?.message ?? "not as expected");
  }
  const { matchers: given, comment, createdBy, startsAt, endsAt, duration: lengthMs } = parsed.data;
  const matchers = Object.fromEntries(Object.entries(given).filter(([, one]) => one !== undefined));
  if (Object.keys(matchers).length === 0) {
    throw refused("matchers", `expected at least one of ${MATCHER_NAMES.join(", ")}`);
  }
  if (endsAt !== undefined && lengthMs !== undefined) {
    throw refused("duration", "expected either endsAt or duration, not both");
  }
  const startsAtMs = startsAt ?? nowMs;
  const endsAtMs = endsAt ?? (lengthMs === undefined ? undefined : startsAtMs + lengthMs);
  if (endsAtMs === undefined)
    throw refused("endsAt", "is missing: expected endsAt, or a duration such as 2h");
  const problem = silenceTimesProblem({ startsAtMs, endsAtMs }, nowMs);
  if (problem !== null) {
    const isOfDuration = problem.field === "endsAt" && endsAt === undefined;
    throw refused(isOfDuration ? "duration" : problem.field, problem.message);
  }
  return { id: randomUUID(), matchers, startsAtMs, endsAtMs, comment, createdBy, createdAtMs: nowMs };
}

function refused(path: string, message: string): HttpError {
  return new HttpError(400, "BAD_REQUEST", message, path === "" ? {} : { path });
}
