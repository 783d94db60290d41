/** Bytes that a server sends over a connection that is subscribed to keyspace events. */

export const KEYEVENT_PATTERN = "__keyevent@*__:*";

type Text = string | Uint8Array;

const bytesOf = (text: Text): Buffer => (typeof text === "string" ? Buffer.from(text) : Buffer.from(text));

export function bulk(text: Text): Buffer {
  const bytes = bytesOf(text);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]);
}

/** A message of a pattern: `*` as RESP2 has it, `>` as a RESP3 push. */
export function message(channel: Text, payload: Text, pattern: Text = KEYEVENT_PATTERN, type = "*"): Buffer {
  return Buffer.concat([
    Buffer.from(`${type}4\r\n`),
    bulk("pmessage"),
    bulk(pattern),
    bulk(channel),
    bulk(payload),
  ]);
}

/** The message of one keyspace event, its key in the payload. */
export function keyevent(event: string, key: Text, db = 0): Buffer {
  return message(`__keyevent@${db}__:${event}`, key);
}

/** Confirms that a pattern is subscribed to, or not any more. */
export function confirmation(kind: "psubscribe" | "punsubscribe", pattern: string, count: number): Buffer {
  return Buffer.concat([Buffer.from("*3\r\n"), bulk(kind), bulk(pattern), Buffer.from(`:${count}\r\n`)]);
}

/** The answer to a PING of a RESP2 connection that is subscribed. */
export const PONG_MESSAGE = Buffer.concat([Buffer.from("*2\r\n"), bulk("pong"), bulk("")]);
