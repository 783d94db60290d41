/**
 * @import { CoverageJson, HotKeysJson, IncidentJson, Link, ReadinessJson, Scene } from "./shapes.js"
 * @import { ServerEvent } from "./events.js"
 */
import { Api, Refusal } from "./api.js";
import { listen } from "./events.js";
import { OpenIncidents } from "./open-incidents.js";

/** Events tell what changes; the figures of open incidents, and the readiness, are asked for. */
const ASK_EVERY_MS = 5_000;
/** Asked for of each status, and shown. */
const INCIDENTS_MAX = 200;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;

/** What the page knows, kept up to date as long as the server answers. */
export class Live {
  #api;
  #onChange;
  #incidents = new OpenIncidents();
  /** @type {string | null} */
  #cluster;
  /** The incident that is shown in full. */
  /** @type {string | null} */
  #incidentId = null;
  /** @type {IncidentJson | null | "unknown"} */
  #incident = null;
  /** @type {Link} */
  #link = { kind: "connecting" };
  /** @type {number | null} */
  #heardMs = null;
  #isLoaded = false;
  #hasMore = false;
  /** @type {HotKeysJson | null} */
  #hotKeys = null;
  /** @type {CoverageJson | null} */
  #coverage = null;
  /** @type {ReadinessJson | null} */
  #readiness = null;
  #restart = new AbortController();
  #wake = () => {};

  /**
   * @param {Api} api
   * @param {string | null} cluster whose hot keys are shown; `null`: the server's own choice
   * @param {() => void} onChange
   */
  constructor(api, cluster, onChange) {
    this.#api = api;
    this.#cluster = cluster;
    this.#onChange = onChange;
  }

  /** @returns {Scene} */
  get scene() {
    const incidents = this.#incidents.sorted();
    return {
      link: this.#link,
      incidents: this.#isLoaded ? incidents.slice(0, INCIDENTS_MAX) : null,
      hasMoreIncidents: this.#hasMore || incidents.length > INCIDENTS_MAX,
      hotKeys: this.#hotKeys,
      coverage: this.#coverage,
      readiness: this.#readiness,
    };
  }

  /** The incident to show in full; `null`: not known yet, or none is asked for. `unknown`: the server does not know it. */
  get incident() {
    return this.#incident;
  }

  /** @param {string | null} id */
  showIncident(id) {
    this.#incidentId = id;
    this.#incident = id === null ? null : (this.#incidents.sorted().find((one) => one.id === id) ?? null);
    this.#onChange();
    if (id !== null && this.#link.kind === "live") void this.#askIncident(id);
  }

  /** @param {string} cluster */
  showCluster(cluster) {
    this.#cluster = cluster;
    this.#hotKeys = null;
    this.retry();
  }

  /** Connects anew, now. */
  retry() {
    this.#restart.abort(new Error("connecting anew"));
    this.#wake();
  }

  /** Stays connected for as long as the page is open. */
  async run() {
    let retryMs = RETRY_MS_MIN;
    for (;;) {
      this.#restart = new AbortController();
      const { signal } = this.#restart;
      try {
        await this.#listen(signal);
      } catch (error) {
        if (this.#link.kind === "live") retryMs = RETRY_MS_MIN;
        if (!signal.aborted) this.#setLink(this.#afterFailure(error));
        // Where the token is missing, only a person can help.
        const pauseMs = signal.aborted
          ? 0
          : this.#link.kind === "refused"
            ? null
            : retryMs * (1 + Math.random() / 4);
        await this.#pause(pauseMs);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #listen(signal) {
    const query = this.#cluster === null ? "" : `?cluster=${encodeURIComponent(this.#cluster)}`;
    const asking = new AbortController();
    try {
      await listen(this.#api, `api/v1/stream${query}`, {
        signal,
        onOpen: () => {
          this.#heard();
          void this.#askAgainAndAgain(asking.signal);
        },
        onEvent: (event) => this.#take(event),
      });
    } finally {
      asking.abort();
    }
  }

  /** @param {ServerEvent} event */
  #take({ name, data }) {
    const body = JSON.parse(data);
    if (name === "hotkeys") this.#hotKeys = body;
    if (name === "coverage") this.#coverage = body;
    if (name === "incident") {
      this.#incidents.take(body);
      const { incident } = this;
      if (body.id === this.#incidentId) {
        const trail = incident !== null && incident !== "unknown" ? incident.trail : undefined;
        this.#incident = trail === undefined ? body : { ...body, trail };
      }
    }
    this.#heard();
  }

  #heard() {
    this.#heardMs = Date.now();
    this.#setLink({ kind: "live" });
  }

  /** @param {AbortSignal} signal */
  async #askAgainAndAgain(signal) {
    while (!signal.aborted) {
      try {
        await Promise.all([
          this.#askIncidents(),
          this.#askReadiness(),
          this.#incidentId === null ? null : this.#askIncident(this.#incidentId),
        ]);
      } catch {
        // The stream says when the server is gone; a single answer that failed is asked for again.
      }
      this.#onChange();
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  async #askIncidents() {
    this.#incidents.expect();
    const answers = await Promise.all(
      ["firing", "recovering", "pending"].map((status) =>
        this.#api.json(`api/v1/incidents?status=${status}&limit=${INCIDENTS_MAX}`),
      ),
    );
    this.#hasMore = answers.some(({ incidents }) => incidents.length >= INCIDENTS_MAX);
    this.#incidents.replace(answers.flatMap(({ incidents }) => incidents));
    this.#isLoaded = true;
  }

  async #askReadiness() {
    this.#readiness = await this.#api.readiness();
  }

  /** @param {string} id */
  async #askIncident(id) {
    /** @type {IncidentJson | null | "unknown"} */
    let answer = null;
    try {
      answer = await this.#api.json(`api/v1/incidents/${encodeURIComponent(id)}`);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 404) return;
      answer = "unknown";
    }
    if (id !== this.#incidentId) return;
    this.#incident = answer;
    this.#onChange();
  }

  /**
   * @param {unknown} error
   * @returns {Link}
   */
  #afterFailure(error) {
    if (error instanceof Refusal && error.status === 401) {
      const reason = this.#api.hasToken ? "The server refuses this token." : "";
      this.#api.setToken(null);
      return { kind: "refused", reason };
    }
    return { kind: "broken", sinceMs: this.#heardMs, reason: reasonOf(error) };
  }

  /** @param {Link} link */
  #setLink(link) {
    this.#link = link;
    this.#onChange();
  }

  /** @param {number | null} ms `null`: until `retry` */
  async #pause(ms) {
    await new Promise((resolve) => {
      this.#wake = () => resolve(null);
      if (ms !== null) setTimeout(resolve, ms);
    });
  }
}

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof Refusal) return error.message;
  // Browsers do not tell pages why there was no connection.
  if (error instanceof TypeError) return "the server cannot be reached";
  return error instanceof Error ? error.message : String(error);
}
