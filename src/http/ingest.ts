import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Ledger, type StageBooks } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import { decodeBatch } from "../sources/samples/decode.ts";
import type { SampleBatch, Taken } from "../sources/samples/sample.ts";
import { BodyError, BodyReader, ReceivedBody } from "./body-reader.ts";
import { asHttpError, HttpError } from "./errors.ts";
import { Turnstile } from "./turnstile.ts";

/** What batches may take of a turn of the event loop: panes must close and keyspace events be read meanwhile. */
const SLICE_MS = 20;

/** Who takes the batches. */
export interface SamplesIntake {
  take(batch: SampleBatch, nowMs: number): Taken;
}

export interface IngestOptions {
  readonly samples: SamplesIntake;
  readonly clock: Clock;
  /** Limit of the bodies on their way, over all connections. */
  readonly inFlightBytesMax: number;
}

export interface Ingest {
  /** In requests; dropped are those that were refused, by reason. */
  books(): StageBooks;
}

/** `POST /v1/samples`: JSON, also gzip, of at most 1 MiB. A bad batch is refused as a whole. */
export function addIngest(app: FastifyInstance, { samples, clock, inFlightBytesMax }: IngestOptions): Ingest {
  const ledger = new Ledger("ingest");
  const reader = new BodyReader(inFlightBytesMax);
  const turnstile = new Turnstile(SLICE_MS);
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", (_request: FastifyRequest, payload: IncomingMessage) =>
      reader.read(payload),
    );
    scope.addContentTypeParser("*", async () => {
      throw new BodyError("media-type");
    });
    scope.addHook("onError", async (_request, _reply, error) => {
      ledger.receive();
      ledger.drop(reasonOf(error));
    });
    scope.post("/v1/samples", async ({ body }, reply) => {
      if (!(body instanceof ReceivedBody)) throw new BodyError("media-type");
      const answer = await turnstile.run(() => {
        const batch = batchOf(body.open());
        const nowMs = clock.now();
        return { ...samples.take(batch, nowMs), nowMs };
      });
      ledger.receive();
      ledger.keep();
      return reply.code(202).send(answer);
    });
  });
  return { books: () => ledger.books() };
}

function batchOf(body: Uint8Array): SampleBatch {
  const decoded = decodeBatch(body);
  if ("batch" in decoded) return decoded.batch;
  const { path, message } = decoded.problem;
  throw new HttpError(400, "BAD_REQUEST", message, path === "" ? {} : { path });
}

function reasonOf(error: Error): string {
  if (error instanceof BodyError) return error.reason;
  const { code } = asHttpError(error);
  if (code === "UNSUPPORTED_MEDIA_TYPE") return "media-type";
  return code === "BAD_REQUEST" ? "invalid" : code.toLowerCase().replaceAll("_", "-");
}
