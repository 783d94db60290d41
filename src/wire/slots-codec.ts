import type { MessageInitShape } from "@bufbuild/protobuf";
import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";
import { Damage } from "./decoded.ts";
import type { SlotRanges, SlotRangesSchema } from "./generated/keyheat_pb.ts";

export function writeSlots(
  slots: readonly SlotRange[] | null,
): MessageInitShape<typeof SlotRangesSchema> | undefined {
  return slots === null ? undefined : { ends: slots.flat() };
}

export function readSlots(message: SlotRanges | undefined): SlotRange[] | null {
  if (message === undefined) return null;
  const { ends } = message;
  const ranges: SlotRange[] = [];
  for (let i = 0; i < ends.length; i += 2) {
    const first = ends[i]!;
    const last = ends[i + 1] ?? -1;
    if (first > last || last >= SLOT_COUNT) throw new Damage("invalid slots");
    ranges.push([first, last]);
  }
  return ranges;
}
