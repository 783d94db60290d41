import type { MessageInitShape } from "@bufbuild/protobuf";
import { MATCHER_NAMES, type Silence, type SilenceMatchers } from "../model/silence.ts";
import { Damage } from "./decoded.ts";
import type { SilenceMatchersSchema, SilenceSchema, Silence as WireSilence } from "./generated/keyheat_pb.ts";

export function writeSilence(silence: Silence): MessageInitShape<typeof SilenceSchema> {
  const matchers: MessageInitShape<typeof SilenceMatchersSchema> = silence.matchers;
  return { ...silence, matchers };
}

export function readSilence(message: WireSilence): Silence {
  const { id, startsAtMs, endsAtMs, comment, createdBy, createdAtMs } = message;
  const matchers = readMatchers(message);
  return { id, matchers, startsAtMs, endsAtMs, comment, createdBy, createdAtMs };
}

/** One that says nothing we know of would silence everything. */
function readMatchers({ matchers }: WireSilence): SilenceMatchers {
  const known = MATCHER_NAMES.flatMap((name) => {
    const glob = matchers?.[name];
    return glob === undefined ? [] : [[name, glob] as const];
  });
  if (known.length === 0) throw new Damage("a silence without a matcher");
  return Object.fromEntries(known);
}
