/** @import { IncidentJson } from "./shapes.js" */
import { element } from "./elements.js";
import { sparkline } from "./sparkline.js";
import {
  bytesLength,
  counted,
  durationText,
  keyText,
  numberText,
  rateText,
  shareText,
  timeText,
  visible,
} from "./text.js";

const UNITS = { "accesses/s": "/s", "bytes/s": " B/s", share: "", ratio: " times", seconds: " s" };

/**
 * What an incident is about: a key, or a server as a whole.
 *
 * @param {IncidentJson} incident
 */
export function subject(incident) {
  if (incident.key === null)
    return element("bdi", { class: "key" }, `server ${visible(incident.target ?? "unknown")}`);
  return element("bdi", { class: "key" }, keyText(incident));
}

/**
 * A row of the list of open incidents.
 *
 * @param {IncidentJson} incident
 * @param {number} nowMs
 */
export function incidentRow(incident, nowMs) {
  const { id, severity, status, rule, muted } = incident;
  const startedMs = Date.parse(incident.startedAt);
  return element(
    "li",
    { "data-key": id, class: "incident", "data-tone": toneOf(incident) },
    element(
      "p",
      { class: "title" },
      badge(incident),
      " ",
      element("a", { href: `?incident=${encodeURIComponent(id)}`, "data-incident": id }, subject(incident)),
    ),
    element(
      "p",
      { class: "facts" },
      heatWords(incident),
      ` · since ${timeText(startedMs, nowMs)} (${durationText(nowMs - startedMs)})`,
      ` · ${severity}, rule ${visible(rule)}`,
      placeWords(incident),
      status === "pending" ? " · nobody is told yet" : ` · ${notifiedWords(incident, nowMs)}`,
      muted ? ` · ${visible(muted)}` : null,
    ),
    adviceList(incident, 1),
  );
}

/**
 * All that is known of one incident.
 *
 * @param {IncidentJson} incident
 * @param {number} nowMs
 */
export function incidentView(incident, nowMs) {
  const { trail, advice } = incident;
  return [
    element("h2", { id: "incident-title", tabindex: "-1" }, badge(incident), " ", subject(incident)),
    trail === undefined ? null : sparkline(trail.ratesPerSecond, trail.stepSeconds),
    element("dl", {}, ...figures(incident, nowMs).flatMap(([name, value]) => row(name, value))),
    advice.length === 0 ? null : element("h3", {}, "What would help"),
    adviceList(incident, advice.length),
    element("p", {}, element("a", { href: "./", "data-incident": "" }, "Close this incident")),
  ];
}

/**
 * @param {IncidentJson} incident
 * @param {number} nowMs
 * @returns {(readonly [string, string | null])[]} `null`: left out
 */
function figures(incident, nowMs) {
  const { measure, count, coverage, facts } = incident;
  const unit = UNITS[measure.unit];
  const startedMs = Date.parse(incident.startedAt);
  const endMs = incident.resolvedAt === null ? nowMs : Date.parse(incident.resolvedAt);
  return [
    ["Status", statusWords(incident)],
    ["Since", `${timeText(startedMs, nowMs)} (${durationText(endMs - startedMs)})`],
    ["Resolved", incident.resolvedAt === null ? null : timeText(endMs, nowMs)],
    ["Rule", `${visible(incident.rule)} (${incident.severity})`],
    [
      "Judged by",
      `${measure.value === null ? "not known" : numberText(measure.value) + unit}, from ${numberText(measure.threshold)}${unit} on${measure.baseline === null ? "" : `; usual is ${numberText(measure.baseline)}${unit}`}`,
    ],
    [
      "Rate",
      incident.windowSeconds === 0
        ? null
        : `${rateText(incident.ratePerSecond)} over ${incident.windowSeconds} s`,
    ],
    ["Mix", incident.mix ? mixWords(incident.mix) : null],
    ["Last second", rateText(incident.currentRatePerSecond)],
    ["Peak", rateText(incident.peakRatePerSecond)],
    [
      "Count",
      `${numberText(count.estimate)}, surely from ${numberText(count.lower)} to ${count.upper === null ? "unknown" : numberText(count.upper)}`,
    ],
    ["Share of its server", shareText(incident.shareOfTarget)],
    ["Kind", incident.kind],
    ["Cluster", visible(incident.cluster)],
    ["Server", incident.target === null ? "not known" : visible(incident.target)],
    ["Database", incident.db === null ? null : String(incident.db)],
    ["Slot", incident.slot === null ? null : String(incident.slot)],
    ["Pattern", incident.pattern === null ? null : visible(incident.pattern)],
    ["Value", facts === null ? null : factWords(facts)],
    ["Commands", countsWords(incident.commands)],
    ["Services", countsWords(incident.services)],
    ["Coverage", `reads ${shareText(coverage.read)}, writes ${shareText(coverage.write)}`],
    ["Window", incident.complete ? "seen whole" : "not seen whole: it may be hotter"],
    ["Claims", incident.suspect ? "clients claimed more than their servers ran; held to that" : null],
    ["Reopened", incident.reopened === 0 ? null : counted(incident.reopened, "time")],
    ["Late", incident.late ? "found after the fact" : null],
    ["Muted", incident.muted ? visible(incident.muted) : null],
    ["Told", toldWords(incident, nowMs)],
    ["Id", visible(incident.id)],
  ];
}

