import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BaselineSeries, KeyBaseline } from "../model/baseline.ts";
import type {
  BaselineSeriesSchema,
  KeyBaselineSchema,
  BaselineSeries as WireBaselineSeries,
  KeyBaseline as WireKeyBaseline,
  Level as WireLevel,
} from "./generated/keyheat_pb.ts";
import { HEAT_KINDS, readWord } from "./words.ts";

type Level = BaselineSeries["others"];

export function writeBaselines(series: BaselineSeries): MessageInitShape<typeof BaselineSeriesSchema> {
  const { kind, windowMs, counted, others, keys } = series;
  return { kind, windowMs, counted, others: writeLevel(others), keys: keys.map(writeKey) };
}

export function readBaselines(message: WireBaselineSeries): BaselineSeries {
  const { kind, windowMs, counted, others, keys } = message;
  return {
    kind: readWord(HEAT_KINDS, kind, "total", "kind"),
    windowMs,
    counted,
    others: readLevel(others),
    keys: keys.map(readKey),
  };
}

function writeKey(baseline: KeyBaseline): MessageInitShape<typeof KeyBaselineSchema> {
  const { db, key, dispersion } = baseline;
  return { db, key, level: writeLevel(baseline), dispersion };
}

function readKey({ db, key, level, dispersion }: WireKeyBaseline): KeyBaseline {
  // A view of the key would keep all records of the fetch in memory.
  return { db, key: key.slice(), ...readLevel(level), dispersion };
}

function writeLevel({ mean, lagged }: Level) {
  return { mean, lagged: [...lagged] };
}

function readLevel(message: WireLevel | undefined): Level {
  return { mean: message?.mean ?? 0, lagged: message?.lagged ?? [] };
}
