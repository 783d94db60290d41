import { create, toBinary } from "@bufbuild/protobuf";
import type { HotSet, Lease } from "../model/hot-set.ts";
import { readAuthority } from "./authority-codec.ts";
import { type Decoded, decoding } from "./decoded.ts";
import { HotSetRecordSchema, type Lease as WireLease } from "./generated/keyheat_pb.ts";
import { openRecord, SCHEMA_VERSION } from "./record.ts";

/** Throws: Error where a whole number (bucket, database) is none or has more than 32 bits. */
export function encodeHotSet({ authority, version, leases }: HotSet): Uint8Array {
  const record = {
    version: SCHEMA_VERSION,
    authority,
    revision: version,
    leases: leases.map(({ remedies, ...lease }) => ({ ...lease, remedies: [...remedies] })),
  };
  return toBinary(HotSetRecordSchema, create(HotSetRecordSchema, record));
}

/** Of any bytes; keys and names are copies. */
export function decodeHotSet(bytes: Uint8Array): Decoded<HotSet> {
  return decoding(() => {
    const { authority, revision, leases } = openRecord(HotSetRecordSchema, bytes);
    return { authority: readAuthority(authority), version: revision, leases: leases.map(readLease) };
  });
}

function readLease({ db, key, leaseUntilMs, remedies, ratePerSecond }: WireLease): Lease {
  // A view of the key would keep all records of the fetch in memory.
  return { db, key: key.slice(), leaseUntilMs, remedies, ratePerSecond };
}
