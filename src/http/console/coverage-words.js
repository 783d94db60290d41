/** @import { KindJson, TargetJson } from "./shapes.js" */
import { shareText } from "./text.js";

/** From here on all is seen, as far as people care. */
const NEARLY_ALL = 0.995;

/**
 * What is seen of one server, in a sentence or two.
 *
 * @param {TargetJson} target
 */
export function coverageWords({ state, role, kinds, sources }) {
  const reasons = sources.flatMap(({ state: how, reason }) =>
    how === "down" && reason !== null ? [reason] : [],
  );
  if (state === "blind") {
    const why = reasons.length > 0 ? ` ${reasons.map(sentence).join(" ")}` : "";
    return `Not seen: whether anything is hot there is not known.${why}`;
  }
  const late = state === "stale" ? "No report for some seconds: this may be out of date. " : "";
  const writes = role === "replica" ? "" : `${kindWords("Writes", kinds.write)} `;
  const sampled = sources.some(({ state: how, probability }) => how === "up" && probability < 1)
    ? " Sampled: numbers are scaled up."
    : "";
  const why = reasons.length > 0 ? ` ${reasons.map(sentence).join(" ")}` : "";
  return `${late}${writes}${kindWords("Reads", kinds.read)}${sampled}${why}`;
}

/**
 * @param {string} name
 * @param {KindJson} kind
 */
function kindWords(name, { ran, observed, ratio, vantage }) {
  if (vantage === null && observed === 0) return `${name} are not seen.`;
  if (ratio === null)
    return ran === 0 && observed === 0 ? `${name}: none ran.` : `${name}: how many ran is not known.`;
  return ratio >= NEARLY_ALL ? `${name} are seen.` : `${name}: ${shareText(ratio)} are seen.`;
}

/** @param {string} line */
function sentence(line) {
  const begun = line.charAt(0).toUpperCase() + line.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
