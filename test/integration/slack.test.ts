import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { load, startRedis, waitFor } from "../support/redis.ts";
import { startWebhook } from "../support/webhook.ts";
import { checkSlackMessage } from "../unit/notify/receivers/slack-limits.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

describe("a standalone with Slack and a watchdog", () => {
  it("posts a page with the whole picture, while the watchdog is called", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const slack = await startWebhook(t, () => ({ status: 200, body: "ok" }));
    const watchdog = await startWebhook(t);
    const keyheat = await startKeyheat(t, {
      redisUrls: [server.url],
      file: {
        http: { listen: "127.0.0.1:0", externalUrl: "https://keyheat.example" },
        receivers: [{ name: "ops", slack: { url: slack.url } }],
        routes: [{ receivers: ["ops"], groupWait: "0s" }],
        watchdog: { url: watchdog.url, every: "1s" },
      },
    });
    await keyheat.ready();
    await watchdog.received(2);

    await load(server.port, 1000, () => ["INCR", "views:<!channel>"], 1000);
    const [page] = await slack.received(1);
    const body = String(page?.body);
    const { blocks = [] } = checkSlackMessage(body);
    assert.match(
      blocks[0]?.text?.text ?? "",
      /^🟠 Warning: Hot key views:&lt;!channel&gt; in default: .*\/s$/,
    );
    for (const expected of [
      "*Key*\\n`views:&lt;!channel&gt;`",
      "*Commands*\\n`incrby 100%`",
      `*Node*\\n\`127.0.0.1:${server.port}\``,
      "<https://keyheat.example/docs/advice#sharded-counter|sharded-counter>",
    ]) {
      assert.ok(body.includes(expected), `${expected} in ${body}`);
    }
    const advice = await fetch(`${keyheat.standalone.url}/docs/advice`);
    assert.match(await advice.text(), /^## sharded-counter$/m);
  });

  it("does not call the watchdog while a receiver fails", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    let status = 500;
    const slack = await startWebhook(t, () => ({ status, body: "error" }));
    const watchdog = await startWebhook(t);
    const keyheat = await startKeyheat(t, {
      redisUrls: [server.url],
      file: {
        receivers: [{ name: "ops", slack: { url: slack.url } }],
        routes: [{ receivers: ["ops"], groupWait: "0s" }],
        watchdog: { url: watchdog.url, every: "1s" },
      },
    });
    await keyheat.ready();
    await watchdog.received(1);
    await load(server.port, 1000, () => ["SET", "hot", "v"], 1000);
    await slack.received(2);
    const called = watchdog.requests.length;
    await slack.received(4);
    assert.ok(watchdog.requests.length <= called + 1, "one call may have been on its way");
    status = 200;
    await waitFor("the calls to go on", () => watchdog.requests.length > called + 1);
  });
});
