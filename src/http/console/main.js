/** @import { Scene } from "./shapes.js" */
import { Api } from "./api.js";
import { coverageView } from "./coverage-view.js";
import { element, show } from "./elements.js";
import { hotKeysView } from "./hot-keys-view.js";
import { incidentRow, incidentView } from "./incident-view.js";
import { Live } from "./live.js";
import { summaryOf } from "./summary.js";
import { visible } from "./text.js";

/** A burst of events is drawn once. */
const DRAW_AFTER_MS = 100;

const places = {
  summary: placeOf("summary"),
  headline: placeOf("headline"),
  details: placeOf("details"),
  retry: placeOf("retry"),
  token: placeOf("token"),
  incident: placeOf("incident"),
  incidents: placeOf("incidents"),
  hotKeys: placeOf("hot-keys"),
  cluster: placeOf("cluster"),
  clusterNames: placeOf("cluster-names"),
  coverage: placeOf("coverage"),
  problems: placeOf("problems"),
  problemList: placeOf("problem-list"),
  content: placeOf("content"),
};

/** @param {string} id */
function placeOf(id) {
  const place = document.getElementById(id);
  if (place === null) throw new TypeError(`the page has no #${id}`);
  return place;
}

const api = new Api();
const live = new Live(api, new URL(location.href).searchParams.get("cluster"), drawSoon);
let isDrawing = false;

function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  setTimeout(() => {
    isDrawing = false;
    draw();
  }, DRAW_AFTER_MS);
}

function draw() {
  const nowMs = Date.now();
  const { scene } = live;
  const { tone, headline, details } = summaryOf(scene, nowMs);
  const { kind } = scene.link;
  places.summary.dataset.tone = tone;
  show(places.headline, headline);
  show(places.details, ...details.map((line) => element("p", {}, line)));
  places.retry.hidden = kind !== "broken";
  places.token.hidden = kind !== "refused";
  places.content.hidden = kind === "refused" || (scene.incidents === null && scene.coverage === null);
  places.content.dataset.link = kind;
  drawIncident(nowMs);
  drawIncidents(scene, nowMs);
  if (scene.hotKeys !== null) show(places.hotKeys, ...hotKeysView(scene.hotKeys));
  if (scene.coverage !== null) show(places.coverage, ...coverageView(scene.coverage.targets));
  drawClusters(scene);
  drawProblems(scene);
  const firing = scene.incidents?.filter(({ status }) => status === "firing").length ?? 0;
  document.title = kind !== "live" ? "Keyheat (not live)" : firing > 0 ? `(${firing}) Keyheat` : "Keyheat";
}

/** @param {number} nowMs */
function drawIncident(nowMs) {
  const id = wantedIncident();
  places.incident.hidden = id === null;
  if (id === null) return;
  const { incident } = live;
  if (incident === null) show(places.incident, element("p", {}, "Looking for the incident…"));
  else if (incident === "unknown") {
    show(
      places.incident,
      element("h2", {}, "This incident is not known"),
      element("p", {}, `There is no incident ${visible(id)} here, or it was resolved long ago.`),
      element("p", {}, element("a", { href: "./", "data-incident": "" }, "Show what is open")),
    );
  } else show(places.incident, ...incidentView(incident, nowMs));
}

/**
 * @param {Scene} scene
 * @param {number} nowMs
 */
function drawIncidents({ incidents, hasMoreIncidents }, nowMs) {
  if (incidents === null) return;
  if (incidents.length === 0) show(places.incidents, element("p", {}, "None is open."));
  else {
    const rows = incidents.map((incident) => incidentRow(incident, nowMs));
    const more = hasMoreIncidents
      ? element("p", {}, "There are more: only the newest of each status are listed.")
      : null;
    show(places.incidents, element("ul", { class: "incidents" }, ...rows), more);
  }
}

/** @param {Scene} scene */
function drawClusters({ coverage, hotKeys }) {
  const clusters = [...new Set(coverage?.targets.map(({ cluster }) => cluster))].sort();
  places.cluster.hidden = clusters.length < 2;
  const buttons = clusters.map((cluster) =>
    element(
      "button",
      {
        type: "button",
        "data-key": cluster,
        "data-action": "cluster",
        ...(cluster === hotKeys?.cluster ? { "data-tone": "chosen" } : {}),
      },
      visible(cluster),
    ),
  );
  show(places.clusterNames, ...buttons);
}

/** @param {Scene} scene */
function drawProblems({ readiness }) {
  const lines = readiness === null ? [] : [...(readiness.reasons ?? []), ...(readiness.degraded ?? [])];
  places.problems.hidden = lines.length === 0;
  show(places.problemList, ...lines.map((line) => element("li", {}, visible(line))));
}

function wantedIncident() {
  const id = new URL(location.href).searchParams.get("incident");
  return id === null || id === "" ? null : id;
}

document.addEventListener("click", (event) => {
  const from = event.target;
  if (!(from instanceof Element) || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey)
    return;
  const link = from.closest("a[data-incident]");
  if (link !== null) {
    event.preventDefault();
    const url = new URL(location.href);
    const id = link.getAttribute("data-incident") ?? "";
    if (id === "") url.searchParams.delete("incident");
    else url.searchParams.set("incident", id);
    history.pushState(null, "", url);
    live.showIncident(wantedIncident());
    draw();
    places.incident.hidden ? placeOf("incidents-title").focus() : places.incident.focus();
  }
  const button = from.closest("button[data-action]");
  if (button?.getAttribute("data-action") === "cluster")
    live.showCluster(button.getAttribute("data-key") ?? "");
  if (button?.getAttribute("data-action") === "retry") live.retry();
});

window.addEventListener("popstate", () => live.showIncident(wantedIncident()));

places.token.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = placeOf("token-field");
  if (!(field instanceof HTMLInputElement) || field.value.trim() === "") return;
  api.setToken(field.value.trim());
  field.value = "";
  live.retry();
});

// Ages go on also when nothing comes.
setInterval(draw, 1000);
live.showIncident(wantedIncident());
void live.run();
