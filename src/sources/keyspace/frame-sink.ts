/**
 * Takes the keyspace events of one target. Keys are handed on in place, in their kept form: the bytes are valid until
 * `endOfRead`, which comes before they are overwritten.
 */
export interface EventSink {
  /** One keyspace event: the key `keys[start, end)` in database `db`. */
  event(db: number, eventCode: number, keys: DataView, start: number, end: number): void;
  /** An event whose name the table does not know; it is counted under that name. */
  unknownEvent(name: string): void;
  /** A message on a channel that is not a keyspace event's. */
  foreign(): void;
  endOfRead(): void;
}

/** Takes what comes over the connection that is not a message. */
export interface ReplySink {
  /** A confirmation, PONG. */
  reply(items: readonly string[]): void;
  /** An error reply. */
  error(message: string): void;
}
