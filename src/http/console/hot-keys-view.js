/** @import { HotKeyJson, HotKeysJson } from "./shapes.js" */
import { element } from "./elements.js";
import { keyText, numberText, rateText, shareText, visible } from "./text.js";

const COLUMNS = ["#", "Key", "Rate", "Surely", "Share", "Mix"];

/** @param {HotKeysJson} hotKeys */
export function hotKeysView({ cluster, keys, windowSeconds, complete }) {
  const seen = complete ? "" : ", not seen whole";
  const caption = `cluster ${visible(cluster)}, the last ${windowSeconds} s${seen}`;
  if (keys.length === 0) return [element("p", {}, `No accesses were seen: ${caption}.`)];
  return [
    element("p", { class: "facts" }, caption),
    element(
      "table",
      { role: "table", "aria-labelledby": "hot-keys-title" },
      element(
        "thead",
        { role: "rowgroup" },
        element(
          "tr",
          { role: "row" },
          ...COLUMNS.map((name) => element("th", { role: "columnheader", scope: "col" }, name)),
        ),
      ),
      element("tbody", { role: "rowgroup" }, ...keys.map((row) => keyRow(row, windowSeconds))),
    ),
  ];
}

/**
 * @param {HotKeyJson} row
 * @param {number} windowSeconds
 */
function keyRow(row, windowSeconds) {
  const { rank, db, target, ratePerSecond, currentRatePerSecond, shareOfTarget } = row;
  const place = [
    target === "" ? "server not known" : visible(target),
    ...(db === 0 ? [] : [`database ${db}`]),
  ];
  const cells = [
    String(rank),
    element(
      "span",
      {},
      element("bdi", { class: "key" }, keyText(row)),
      element("small", {}, place.join(", ")),
    ),
    `${rateText(ratePerSecond.total)}, now ${rateText(currentRatePerSecond)}`,
    boundsWords(row, windowSeconds),
    shareText(shareOfTarget),
    mixWords(row),
  ];
  return element(
    "tr",
    { role: "row" },
    ...cells.map((cell, index) => element("td", { role: "cell", "data-label": COLUMNS[index] ?? "" }, cell)),
  );
}

/**
 * The bounds of its rate.
 *
 * @param {HotKeyJson} row
 * @param {number} windowSeconds
 */
function boundsWords({ count: { lower, upper } }, windowSeconds) {
  const least = lower / windowSeconds;
  if (upper === null) return `from ${rateText(least)}`;
  if (upper === lower) return "exact";
  return `${numberText(least)} to ${rateText(upper / windowSeconds)}`;
}

/**
 * Reads, writes and misses, and what is not looked at.
 *
 * @param {HotKeyJson} row
 */
function mixWords({ ratePerSecond: { read, write, miss, total }, vantages }) {
  const parts = [];
  if (total > 0 && write > 0) parts.push(`${shareText(write / total)} writes`);
  if (total > 0 && read > 0) parts.push(`${shareText(read / total)} reads`);
  if (miss > 0) parts.push(`${rateText(miss)} misses`);
  if (!("read" in vantages)) parts.push("reads not seen");
  return parts.join(", ");
}
