import { ApiClient, type ApiClientOptions } from "../api-client.ts";
import {
  type ApiBodies,
  type ApiIncident,
  coverageBody,
  hotKeysBody,
  incidentsBody,
  readinessBody,
} from "./api-bodies.ts";
import { sceneOf } from "./api-scene.ts";
import type { Scene, SceneAsk, SceneSource } from "./scene.ts";

export interface ApiSourceOptions extends ApiClientOptions {
  /** To be shown alone. Default: the one of the API's config, with the incidents and servers of all. */
  readonly cluster?: string | undefined;
  /** Such as `10s`, as the API knows it. Default: the API's own choice. */
  readonly window?: string | undefined;
}

const INCIDENTS_MAX = 100;
/** So many that fire are shown, however old they are: the most that the API tells. */
const FIRING_MAX = 1000;

/** Scenes from the HTTP API of a standalone or an aggregator. */
export class ApiSource implements SceneSource {
  readonly #client: ApiClient;
  readonly #cluster: string | undefined;
  readonly #window: string | undefined;

  constructor({ cluster, window, ...options }: ApiSourceOptions) {
    this.#client = new ApiClient(options);
    this.#cluster = cluster;
    this.#window = window;
  }

  async read(ask: SceneAsk): Promise<Scene> {
    return sceneOf(await this.readBodies(ask), Date.now());
  }

  /** What the API says. Throws: ApiRefusal; Error where nobody answers. */
  async readBodies({ keysMax }: SceneAsk): Promise<ApiBodies> {
    const client = this.#client;
    const query = new URLSearchParams({ limit: String(keysMax) });
    if (this.#cluster !== undefined) query.set("cluster", this.#cluster);
    if (this.#window !== undefined) query.set("window", this.#window);
    const [hotKeys, newest, firing, coverage, readiness] = await Promise.all([
      client.ask(`/api/v1/hotkeys?${query}`, hotKeysBody),
      client.ask(`/api/v1/incidents?limit=${INCIDENTS_MAX}`, incidentsBody),
      client.ask(`/api/v1/incidents?status=firing&limit=${FIRING_MAX}`, incidentsBody),
      client.ask("/api/v1/coverage", coverageBody),
      client.ask("/readyz", readinessBody, { accepted: [200, 503] }),
    ]);
    const incidents = { incidents: allIncidents(newest.incidents, firing.incidents) };
    return this.#ofCluster({ hotKeys, incidents, coverage, readiness });
  }

  #ofCluster(bodies: ApiBodies): ApiBodies {
    const wanted = this.#cluster;
    if (wanted === undefined) return bodies;
    const isWanted = ({ cluster }: { readonly cluster: string }) => cluster === wanted;
    return {
      ...bodies,
      incidents: { incidents: bodies.incidents.incidents.filter(isWanted) },
      coverage: { targets: bodies.coverage.targets.filter(isWanted) },
    };
  }
}

/** Each once, newest first: one that has fired for hours must not vanish behind those that have come and gone since. */
function allIncidents(newest: readonly ApiIncident[], firing: readonly ApiIncident[]): ApiIncident[] {
  const known = new Set(newest.map(({ id }) => id));
  const older = firing.filter(({ id }) => !known.has(id));
  const startedAtMs = ({ startedAt }: ApiIncident) => Date.parse(startedAt);
  return [...newest, ...older].toSorted((one, other) => startedAtMs(other) - startedAtMs(one));
}
