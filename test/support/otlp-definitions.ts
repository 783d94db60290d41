import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { goModule } from "./go-programs.ts";

/** OpenTelemetry's own build of opentelemetry-proto; its Go files hold the compiled definitions. */
const MODULE = "go.opentelemetry.io/proto/otlp@v1.9.0";
/** Each after those that it imports. */
const FILES = [
  "common/v1/common.pb.go",
  "resource/v1/resource.pb.go",
  "metrics/v1/metrics.pb.go",
  "collector/metrics/v1/metrics_service.pb.go",
];
const REQUEST = "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest";

/** Reads requests of OTLP/HTTP by the official definitions. */
export class OtlpDefinitions {
  readonly #registry: FileRegistry;
  readonly #request: DescMessage;

  constructor(files: readonly FileDescriptorProto[]) {
    this.#registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
    const request = this.#registry.getMessage(REQUEST);
    if (request === undefined) throw new Error(`${MODULE} does not define ${REQUEST}`);
    this.#request = request;
  }

  /**
   * A request in protobuf's JSON form: 64-bit integers as text, enums by name, defaults left out.
   *
   * Throws: Error for a field that the definitions do not have, or a value that does not fit its field.
   */
  decode(contentType: string, body: Uint8Array): JsonValue {
    if (contentType.startsWith("application/json")) return this.#fromJson(body);
    if (contentType === "application/x-protobuf") return this.#fromBinary(body);
    throw new Error(`no content type of OTLP/HTTP: ${contentType}`);
  }

  #fromJson(body: Uint8Array): JsonValue {
    const parsed: JsonValue = JSON.parse(Buffer.from(body).toString("utf8"));
    return toJson(this.#request, fromJson(this.#request, parsed));
  }

  #fromBinary(body: Uint8Array): JsonValue {
    const message = fromBinary(this.#request, body);
    const known = toBinary(this.#request, message, { writeUnknownFields: false });
    if (known.length !== toBinary(this.#request, message).length) throw new Error("it has unknown fields");
    return toJson(this.#request, message);
  }
}

/** Gets the definitions; `null` where there is no Go: `t` is skipped then, and with CI=true it fails. */
export async function otlpDefinitions(t: TestContext): Promise<OtlpDefinitions | null> {
  const folder = await goModule(t, MODULE);
  return folder === null ? null : new OtlpDefinitions(FILES.map((name) => descriptorIn(join(folder, name))));
}

/** The serialized descriptor that a file of protoc-gen-go holds as a list of bytes. */
function descriptorIn(path: string): FileDescriptorProto {
  const [, list] = /_rawDesc = \[\]byte\{([^}]*)\}/.exec(readFileSync(path, "utf8")) ?? [];
  if (list === undefined) throw new Error(`no descriptor in ${path}`);
  const bytes = Uint8Array.from(list.match(/0x[0-9a-f]{2}/g) ?? [], Number);
  return fromBinary(FileDescriptorProtoSchema, bytes);
}
