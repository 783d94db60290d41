/**
 * @import { Scene } from "./shapes.js"
 * @typedef {{
 *   readonly tone: "unknown" | "broken" | "blind" | "hot" | "quiet",
 *   readonly headline: string,
 *   readonly details: readonly string[],
 * }} Summary
 */
import { counted, durationText, timeText } from "./text.js";

/**
 * How things stand, in one line. Quiet is said only where everything is looked at, now.
 *
 * @param {Scene} scene
 * @param {number} nowMs
 * @returns {Summary}
 */
export function summaryOf(scene, nowMs) {
  const { link } = scene;
  if (link.kind === "connecting") return { tone: "unknown", headline: "Connecting…", details: [] };
  if (link.kind === "refused") {
    return {
      tone: "unknown",
      headline: "This server wants a token.",
      details: link.reason === "" ? [] : [link.reason],
    };
  }
  if (link.kind === "broken") return brokenSummary(link, nowMs);
  return liveSummary(scene);
}

/**
 * @param {{ readonly sinceMs: number | null, readonly reason: string }} link
 * @param {number} nowMs
 * @returns {Summary}
 */
function brokenSummary({ sinceMs, reason }, nowMs) {
  if (sinceMs === null) {
    return { tone: "broken", headline: "Not connected.", details: [`The reason: ${reason}. Trying again.`] };
  }
  const age = durationText(nowMs - sinceMs);
  return {
    tone: "broken",
    headline: `No longer live since ${timeText(sinceMs, nowMs)}.`,
    details: [
      `What stands below was so ${age} ago; what is hot now is not known. The reason: ${reason}. Trying again.`,
    ],
  };
}

/**
 * @param {Scene} scene
 * @returns {Summary}
 */
function liveSummary(scene) {
  const { incidents, hasMoreIncidents, coverage, hotKeys } = scene;
  if (incidents === null || coverage === null) {
    return { tone: "unknown", headline: "Connected. Waiting for the first figures…", details: [] };
  }
  const unseen = coverage.targets.filter(({ state }) => state !== "seen").length;
  const details = caveatsOf(scene);
  const firing = incidents.filter(({ status }) => status === "firing").length;
  if (firing > 0) {
    const least = hasMoreIncidents ? "At least " : "";
    const number = `${least}${counted(firing, "incident")} ${firing === 1 ? "fires" : "fire"}`;
    const blind = unseen > 0 ? `, and ${ofServers(unseen, coverage.targets.length)} not seen` : "";
    return { tone: "hot", headline: `${number}${blind}.`, details };
  }
  if (coverage.targets.length === 0) {
    return { tone: "blind", headline: "No server is watched.", details };
  }
  if (unseen > 0) {
    return {
      tone: "blind",
      headline: `Nothing fires, but ${ofServers(unseen, coverage.targets.length)} not seen: this is not quiet, it is blind.`,
      details,
    };
  }
  const calming =
    incidents.length > 0 ? `Nothing fires; ${counted(incidents.length, "incident")} open.` : null;
  if (hotKeys !== null && !hotKeys.complete) {
    return {
      tone: "blind",
      headline: `${calming ?? "Nothing fires,"} but the last ${hotKeys.windowSeconds} s were not seen whole.`,
      details,
    };
  }
  return { tone: "quiet", headline: calming ?? "Quiet: nothing fires, and every server is seen.", details };
}

/**
 * @param {Scene} scene
 * @returns {string[]}
 */
function caveatsOf({ coverage, readiness }) {
  const lines = [];
  const targets = coverage?.targets ?? [];
  const withoutReads = targets.filter(
    ({ state, kinds }) => state === "seen" && kinds.read.vantage === null,
  ).length;
  if (withoutReads > 0)
    lines.push(`Reads of ${counted(withoutReads, "server")} are not seen: no application reports them.`);
  if (readiness !== null && !readiness.ready)
    lines.push("Keyheat itself is not ready; the reasons are below.");
  else if ((readiness?.degraded ?? []).length > 0) lines.push("Keyheat itself lacks something; see below.");
  return lines;
}

/**
 * @param {number} part
 * @param {number} all
 */
function ofServers(part, all) {
  if (all === 1) return "its only server is";
  return `${part} of ${counted(all, "server")} ${part === 1 ? "is" : "are"}`;
}
