import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Bounds } from "../model/heat.ts";
import { orAbsent, orNull } from "./absent.ts";
import type { BoundsSchema, Bounds as WireBounds } from "./generated/keyheat_pb.ts";

export function writeBounds({
  estimate,
  lower,
  upper,
  likely,
}: Bounds): MessageInitShape<typeof BoundsSchema> {
  return {
    estimate,
    lower,
    upper: orAbsent(upper),
    likely: likely === null ? undefined : { lower: likely.lower, upper: orAbsent(likely.upper) },
  };
}

/** Of bounds that are absent, nothing was seen and nothing is known. */
export function readBounds(message: WireBounds | undefined): Bounds {
  const likely = message?.likely;
  return {
    estimate: message?.estimate ?? 0,
    lower: message?.lower ?? 0,
    upper: orNull(message?.upper),
    likely: likely === undefined ? null : { lower: likely.lower, upper: orNull(likely.upper) },
  };
}
