import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Damage } from "./decoded.ts";
import { ELEMENTS_MAX, FIELD_BYTES_MAX, MESSAGES_MAX, NAME_BYTES_MAX } from "./limits.ts";

/**
 * Walks a record before anything is made of it, and throws where it is damaged or passes a limit: two bytes can stand
 * for an object of some hundred, so limits that are looked at afterwards come too late.
 *
 * Wire types must be those of the schema: the decoder does not look at them, and would see another record than this.
 */
export function screen(schema: DescMessage, bytes: Uint8Array): void {
  new Screening(bytes).message(schema, bytes.length);
}

const MAP_KEY = 1;
const MAP_VALUE = 2;

class Screening {
  readonly #reader: BinaryReader;
  readonly #elements = new Map<DescField, number>();
  #messages = 0;

  constructor(bytes: Uint8Array) {
    this.#reader = new BinaryReader(bytes);
  }

  message(schema: DescMessage, end: number): void {
    if (++this.#messages > MESSAGES_MAX) throw new Damage("too many messages");
    const fields = fieldsByNumber(schema);
    while (this.#reader.pos < end) {
      const [number, wireType] = this.#reader.tag();
      const field = fields.get(number);
      if (field) this.#field(field, wireType);
      else this.#unknown(wireType);
    }
    if (this.#reader.pos !== end) throw new Damage("truncated");
  }

  #unknown(wireType: WireType): void {
    if (wireType === WireType.StartGroup) throw new Damage("malformed");
    this.#reader.skip(wireType);
  }

  #field(field: DescField, wireType: WireType): void {
    if (field.fieldKind === "message") this.message(field.message, this.#endOfField(wireType));
    else if (field.fieldKind === "map") this.#mapEntry(field, wireType);
    else if (field.fieldKind === "list") this.#element(field, wireType);
    else if (field.fieldKind === "scalar") this.#scalar(field, field.scalar, wireType);
  }

  #element(field: DescField & { fieldKind: "list" }, wireType: WireType): void {
    if (field.listKind === "message") {
      this.#countElement(field);
      this.message(field.message, this.#endOfField(wireType));
    } else if (field.listKind === "scalar" && field.packed && wireType === WireType.LengthDelimited) {
      this.#packed(field, field.scalar);
    } else if (field.listKind === "scalar") {
      this.#countElement(field);
      this.#scalar(field, field.scalar, wireType);
    }
  }

  #packed(field: DescField, scalar: ScalarType): void {
    const end = this.#endOfField(WireType.LengthDelimited);
    while (this.#reader.pos < end) {
      this.#countElement(field);
      this.#scalar(field, scalar, wireTypeOf(scalar));
    }
    if (this.#reader.pos !== end) throw new Damage("truncated");
  }

  /** All maps of the schema are of names to numbers. */
  #mapEntry(field: DescField, wireType: WireType): void {
    this.#countElement(field);
    const end = this.#endOfField(wireType);
    while (this.#reader.pos < end) {
      const [number, type] = this.#reader.tag();
      if (number === MAP_KEY) this.#scalar(field, ScalarType.STRING, type);
      else if (number === MAP_VALUE) this.#scalar(field, ScalarType.DOUBLE, type);
      else this.#unknown(type);
    }
    if (this.#reader.pos !== end) throw new Damage("truncated");
  }

  #countElement(field: DescField): void {
    const count = (this.#elements.get(field) ?? 0) + 1;
    if (count > (ELEMENTS_MAX.get(field) ?? 0)) throw new Damage(`too many ${field.name}`);
    this.#elements.set(field, count);
  }

  #scalar(field: DescField, scalar: ScalarType, wireType: WireType): void {
    if (wireType !== wireTypeOf(scalar)) throw new Damage("malformed");
    if (wireType === WireType.Bit64) {
      if (!Number.isFinite(this.#reader.double())) throw new Damage("a number that is not finite");
    } else if (wireType === WireType.LengthDelimited) {
      const end = this.#endOfField(wireType);
      const max = FIELD_BYTES_MAX.get(field) ?? (scalar === ScalarType.STRING ? NAME_BYTES_MAX : Infinity);
      if (end - this.#reader.pos > max) throw new Damage(`${field.name} is too long`);
      this.#reader.pos = end;
    } else {
      this.#reader.skip(wireType);
    }
  }

  /** Where the field of which the tag was read ends; within the record. */
  #endOfField(wireType: WireType): number {
    if (wireType !== WireType.LengthDelimited) throw new Damage("malformed");
    const length = this.#reader.uint32();
    const end = this.#reader.pos + length;
    if (end > this.#reader.len) throw new Damage("truncated");
    return end;
  }
}

function wireTypeOf(scalar: ScalarType): WireType {
  if (scalar === ScalarType.DOUBLE) return WireType.Bit64;
  return scalar === ScalarType.STRING || scalar === ScalarType.BYTES
    ? WireType.LengthDelimited
    : WireType.Varint;
}

const fieldsOfSchemas = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsByNumber(schema: DescMessage): ReadonlyMap<number, DescField> {
  let fields = fieldsOfSchemas.get(schema);
  if (!fields) {
    fields = new Map(schema.fields.map((field) => [field.number, field]));
    fieldsOfSchemas.set(schema, fields);
  }
  return fields;
}
