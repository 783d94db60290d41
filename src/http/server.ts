import type { FastifyInstance } from "fastify";
import type { Config } from "../config/schema.ts";
import type { StageBooks } from "../runtime/accounting.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { type ApiConfig, addApi } from "./api.ts";
import { createApp } from "./app.ts";
import { addConsole } from "./console.ts";
import { History } from "./history.ts";
import { addHotSet, type HotSetView } from "./hot-set.ts";
import { addIngest, type SamplesIntake } from "./ingest.ts";
import { ListenError, urlOf } from "./listener.ts";
import { addProbes } from "./probes.ts";
import { Pulse } from "./pulse.ts";
import { addRemedyPages } from "./remedy-pages.ts";
import { addSilences, type SilenceDesk } from "./silences.ts";
import { Stream, type StreamOptions } from "./stream.ts";
import { addStream } from "./stream-route.ts";
import type { ProbeViews, Views } from "./views.ts";

const STREAM_OPTIONS: StreamOptions = { clientsMax: 64, unreadBytesMax: 1024 * 1024 };

/** Bodies on their way, over all connections. */
const INGEST_BYTES_MAX = 64 * 1024 * 1024;

/** What an agent serves to the applications of its host. */
export interface AgentEndpoints {
  /** Left out: samples are not taken. */
  readonly samples?: SamplesIntake;
  /** Left out: there is no hot set. */
  readonly hotSet?: HotSetView;
  /** Limit of the bodies on their way, over all connections. */
  readonly ingestBytesMax?: number;
}

export interface ServerOptions extends AgentEndpoints {
  readonly config: ApiConfig;
  readonly views: Views;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly stream?: StreamOptions;
  /** Left out: there are no silences. */
  readonly silences?: SilenceDesk;
}

export interface AgentServerOptions extends AgentEndpoints {
  readonly config: Pick<Config, "http">;
  readonly probes: ProbeViews;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface RunningServer {
  /** Its URL, without a trailing slash. */
  readonly address: string;
  /** Events to listeners of the streams (kept is what they were sent), and posts of samples. */
  books(): StageBooks[];
  /** Ends the streams and every connection. */
  close(): Promise<void>;
}

interface Part {
  books(): StageBooks[];
  close(): void;
}

/**
 * Serves the page for people, probes, `/metrics`, the API, and what an agent serves where that is given.
 *
 * Throws: ListenError where the address cannot be had.
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const { config, views, logger, clock = systemClock } = options;
  const app = createApp(config.http, logger);
  addProbes(app, views);
  addRemedyPages(app);
  addConsole(app);
  const parts = [addApiPart(app, options), addAgentPart(app, options, clock)];
  return await listen(app, parts, config.http, logger);
}

/**
 * Serves probes, `/metrics`, and what an agent serves.
 *
 * Throws: ListenError where the address cannot be had.
 */
export async function createAgentServer(options: AgentServerOptions): Promise<RunningServer> {
  const { config, probes, logger, clock = systemClock } = options;
  const app = createApp(config.http, logger);
  addProbes(app, probes);
  return await listen(app, [addAgentPart(app, options, clock)], config.http, logger);
}

function addApiPart(app: FastifyInstance, options: ServerOptions): Part {
  const { config, views, logger, clock = systemClock } = options;
  const stream = new Stream(options.stream ?? STREAM_OPTIONS);
  const history = new History();
  const pulse = new Pulse({ config, views, history, stream, clock, logger });
  addApi(app, { config, views, history, clock });
  if (options.silences) addSilences(app, { config, silences: options.silences, clock });
  addStream(app, { config, views, stream, pulse });
  return {
    books: () => [stream.books()],
    close: () => {
      pulse.stop();
      stream.close();
    },
  };
}

function addAgentPart(app: FastifyInstance, options: AgentEndpoints, clock: Clock): Part {
  const { samples, hotSet, ingestBytesMax = INGEST_BYTES_MAX } = options;
  const ingest = samples && addIngest(app, { samples, clock, inFlightBytesMax: ingestBytesMax });
  const hotSets = hotSet && addHotSet(app, { hotSet, clock });
  return {
    books: () => [...(ingest ? [ingest.books()] : []), ...(hotSets ? [hotSets.books()] : [])],
    close: () => hotSets?.close(),
  };
}

async function listen(
  app: FastifyInstance,
  parts: readonly Part[],
  http: Config["http"],
  logger: Logger,
): Promise<RunningServer> {
  app.addHook("preClose", async () => {
    for (const part of parts) part.close();
  });
  try {
    await app.listen({ ...http.listen });
  } catch (error) {
    await app.close();
    throw new ListenError(http.listen, error);
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === "string") throw new TypeError("listening, but not on a port");
  const address = urlOf(bound, http.tls !== undefined);
  logger.info({ address }, "listening");
  return {
    address,
    books: () => parts.flatMap((part) => part.books()),
    close: () => app.close(),
  };
}
