import { STATUS_CODES } from "node:http";

/** Longest path that an error repeats, in characters. */
const PATH_CHARACTERS_MAX = 200;

export type HttpErrorCode =
  | "BAD_REQUEST"
  | "BAD_QUERY"
  | "UNAUTHORIZED"
  | "HOST_REFUSED"
  | "CROSS_ORIGIN_REFUSED"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "TIMEOUT"
  | "BODY_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "HEADERS_TOO_LARGE"
  | "INTERNAL"
  | "TOO_MANY_STREAMS"
  | "TOO_MANY_SILENCES"
  | "UNAVAILABLE"
  | "BUSY";

export interface HttpErrorOptions extends ErrorOptions {
  /** The bad field (`window`, `samples[3].key`); the URL's path unless given. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal that the caller sees as it stands. `status` is the verdict: below 500 the request is at fault. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly code: HttpErrorCode;
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: HttpErrorCode, message: string, options: HttpErrorOptions = {}) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.path = options.path;
    this.headers = options.headers ?? {};
  }
}

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly path: string };
}

/** The body of every error. `url` is the request's; its query may hold key names, and is left off. */
export function errorBody({ code, message, path }: HttpError, url: string): ErrorBody {
  const named = path ?? url.split("?", 1)[0] ?? "";
  return { error: { code, message, path: named.slice(0, PATH_CHARACTERS_MAX) } };
}

const CODES: Readonly<Record<number, HttpErrorCode>> = {
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  408: "TIMEOUT",
  413: "BODY_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  431: "HEADERS_TOO_LARGE",
};

/** What the caller may know of any error: those of libraries keep their status below 500, but not their words. */
export function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  const status = statusOf(error);
  return status >= 400 && status < 500
    ? plainError(status, error)
    : new HttpError(500, "INTERNAL", "internal error, its cause is in the log", { cause: error });
}

/** An error of which nothing but its status is told. */
export function plainError(status: number, cause?: unknown): HttpError {
  const message = (STATUS_CODES[status] ?? "Bad Request").toLowerCase();
  return new HttpError(status, CODES[status] ?? "BAD_REQUEST", message, { cause });
}

function statusOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("statusCode" in error)) return 500;
  return typeof error.statusCode === "number" ? error.statusCode : 500;
}
