import { z } from "zod";
import { byteRate, duration, type Parsed, quantity, rate, ratio, share } from "./scalars.ts";

export const RULE_TYPES = ["rate", "share", "surge", "misses", "bandwidth", "skew", "blind"] as const;

/** What a rule judges. */
export type RuleType = (typeof RULE_TYPES)[number];

interface Threshold {
  readonly scalar: z.ZodType<number>;
  /** As it is written in a file. */
  readonly fallback: string | number;
  /** What stands behind the number where it is shown. */
  readonly unit: string;
}

const PER_SECOND = { scalar: rate(), unit: "/s" };

const THRESHOLDS: Readonly<Record<RuleType, Threshold>> = {
  rate: { ...PER_SECOND, fallback: "1000/s" },
  share: { scalar: share({ zero: false }), fallback: 0.5, unit: "" },
  surge: { ...PER_SECOND, fallback: "100/s" },
  misses: { ...PER_SECOND, fallback: "1000/s" },
  bandwidth: { scalar: byteRate(), fallback: "100MiB/s", unit: " bytes/s" },
  skew: { scalar: ratio({ above: 1 }), fallback: 3, unit: "x" },
  blind: { scalar: duration({ max: "1d" }), fallback: "60s", unit: "ms" },
};

/** The threshold of a rule in the unit of its type: per second, a share, bytes per second, a ratio, ms. */
export function parseThreshold(type: RuleType, written: string | number): Parsed<number> {
  const parsed = THRESHOLDS[type].scalar.safeParse(written);
  return parsed.success ? { value: parsed.data } : { problem: parsed.error.issues[0]!.message };
}

/** What a rule of this type has where none is written. */
export function defaultThreshold(type: RuleType): string | number {
  return THRESHOLDS[type].fallback;
}

/** A threshold for people. */
export function showThreshold(type: RuleType, value: number): string {
  return type === "blind" ? `${value / 1000}s` : `${value}${THRESHOLDS[type].unit}`;
}

/** A threshold as it stands in a file, whatever the type of its rule. */
export function threshold() {
  return quantity({ what: "a number, or a text such as 1000/s" });
}

interface Written {
  readonly type?: RuleType;
  readonly threshold?: string | number | undefined;
  readonly criticalAt?: string | number | undefined;
}

/** Checks, as a part of the schema, that a threshold is written as the type of its rule wants it. */
export const checkThresholds = z.core._check<Written | null>(
  ({ value, issues }) => {
    if (typeof value !== "object" || value === null || value.type === undefined) return;
    if (!Object.hasOwn(THRESHOLDS, value.type)) return;
    for (const key of ["threshold", "criticalAt"] as const) {
      const written = value[key];
      const parsed = written === undefined ? undefined : parseThreshold(value.type, written);
      if (parsed !== undefined && "problem" in parsed)
        issues.push({ code: "custom", message: parsed.problem, path: [key], input: written });
    }
  },
  // Whatever else is wrong with the rule.
  { when: () => true },
);
