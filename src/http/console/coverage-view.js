/** @import { TargetJson } from "./shapes.js" */
import { coverageWords } from "./coverage-words.js";
import { element } from "./elements.js";
import { visible } from "./text.js";

const STATE_RANK = { blind: 0, stale: 1, seen: 2 };

/** @param {readonly TargetJson[]} targets what is not seen comes first */
export function coverageView(targets) {
  if (targets.length === 0) return [element("p", {}, "No server is watched, or none has reported yet.")];
  const sorted = targets.toSorted((one, other) => STATE_RANK[one.state] - STATE_RANK[other.state]);
  return [element("ul", { class: "targets" }, ...sorted.map(targetRow))];
}

/** @param {TargetJson} row */
function targetRow(row) {
  const { cluster, target, role, state } = row;
  return element(
    "li",
    { "data-key": `${cluster} ${target}`, "data-tone": state },
    element(
      "p",
      { class: "title" },
      element("span", { class: "badge", "data-tone": state }, state),
      " ",
      element("bdi", {}, visible(target)),
    ),
    element("p", { class: "facts" }, `${coverageWords(row)} (${role}, cluster ${visible(cluster)})`),
  );
}
