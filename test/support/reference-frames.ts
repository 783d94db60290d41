/** What one frame means. Keys are whole; texts are of one character a byte. */
export type Happening =
  | { readonly type: "event"; readonly db: number; readonly name: string; readonly key: Buffer }
  | { readonly type: "foreign" }
  | { readonly type: "reply"; readonly items: readonly string[] }
  | { readonly type: "error"; readonly message: string };

export interface ReferenceReading {
  readonly happenings: readonly Happening[];
  /** What is wrong behind them; `null`: nothing, the stream just ends. */
  readonly problem: string | null;
}

export interface ReferenceOptions {
  readonly keyPlace: "payload" | "channel";
  readonly counts?: (pattern: string, key: Uint8Array) => boolean;
}

const LENGTH_MAX = 512 * 1024 * 1024;
const ITEMS_MAX = 64;
const DB_MAX = 2 ** 20 - 1;

/** The stream ends before what was begun does. */
class Ends extends Error {}
/** The stream is not what it should be. */
class Malformed extends Error {}

/**
 * Reads a whole stream at once, as simply as can be: what the project's own reader is held against. It shares nothing
 * with it.
 */
export function readReference(stream: Buffer, options: ReferenceOptions): ReferenceReading {
  const happenings: Happening[] = [];
  let at = 0;
  const take = (count: number): Buffer => {
    if (at + count > stream.length) throw new Ends();
    at += count;
    return stream.subarray(at - count, at);
  };
  const takeLine = (): string => {
    const end = stream.indexOf("\r\n", at, "latin1");
    if (end < 0) throw new Ends();
    const line = stream.toString("latin1", at, end);
    at = end + 2;
    return line;
  };
  const takeNumber = (): number => {
    let digits = "";
    while (at < stream.length && /\d/.test(String.fromCharCode(stream[at] ?? 0))) {
      digits += take(1).toString("latin1");
      if (Number(digits) > LENGTH_MAX) throw new Malformed("too long");
    }
    const end = take(2).toString("latin1");
    if (digits === "" || end !== "\r\n") throw new Malformed("no number");
    return Number(digits);
  };
  const takeBulk = (): Buffer => {
    if (take(1).toString("latin1") !== "$") throw new Malformed("no bulk string");
    const bytes = take(takeNumber());
    if (take(2).toString("latin1") !== "\r\n") throw new Malformed("a bulk string without an end");
    return bytes;
  };
  const takeItem = (): string => {
    if (stream[at] === 0x24) return takeBulk().toString("latin1");
    take(1);
    return takeLine();
  };
  const takeFrame = (): Happening | null => {
    const type = take(1).toString("latin1");
    if (type === "-") return { type: "error", message: takeLine() };
    if (type === "+" || type === ":") return { type: "reply", items: [takeLine()] };
    if (type !== "*" && type !== ">") throw new Malformed("no frame");
    const count = takeNumber();
    if (count < 1 || count > ITEMS_MAX) throw new Malformed(`${count} items`);
    const isMessage = count === 4 && stream.toString("latin1", at, at + 14) === "$8\r\npmessage\r\n";
    if (!isMessage) return { type: "reply", items: Array.from({ length: count }, takeItem) };
    takeBulk();
    return meaningOf(takeBulk().toString("latin1"), takeBulk(), takeBulk(), options);
  };
  try {
    while (at < stream.length) {
      const happening = takeFrame();
      if (happening) happenings.push(happening);
    }
  } catch (error) {
    if (error instanceof Malformed) return { happenings, problem: error.message };
    if (!(error instanceof Ends)) throw error;
  }
  return { happenings, problem: null };
}

/** `null`: a message that does not count. */
function meaningOf(
  pattern: string,
  channel: Buffer,
  payload: Buffer,
  { keyPlace, counts }: ReferenceOptions,
): Happening | null {
  const word = keyPlace === "payload" ? "keyevent" : "keyspace";
  const parts = channel.toString("latin1").match(new RegExp(`^__${word}@(\\d+)__:([^]*)$`));
  const db = Number(parts?.[1]);
  const rest = parts?.[2];
  if (rest === undefined || db > DB_MAX) return { type: "foreign" };
  if (keyPlace === "payload") return { type: "event", db, name: rest, key: payload };
  const key = Buffer.from(rest, "latin1");
  if (!counts?.(pattern, key)) return null;
  return { type: "event", db, name: payload.toString("latin1"), key };
}
