/**
 * Posts bodies that may be anything to the decoder of samples and to what counts them: `node .dev/fuzz-samples.ts
 * [--inputs 1000000] [--seed N]`. Ends with 1 where something throws, the books do not balance, or memory grows.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { unaccounted } from "../src/runtime/accounting.ts";
import { hostileIntake } from "../test/support/hostile-intake.ts";
import { wholeNumbers } from "../test/support/random.ts";
import { drawBody } from "../test/support/sample-bodies.ts";

const HEAP_GROWTH_MAX = 8 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** What is still held after a collection, in bytes. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const { values } = parseArgs({
  options: { inputs: { type: "string", default: "1000000" }, seed: { type: "string" } },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed ?? (Date.now() % 1_000_000) + 1);
console.log(`${inputs} inputs from seed ${seed}`);
const draw = wholeNumbers(seed);
const intake = hostileIntake();
let heldAtHalf = 0;
for (let i = 0; i < inputs; i++) {
  const body = drawBody(draw);
  try {
    intake.take(body);
  } catch (error) {
    const file = join(tmpdir(), `samples-${seed}-${i}.body`);
    writeFileSync(file, body);
    console.error(`input ${i}, written to ${file}`);
    throw error;
  }
  if (i === Math.floor(inputs / 2)) heldAtHalf = heldBytes();
}
const grown = heldBytes() - heldAtHalf;
const { valid, invalid, problems, parts, books, bytesUsed, bytesMax } = intake.summary();
console.log(`${valid} taken, ${invalid} refused, ${parts} parts`);
for (const [message, count] of [...problems].sort(([, a], [, b]) => b - a))
  console.log(`  ${count}  ${message}`);
console.log(`samples: ${JSON.stringify(books)}`);
console.log(`memory held: ${(grown / 2 ** 20).toFixed(1)} MiB more in the second half`);
const failures = [
  valid + invalid === inputs ? null : "not every input was taken or refused",
  unaccounted(books) === 0 ? null : "the books do not balance",
  bytesUsed <= bytesMax ? null : "the panes took more memory than they may",
  grown <= HEAP_GROWTH_MAX ? null : "memory grew",
].filter((failure) => failure !== null);
for (const failure of failures) console.error(failure);
process.exitCode = failures.length > 0 ? 1 : 0;
