import type { Authority } from "../model/state-record.ts";
import type { Authority as WireAuthority } from "./generated/keyheat_pb.ts";

/** An authority that is absent has the lowest term: nobody obeys it. */
export function readAuthority(message: WireAuthority | undefined): Authority {
  return {
    cluster: message?.cluster ?? "",
    bucket: message?.bucket ?? 0,
    term: message?.term ?? 0,
    instance: message?.instance ?? "",
  };
}
