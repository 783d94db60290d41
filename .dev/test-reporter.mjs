import { Readable } from "node:stream";
import { spec as Spec } from "node:test/reporters";

const COUNT = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

/**
 * Node's `spec` report with the counts at its very end, below the details of what failed, as `# pass N` and `# fail N`:
 * the last lines say how it went.
 */
export default async function* report(events) {
  const counts = [];
  async function* withoutCounts() {
    for await (const event of events) {
      const isCount =
        event.type === "test:diagnostic" && event.data.nesting === 0 && COUNT.test(event.data.message);
      if (isCount) counts.push(event.data.message);
      else yield event;
    }
  }
  yield* Readable.from(withoutCounts()).pipe(new Spec());
  for (const count of counts) yield `# ${count}\n`;
}
