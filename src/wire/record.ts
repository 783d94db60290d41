import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Damage } from "./decoded.ts";
import { RECORD_BYTES_MAX } from "./limits.ts";
import { screen } from "./screen.ts";

/** Grows when older readers would misunderstand a record; what they may just leave out does not change it. */
export const SCHEMA_VERSION = 1;

const VERSION_FIELD = 1;

/** The message of a record, within all limits. Throws `Damage`, or what the reader of @bufbuild/protobuf throws. */
export function openRecord<S extends DescMessage>(schema: S, record: Uint8Array): MessageShape<S> {
  if (record.length > RECORD_BYTES_MAX) throw new Damage("larger than 4 MiB");
  // Of a Buffer, which is what comes from Kafka, `slice` would not copy.
  const bytes = new Uint8Array(record.buffer, record.byteOffset, record.length);
  checkVersion(bytes);
  screen(schema, bytes);
  // What this version does not know would be kept for writing it again, at many times its size.
  return fromBinary(schema, bytes, { readUnknownFields: false });
}

/** Before all else: of a newer version nothing but this field can be relied on. */
function checkVersion(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  if (bytes.length === 0) throw new Damage("empty");
  const [field, wireType] = reader.tag();
  if (field !== VERSION_FIELD || wireType !== WireType.Varint) throw new Damage("no version");
  const version = reader.uint32();
  if (version > SCHEMA_VERSION) throw new Damage(`a newer version (${version})`);
  if (version === 0) throw new Damage("no version");
}
