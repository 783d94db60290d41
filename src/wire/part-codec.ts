import type { MessageInitShape } from "@bufbuild/protobuf";
import type { KindCounts } from "../model/access.ts";
import type { PanePart, PaneTotals } from "../model/pane.ts";
import { orAbsent, orNull } from "./absent.ts";
import { readEntries, writeEntries } from "./entries-codec.ts";
import type {
  PaneTotalsSchema,
  Part,
  PartSchema,
  KindCounts as WireKindCounts,
  PaneTotals as WirePaneTotals,
} from "./generated/keyheat_pb.ts";
import { readSlots, writeSlots } from "./slots-codec.ts";
import { isWord, KINDS, readWord, VANTAGES } from "./words.ts";

export function writePart(part: PanePart): MessageInitShape<typeof PartSchema> {
  return {
    agent: part.agent,
    epoch: part.epoch,
    cluster: part.cluster,
    target: part.target,
    vantage: part.vantage,
    startMs: part.startMs,
    lengthMs: part.lengthMs,
    bucket: part.bucket,
    buckets: part.buckets,
    part: part.part,
    closing: part.closing,
    parts: part.parts,
    floor: part.floor,
    total: part.total,
    probability: part.probability,
    watchedShare: part.watchedShare,
    sees: [...part.sees],
    complete: part.complete,
    slots: writeSlots(part.slots),
    totals: part.totals === null ? undefined : writeTotals(part.totals),
    entries: writeEntries(part.entries),
  };
}

function writeTotals({ observed, ran }: PaneTotals): MessageInitShape<typeof PaneTotalsSchema> {
  return { observed, ranRead: orAbsent(ran.read), ranWrite: orAbsent(ran.write) };
}

export function readPart(message: Part): PanePart {
  return {
    type: "part",
    agent: message.agent,
    epoch: message.epoch,
    cluster: message.cluster,
    target: message.target,
    vantage: readWord(VANTAGES, message.vantage, "server-events", "vantage"),
    startMs: message.startMs,
    lengthMs: message.lengthMs,
    bucket: message.bucket,
    buckets: message.buckets,
    part: message.part,
    closing: message.closing,
    parts: message.parts,
    floor: message.floor,
    total: readKindCounts(message.total),
    probability: message.probability ?? 1,
    watchedShare: message.watchedShare ?? 1,
    // A kind that is not known here has no counts here either.
    sees: message.sees.filter((kind) => isWord(KINDS, kind)),
    complete: message.complete,
    slots: readSlots(message.slots),
    totals: message.totals === undefined ? null : readTotals(message.totals),
    entries: readEntries(message.entries),
  };
}

function readTotals({ observed, ranRead, ranWrite }: WirePaneTotals): PaneTotals {
  return { observed: readKindCounts(observed), ran: { read: orNull(ranRead), write: orNull(ranWrite) } };
}

export function readKindCounts(message: WireKindCounts | undefined): KindCounts {
  return { read: message?.read ?? 0, write: message?.write ?? 0, miss: message?.miss ?? 0 };
}
