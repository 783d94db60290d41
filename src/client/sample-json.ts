import { keyTextOf } from "./key-text.ts";
import type { TallyRow } from "./tally-row.ts";

/** What the agent takes of a count, and of bytes. */
const COUNT_MAX = 2 ** 31;
const BYTES_MAX = 2 ** 40;

/** One element of a batch's `samples`. By hand, as there are thousands of them in each second. */
export function sampleJson(row: TallyRow, probability: number): string {
  const { key, keyEncoding } = keyTextOf(row);
  const { target, db } = row.place;
  let json = `{"${keyEncoding === "utf8" ? "key" : "keyBase64"}":${JSON.stringify(key)}`;
  if (db !== 0) json += `,"db":${db}`;
  if (target !== null) json += `,"target":${JSON.stringify(target)}`;
  if (probability !== 1) json += `,"probability":${probability}`;
  json += `,"reads":${count(row.reads)}`;
  if (row.writes > 0) json += `,"writes":${count(row.writes)}`;
  if (row.misses > 0) json += `,"misses":${count(row.misses)}`;
  if (row.absorbed > 0) json += `,"absorbed":${count(row.absorbed)}`;
  if (row.bytes > 0) json += `,"bytes":${Math.min(BYTES_MAX, Math.round(row.bytes))}`;
  return `${json}${commandsJson(row)}}`;
}

function count(value: number): number {
  return Math.min(COUNT_MAX, value);
}

function commandsJson(row: TallyRow): string {
  let json = "";
  for (const [name, times] of row.commands()) {
    json += `${json === "" ? "" : ","}${JSON.stringify(name)}:${count(times)}`;
  }
  return json === "" ? "" : `,"commands":{${json}}`;
}
