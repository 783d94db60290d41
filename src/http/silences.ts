import type { FastifyInstance } from "fastify";
import type { Config } from "../config/schema.ts";
import type { Tree } from "../config/yaml-tree.ts";
import type { Silence } from "../model/silence.ts";
import type { Clock } from "../runtime/clock.ts";
import { BodyError } from "./body-reader.ts";
import { HttpError } from "./errors.ts";
import { createChangeGuard } from "./guard.ts";
import { Query } from "./query.ts";
import { silenceOf } from "./silence-body.ts";
import { silenceJson } from "./silence-json.ts";

const BODY_BYTES_MAX = 16 * 1024;

/** Who keeps the silences. */
export interface SilenceDesk {
  /** Oldest first, those that expired within the last hour included. */
  list(): readonly Silence[];
  /**
   * Resolves once it is in force, everywhere, and outlives a restart where anything does. Throws: HttpError 409 where
   * there are too many, 503 where it could not be kept: then it is not in force.
   */
  add(silence: Silence): Promise<void>;
  /** Resolves once it is in force nowhere; `false`: there is none of this id. Throws: HttpError 503. */
  remove(id: string): Promise<boolean>;
}

export interface SilencesParts {
  readonly config: Pick<Config, "http">;
  readonly silences: SilenceDesk;
  readonly clock: Clock;
}

/** `GET`, `POST /api/v1/silences`, `DELETE /api/v1/silences/ID`. */
export function addSilences(app: FastifyInstance, { config, silences, clock }: SilencesParts): void {
  const guardChange = createChangeGuard(config.http);
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser<Buffer>(
      "application/json",
      { parseAs: "buffer", bodyLimit: BODY_BYTES_MAX },
      async (_request: unknown, text: Buffer) => jsonOf(text),
    );
    scope.addContentTypeParser("*", async () => {
      throw new BodyError("media-type");
    });

    scope.get("/api/v1/silences", (request) => {
      new Query(request.query, []);
      const nowMs = clock.now();
      return { silences: silences.list().map((silence) => silenceJson(silence, nowMs)) };
    });

    scope.post("/api/v1/silences", async (request, reply) => {
      guardChange(request.headers);
      new Query(request.query, []);
      // Without a body no parser was asked.
      if (request.body === undefined || request.body === null) throw new BodyError("media-type");
      const silence = silenceOf(request.body as Tree, clock.now());
      await silences.add(silence);
      return reply.code(201).send({ id: silence.id });
    });

    scope.delete<{ Params: { id: string } }>("/api/v1/silences/:id", async (request, reply) => {
      guardChange(request.headers);
      new Query(request.query, []);
      if (await silences.remove(request.params.id)) return reply.code(204).send();
      throw new HttpError(404, "NOT_FOUND", "there is no silence of this id");
    });
  });
}

function jsonOf(text: Buffer): Tree {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (cause) {
    throw new HttpError(400, "BAD_REQUEST", "expected a body of JSON", { cause });
  }
}
