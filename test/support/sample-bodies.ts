/** Bodies of samples that may be anything: valid ones, changed byte by byte and field by field. */

type Draw = (below: number) => number;

const KEYS = ["user:1", "", "ключ", "{tag}:a", "k".repeat(2000), "__proto__", "a\u0000b", "\ud800"];
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  "",
  "1",
  "x".repeat(300),
  "\u0007",
  -1,
  -0,
  0.5,
  1e308,
  2 ** 31,
  2 ** 31 + 1,
  2 ** 53,
  2 ** 64,
  [],
  {},
  [[[[]]]],
  { __proto__: { a: 1 } },
  "////",
  "=",
];
const FIELDS = ["service", "instance", "seq", "startMs", "endMs", "goodbye", "probability", "samples"];
const SAMPLE_FIELDS = [
  "key",
  "keyBase64",
  "db",
  "target",
  "probability",
  "reads",
  "writes",
  "misses",
  "absorbed",
  "bytes",
  "commands",
];
/** Texts that mean something to a parser of JSON. */
const TOKENS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\",
  "\\u",
  "1e999",
  "-",
  "null",
  '"__proto__":{},',
  "\u00e9",
];

/** One body: mostly near the border between valid and not. */
export function drawBody(draw: Draw): Buffer {
  const batch = drawBatch(draw);
  if (draw(3) === 0) spoilField(batch, FIELDS, draw);
  const { samples } = batch;
  if (draw(3) === 0 && Array.isArray(samples) && samples.length > 0) {
    spoilField(samples[draw(samples.length)], SAMPLE_FIELDS, draw);
  }
  let text = JSON.stringify(batch);
  if (draw(4) === 0) text = spliced(text, draw);
  if (draw(40) === 0) text = "[".repeat(draw(100_000)) + text;
  const bytes = Buffer.from(text, "utf8");
  return draw(3) === 0 ? withChangedBytes(bytes, draw) : bytes;
}

function drawBatch(draw: Draw): Record<string, unknown> {
  const batch: Record<string, unknown> = {
    service: `service-${draw(draw(100) === 0 ? 5000 : 900)}`,
    samples: Array.from({ length: draw(6) }, () => drawSample(draw)),
  };
  if (draw(4) > 0)
    Object.assign(batch, { instance: `pod-${draw(draw(100) === 0 ? 50_000 : 15)}`, seq: draw(200) });
  const endMs = 1_700_000_000_000 + draw(200_000) - 100_000;
  if (draw(4) > 0) Object.assign(batch, { startMs: endMs - draw(10_000), endMs });
  if (draw(8) === 0) batch.goodbye = draw(2) === 0;
  if (draw(8) === 0) batch.probability = 1 / (1 + draw(1000));
  return batch;
}

function drawSample(draw: Draw): Record<string, unknown> {
  const key = draw(2) === 0 ? `key:${draw(100_000)}` : KEYS[draw(KEYS.length - 1)]!;
  const sample: Record<string, unknown> =
    draw(4) === 0 ? { keyBase64: Buffer.from(key).toString("base64") } : { key };
  for (const name of ["reads", "writes", "misses", "absorbed", "bytes"]) {
    if (draw(2) === 0) sample[name] = draw(2) === 0 ? draw(50) : draw(2 ** 31);
  }
  if (draw(4) === 0) sample.db = draw(16);
  if (draw(4) === 0) sample.target = `10.0.0.${draw(9)}:6379`;
  if (draw(8) === 0) sample.probability = 1 / 2 ** draw(21);
  if (draw(3) === 0) sample.commands = { get: draw(50), [`c${draw(1000)}`]: draw(50) };
  return sample;
}

function spoilField(holder: Record<string, unknown>, fields: readonly string[], draw: Draw): void {
  const field = fields[draw(fields.length)]!;
  if (draw(4) === 0) delete holder[field];
  else holder[field] = ODD_VALUES[draw(ODD_VALUES.length)];
}

function spliced(text: string, draw: Draw): string {
  const from = draw(text.length);
  const to = Math.min(text.length, from + draw(8));
  return text.slice(0, from) + TOKENS[draw(TOKENS.length)] + text.slice(to);
}

function withChangedBytes(bytes: Buffer, draw: Draw): Buffer {
  const changed = bytes.length > 0 && draw(4) === 0 ? bytes.subarray(0, draw(bytes.length)) : bytes;
  for (let i = draw(4); i >= 0 && changed.length > 0; i--) {
    changed[draw(changed.length)] = draw(draw(2) === 0 ? 128 : 256);
  }
  return changed;
}
