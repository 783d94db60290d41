import type { StageBooks } from "../runtime/accounting.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { type ApiConfig, addApi } from "./api.ts";
import { createApp } from "./app.ts";
import { History } from "./history.ts";
import { addIngest, type SamplesIntake } from "./ingest.ts";
import { ListenError, urlOf } from "./listener.ts";
import { addProbes } from "./probes.ts";
import { Pulse } from "./pulse.ts";
import { Stream, type StreamOptions } from "./stream.ts";
import { addStream } from "./stream-route.ts";
import type { Views } from "./views.ts";

const STREAM_OPTIONS: StreamOptions = { clientsMax: 64, unreadBytesMax: 1024 * 1024 };

/** Bodies on their way, over all connections. */
const INGEST_BYTES_MAX = 64 * 1024 * 1024;

export interface ServerOptions {
  readonly config: ApiConfig;
  readonly views: Views;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly stream?: StreamOptions;
  /** Left out: samples are not taken. */
  readonly samples?: SamplesIntake;
  /** Limit of the bodies on their way, over all connections. */
  readonly ingestBytesMax?: number;
}

export interface RunningServer {
  /** Its URL, without a trailing slash. */
  readonly address: string;
  /** Events to listeners of the stream (kept is what they were sent), and posts of samples. */
  books(): StageBooks[];
  /** Ends the streams and every connection. */
  close(): Promise<void>;
}

/**
 * Serves probes, `/metrics` and the API.
 *
 * Throws: ListenError where the address cannot be had.
 */
export async function createServer(options: ServerOptions): Promise<RunningServer> {
  const { config, views, logger, clock = systemClock } = options;
  const stream = new Stream(options.stream ?? STREAM_OPTIONS);
  const history = new History();
  const app = createApp(config.http, logger);
  const pulse = new Pulse({ config, views, history, stream, clock, logger });
  addProbes(app, views);
  addApi(app, { config, views, history, clock });
  addStream(app, { config, views, stream, pulse });
  const { samples, ingestBytesMax = INGEST_BYTES_MAX } = options;
  const ingest = samples && addIngest(app, { samples, clock, inFlightBytesMax: ingestBytesMax });
  app.addHook("preClose", async () => {
    pulse.stop();
    stream.close();
  });
  try {
    await app.listen({ ...config.http.listen });
  } catch (error) {
    await app.close();
    throw new ListenError(config.http.listen, error);
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === "string") throw new TypeError("listening, but not on a port");
  const address = urlOf(bound, config.http.tls !== undefined);
  logger.info({ address }, "listening");
  return {
    address,
    books: () => [stream.books(), ...(ingest ? [ingest.books()] : [])],
    close: () => app.close(),
  };
}
