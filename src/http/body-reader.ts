import type { IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";
import { HttpError } from "./errors.ts";

/** Largest body, as sent and unpacked. */
export const BODY_BYTES_MAX = 1024 * 1024;
const CAPACITY_MIN = 1024;
const RETRY_AFTER_SECONDS = 1;

/** Why a body was not taken. */
export type BodyRefusal = "media-type" | "encoding" | "too-large" | "busy" | "aborted" | "invalid";

/** A body that was refused; `reason` is for the books. */
export class BodyError extends HttpError {
  readonly reason: BodyRefusal;

  constructor(reason: BodyRefusal, cause?: unknown) {
    const [status, code, message, headers] = REFUSALS[reason];
    super(status, code, message, { headers, cause });
    this.reason = reason;
  }
}

// Where the body is not read to its end, what follows on the connection is the rest of it.
const HANG_UP = { connection: "close" };
const TOO_LARGE = `expected a body of at most ${BODY_BYTES_MAX} bytes, also unpacked`;
const REFUSALS: Readonly<
  Record<BodyRefusal, readonly [number, HttpError["code"], string, Readonly<Record<string, string>>]>
> = {
  "media-type": [415, "UNSUPPORTED_MEDIA_TYPE", "expected content-type: application/json", HANG_UP],
  encoding: [415, "UNSUPPORTED_MEDIA_TYPE", "expected content-encoding: gzip, or none", HANG_UP],
  "too-large": [413, "BODY_TOO_LARGE", TOO_LARGE, HANG_UP],
  busy: [
    503,
    "BUSY",
    "too many bodies are on their way, try again",
    { ...HANG_UP, "retry-after": String(RETRY_AFTER_SECONDS) },
  ],
  aborted: [400, "BAD_REQUEST", "the body ended early", HANG_UP],
  invalid: [400, "BAD_REQUEST", "expected a body packed with gzip", {}],
};

/** A body that has come in full, and takes its room until it is opened. */
export class ReceivedBody {
  readonly #bytes: Buffer;
  readonly #isPacked: boolean;
  readonly #release: () => void;

  constructor(bytes: Buffer, isPacked: boolean, release: () => void) {
    this.#bytes = bytes;
    this.#isPacked = isPacked;
    this.#release = release;
  }

  /** The body, unpacked. Call once. Throws: BodyError. */
  open(): Buffer {
    this.#release();
    return this.#isPacked ? unpacked(this.#bytes) : this.#bytes;
  }
}

/** Reads bodies, of which those not opened yet take at most `bytesMax` of memory together. */
export class BodyReader {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Memory of the bodies that are on their way, or wait to be opened. */
  get bytesHeld(): number {
    return this.#bytes;
  }

  /** Throws: BodyError. */
  async read(payload: IncomingMessage): Promise<ReceivedBody> {
    const isPacked = isGzip(payload.headers["content-encoding"]);
    const body = await this.#collect(payload);
    return new ReceivedBody(body.bytes, isPacked, () => {
      this.#bytes -= body.capacity;
    });
  }

  #collect(payload: IncomingMessage): Promise<GrowingBody> {
    return new Promise((resolve, reject) => {
      const body = new GrowingBody();
      const finish = (refusal: BodyError | null) => {
        payload.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
        if (refusal === null) {
          resolve(body);
          return;
        }
        this.#bytes -= body.capacity;
        payload.pause();
        reject(refusal);
      };
      const onData = (piece: Buffer) => {
        const length = body.length + piece.length;
        if (length > BODY_BYTES_MAX) finish(new BodyError("too-large"));
        else if (this.#bytes + capacityFor(length) - body.capacity > this.#bytesMax) {
          finish(new BodyError("busy"));
        } else {
          this.#bytes -= body.capacity;
          body.add(piece);
          this.#bytes += body.capacity;
        }
      };
      const onEnd = () => finish(null);
      const onClose = () => finish(new BodyError("aborted"));
      payload.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
    });
  }
}

/** One buffer for all pieces: a client may send each byte by itself, and a Buffer is an object of 100 bytes and more. */
class GrowingBody {
  length = 0;
  #buffer = Buffer.alloc(0);

  get capacity(): number {
    return this.#buffer.length;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  add(piece: Buffer): void {
    const length = this.length + piece.length;
    if (length > this.capacity) {
      const grown = Buffer.allocUnsafeSlow(capacityFor(length));
      this.bytes.copy(grown);
      this.#buffer = grown;
    }
    piece.copy(this.#buffer, this.length);
    this.length = length;
  }
}

/** Memory that a body of `length` bytes takes on its way: a power of two. */
function capacityFor(length: number): number {
  let capacity = CAPACITY_MIN;
  while (capacity < length) capacity *= 2;
  return capacity;
}

function isGzip(encoding: string | undefined): boolean {
  const name = encoding?.trim().toLowerCase() ?? "identity";
  if (name === "gzip" || name === "x-gzip") return true;
  if (name === "identity" || name === "") return false;
  throw new BodyError("encoding");
}

/** In one go: bodies are small, and a stream for each would cost more than it saves. */
function unpacked(body: Buffer): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    const isTooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    throw new BodyError(isTooLarge ? "too-large" : "invalid", error);
  }
}
