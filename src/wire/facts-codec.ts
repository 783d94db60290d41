import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Facts, KeyFacts } from "../model/target.ts";
import { orAbsent, orNull } from "./absent.ts";
import type {
  FactsSchema,
  KeyFactsSchema,
  Facts as WireFacts,
  KeyFacts as WireKeyFacts,
} from "./generated/keyheat_pb.ts";

export function writeKeyFacts(message: KeyFacts): MessageInitShape<typeof KeyFactsSchema> {
  const { cluster, db, bytes, atMs, facts } = message;
  return { cluster, db, key: bytes, atMs, facts: writeFacts(facts) };
}

export function readKeyFacts(message: WireKeyFacts): KeyFacts {
  const { cluster, db, key, atMs, facts } = message;
  return { type: "facts", cluster, db, bytes: key.slice(), atMs, facts: readFacts(facts) };
}

export function writeFacts({
  type,
  bytes,
  ttlSeconds,
  encoding,
}: Facts): MessageInitShape<typeof FactsSchema> {
  return {
    type,
    bytes: orAbsent(bytes),
    ttlSeconds: orAbsent(ttlSeconds),
    encoding: orAbsent(encoding),
  };
}

export function readFacts(message: WireFacts | undefined): Facts {
  return {
    type: message?.type ?? "",
    bytes: orNull(message?.bytes),
    ttlSeconds: orNull(message?.ttlSeconds),
    encoding: orNull(message?.encoding),
  };
}
