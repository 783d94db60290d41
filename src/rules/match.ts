import type { Rule } from "../config/schema.ts";
import { compileGlobs } from "../model/glob.ts";
import type { Key } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";
import { matchedBytes } from "../model/redacted-key.ts";

/** What a key is used by, looked at only where a rule asks for it. */
export type Services = () => Iterable<string>;

export interface RuleMatcher {
  readonly matchesCluster: (cluster: string) => boolean;
  /** Whether it judges this key, if the right service uses it. */
  readonly mayMatchKey: (key: Key) => boolean;
  /**
   * Whether the rule judges this key at all. A cut key is matched by its first 1 KiB, a redacted one by its label. Of
   * services, one that matches is enough.
   */
  readonly matchesKey: (key: Key, services: Services) => boolean;
}

export function compileMatch({ match }: Pick<Rule, "match">): RuleMatcher {
  const clusterGlob = compileGlobs([match.cluster]);
  const keyGlob = compileGlobs([match.key]);
  const matchesPattern = textMatcher(match.pattern);
  const matchesService = textMatcher(match.service);
  const matchesCluster = (cluster: string) => clusterGlob(Buffer.from(cluster));
  const mayMatchKey = (key: Key) =>
    matchesCluster(key.cluster) &&
    keyGlob(matchedBytes(key.bytes)) &&
    (matchesPattern === null || matchesPattern(patternOf(key.bytes)));
  return {
    matchesCluster,
    mayMatchKey,
    matchesKey: (key, services) =>
      mayMatchKey(key) && (matchesService === null || Array.from(services()).some(matchesService)),
  };
}

/** `null`: matches everything. */
function textMatcher(glob: string): ((text: string) => boolean) | null {
  if (glob === "*") return null;
  const matches = compileGlobs([glob]);
  return (text) => matches(Buffer.from(text));
}