/**
 * @param {string} name
 * @param {string | null} value
 */
function row(name, value) {
  return value === null ? [] : [element("dt", {}, name), element("dd", {}, element("bdi", {}, value))];
}

/** @param {IncidentJson} incident */
function toneOf({ status, severity }) {
  if (status !== "firing") return "calm";
  return severity === "critical" ? "critical" : "hot";
}

/** @param {IncidentJson} incident */
function badge(incident) {
  return element("span", { class: "badge", "data-tone": toneOf(incident) }, incident.status);
}

/** @param {IncidentJson} incident */
function statusWords({ status, reason }) {
  if (reason === "stale") return `${status}; not seen just now, so it is not known whether it still is`;
  return reason === null ? status : `${status} (${reason})`;
}

/** @param {IncidentJson} incident */
function heatWords(incident) {
  if (incident.reason === "stale" && incident.status !== "resolved") return "not seen just now";
  if (incident.windowSeconds === 0) {
    const { value, unit } = incident.measure;
    return value === null ? "not known" : `${numberText(value)}${UNITS[unit]}`;
  }
  return `${rateText(incident.ratePerSecond)}, now ${rateText(incident.currentRatePerSecond)}, peak ${rateText(incident.peakRatePerSecond)}`;
}

/** @param {IncidentJson} incident */
function placeWords({ key, target, cluster }) {
  const place = key === null || target === null ? [] : [visible(target)];
  return ` · ${[...place, `cluster ${visible(cluster)}`].join(", ")}`;
}

/**
 * @param {IncidentJson} incident
 * @param {number} nowMs
 */
function notifiedWords(incident, nowMs) {
  return incident.notified.length === 0 ? "nobody was told" : `told ${toldWords(incident, nowMs)}`;
}

/**
 * @param {IncidentJson} incident
 * @param {number} nowMs
 */
function toldWords({ notified }, nowMs) {
  if (notified.length === 0) return "nobody";
  const told = notified.map(
    ({ receiver, at, outcome }) =>
      `${visible(receiver)} at ${timeText(Date.parse(at), nowMs)}${outcome === "delivered" ? "" : ` (${outcome})`}`,
  );
  return told.join(", ");
}

/** @param {NonNullable<IncidentJson["mix"]>} mix */
function mixWords({ read, write, miss }) {
  return `${rateText(read)} reads (${rateText(miss)} of them find nothing), ${rateText(write)} writes`;
}

/** @param {NonNullable<IncidentJson["facts"]>} facts */
function factWords({ type, encoding, bytes, ttlSeconds }) {
  const words = [encoding === null ? visible(type) : `${visible(type)} (${visible(encoding)})`];
  if (bytes !== null) words.push(bytesLength(bytes));
  words.push(ttlSeconds === null ? "no expiry" : `expires in ${durationText(ttlSeconds * 1000)}`);
  return words.join(", ");
}

/** @param {Readonly<Record<string, number>>} counts */
function countsWords(counts) {
  const ranked = Object.entries(counts).sort(([, one], [, other]) => other - one);
  if (ranked.length === 0) return null;
  return ranked.map(([name, count]) => `${visible(name)} ${numberText(Math.round(count))}`).join(", ");
}

/**
 * @param {IncidentJson} incident
 * @param {number} max
 */
function adviceList({ advice }, max) {
  if (advice.length === 0) return null;
  return element(
    "ul",
    { class: "advice" },
    ...advice
      .slice(0, max)
      .map(({ remedy, why }) =>
        element(
          "li",
          {},
          element(
            "a",
            { href: `docs/advice#${encodeURIComponent(remedy)}`, target: "_blank", rel: "noreferrer" },
            visible(remedy),
          ),
          `: ${visible(why)}`,
        ),
      ),
  );
}
