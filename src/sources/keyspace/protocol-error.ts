/** The bytes are no RESP: the connection is of no use any more. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
