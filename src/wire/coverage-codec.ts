import type { MessageInitShape } from "@bufbuild/protobuf";
import type { KindCoverage, TargetCoverage } from "../model/coverage.ts";
import { orAbsent, orNull } from "./absent.ts";
import type {
  KindCoverageSchema,
  TargetCoverageSchema,
  KindCoverage as WireKindCoverage,
  TargetCoverage as WireTargetCoverage,
} from "./generated/keyheat_pb.ts";
import { readSource, writeSource } from "./report-codec.ts";
import { isWord, ROLES, readWord, TARGET_STATES, VANTAGES } from "./words.ts";

/** Without its cluster, which it shares with those beside it. */
export function writeTargetCoverage(coverage: TargetCoverage): MessageInitShape<typeof TargetCoverageSchema> {
  const { target, role, state, kinds, sources } = coverage;
  return {
    target,
    role,
    state,
    read: writeKind(kinds.read),
    write: writeKind(kinds.write),
    sources: sources.map(writeSource),
  };
}

export function readTargetCoverage(message: WireTargetCoverage, cluster: string): TargetCoverage {
  return {
    cluster,
    target: message.target,
    // A role that is not known here is not known.
    role: isWord(ROLES, message.role) ? message.role : "unknown",
    state: readWord(TARGET_STATES, message.state, "blind", "state of a target"),
    kinds: { read: readKind(message.read), write: readKind(message.write) },
    sources: message.sources.map(readSource),
  };
}

function writeKind({
  ran,
  observed,
  ratio,
  vantage,
}: KindCoverage): MessageInitShape<typeof KindCoverageSchema> {
  return { ran: orAbsent(ran), observed, ratio: orAbsent(ratio), vantage: orAbsent(vantage) };
}

function readKind(message: WireKindCoverage | undefined): KindCoverage {
  const vantage = message?.vantage;
  return {
    ran: orNull(message?.ran),
    observed: message?.observed ?? 0,
    ratio: orNull(message?.ratio),
    vantage: vantage === undefined ? null : readWord(VANTAGES, vantage, "server-events", "vantage"),
  };
}
