import type { Rule } from "../config/schema.ts";
import { rateRule } from "./rate.ts";
import type { KeyRule } from "./rule.ts";

/**
 * A missing key that is hammered: reads per second that find nothing. Expired keys count, too.
 *
 * The kind of such a rule is `miss` (see `resolveRule`), so it is a rate of those.
 */
export function missesRule(rule: Rule): KeyRule {
  return rateRule(rule);
}
