import { element, svgElement } from "./elements.js";
import { durationText, rateText } from "./text.js";

const STEP = 4;
const HEIGHT = 40;

/**
 * The rates of the last minutes as a line; `null` where there are too few for one.
 *
 * @param {readonly number[]} rates oldest first
 * @param {number} stepSeconds
 */
export function sparkline(rates, stepSeconds) {
  if (rates.length < 2) return null;
  const highest = Math.max(...rates, 1);
  const points = rates.map((rate, index) => `${index * STEP},${(HEIGHT * (1 - rate / highest)).toFixed(1)}`);
  const span = durationText(rates.length * stepSeconds * 1000);
  return element(
    "figure",
    {},
    svgElement(
      "svg",
      {
        viewBox: `0 -1 ${(rates.length - 1) * STEP} ${HEIGHT + 2}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `Rate over the last ${span}, at most ${rateText(highest)}`,
      },
      svgElement("polyline", { points: points.join(" ") }),
    ),
    element("figcaption", {}, `the last ${span}, at most ${rateText(highest)}`),
  );
}
