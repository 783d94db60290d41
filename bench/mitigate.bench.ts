import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { HotSetAgent } from "../test/support/hot-set-agent.ts";
import { startRedis } from "../test/support/redis.ts";
import { HOT_KEY, MITIGATE_WAYS, type MitigateWay } from "./support/mitigate-ways.ts";
import { spreadCell } from "./support/report.ts";
import { runBench } from "./support/run-bench.ts";
import { median } from "./support/statistics.ts";

const GETS = 100_000;
const ROUNDS = 9;
const WARM_UP_ROUNDS = 5;
/** Of a GET that the server answers: a look into a map, and a look at each command that is sent. */
const GOAL_MORE_US = 0.5;

const TITLES: Readonly<Record<MitigateWay, string>> = {
  plain: "GET",
  observed: "observe()",
  "not leased": "mitigate, the key is not leased",
  leased: "mitigate, the key is leased",
};

await runBench("mitigate", async (bench) => {
  await using server = await startRedis(null);
  const agent = new HotSetAgent();
  agent.leases = [{ key: HOT_KEY, leftMs: 600_000 }];
  await agent.start();
  const apps: ChildProcess[] = [];
  for (const way of MITIGATE_WAYS) apps.push(await start(way, server.port, agent.url));
  const figures = apps.map((): number[] => []);
  const rounds = bench.isQuick ? 3 : ROUNDS;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (let turn = 0; turn < apps.length; turn++) {
      // A different one first in each round.
      const index = (((turn + round) % apps.length) + apps.length) % apps.length;
      const microseconds = await gets(apps[index]!);
      if (round >= 0) figures[index]!.push(microseconds);
    }
    bench.progress(`round ${round + 1} of ${rounds}`);
  }
  for (const app of apps) app.disconnect();
  await agent.stop();
  bench.table({
    title: "CPU of a GET of ioredis, with mitigate",
    load: `${GETS} GETs of one key by 50 callers, each way in a process of its own, in turn; medians of ${rounds} rounds with their quartiles`,
    columns: ["", "CPU us a GET", "ratio to GET"],
    rows: MITIGATE_WAYS.map((way, index) => [
      TITLES[way],
      spreadCell(figures[index]!, 2),
      spreadCell(ratios(figures[index]!, figures[0]!), 3),
    ]),
  });
  const more = median(figures[2]!) - median(figures[1]!);
  bench.goal({
    what: `a GET of a key that is not leased costs at most ${GOAL_MORE_US} us more than without mitigate`,
    holds: more <= GOAL_MORE_US,
    measured: `${more.toFixed(2)} us more`,
  });
});

function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((microseconds, round) => microseconds / to[round]!);
}

async function start(way: MitigateWay, port: number, agent: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("support/mitigate-process.ts", import.meta.url));
  const app = fork(script, [way, String(port), agent]);
  await once(app, "message");
  return app;
}

async function gets(app: ChildProcess): Promise<number> {
  app.send(GETS);
  const [microseconds] = await once(app, "message");
  return microseconds as number;
}
