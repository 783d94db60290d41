import assert from "node:assert/strict";
import { test } from "node:test";
import type { Incident, Notified } from "../../src/model/incident.ts";
import { Notifier } from "../../src/notify/notifier.ts";
import { createReceivers } from "../../src/notify/receivers/registry.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { startAlertmanager } from "../support/alertmanager.ts";
import { freePort } from "../support/free-port.ts";
import { startKeyheat } from "../support/keyheat.ts";
import { load, startRedis } from "../support/redis.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";
import { waitFor } from "../support/wait.ts";
import { incidentOf } from "../unit/incidents/samples.ts";
import { routeTo } from "../unit/notify/scene.ts";

const HOSTILE = Buffer.from('user:\u202e"<b>\n\x00');

test("a hot key is an alert of Alertmanager until it has cooled, though a replica is down", async (t) => {
  const alertmanager = await startAlertmanager(t);
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "EA"] });
  const downPort = await freePort();
  const keyheat = await startKeyheat(t, {
    redisUrls: [redis.url],
    file: {
      http: { listen: "127.0.0.1:0", externalUrl: "https://keyheat.example" },
      rules: [
        {
          name: "hot",
          type: "rate",
          window: "2s",
          threshold: "100/s",
          keepFiringFor: "2s",
          cooldown: "3s",
        },
      ],
      receivers: [{ name: "am", alertmanager: { urls: [`http://127.0.0.1:${downPort}`, alertmanager.url] } }],
    },
  });
  await keyheat.ready();
  const words = ["set", HOSTILE, "1"] as const;
  const loading = load(redis.port, 5000, () => words, 500);
  const [alert] = await alertmanager.shows(1);
  assert.ok(alert);
  const [incident] = await keyheat.incidents();
  assert.deepEqual(
    { ...alert.labels, severity: "" },
    {
      alertname: "hot",
      severity: "",
      cluster: "default",
      key: 'user:\\u{202e}"<b>\\n\\u{0}',
      db: "0",
      incident: incident?.id,
      source: "keyheat",
    },
  );
  assert.equal(alert.annotations.target, `127.0.0.1:${redis.port}`);
  assert.match(alert.annotations.summary ?? "", /^Hot key user:/);
  assert.match(alert.annotations.description ?? "", /Rate: /);
  assert.equal(alert.generatorURL, `https://keyheat.example/?incident=${incident?.id}`);
  assert.ok(Date.parse(alert.endsAt) - Date.now() > 60_000, "it lapses soon");
  const { text } = await keyheat.get("/readyz");
  assert.match(text, new RegExp(`receiver am: alertmanager 127\\.0\\.0\\.1:${downPort}: delivery failed`));
  await loading;
  await alertmanager.shows(0);
  assert.ok((await alertmanager.received("resolved")) >= 1);
});

test("an alert stays as it is told again, and ends when it is over; a takeover goes on from the logs", async (t) => {
  const alertmanager = await startAlertmanager(t);
  // Ends lie in the past of the real clock, which Alertmanager goes by.
  const clock = new SimulatedClock(Date.now() - 250_000);
  const log: Notified[] = [];
  const begin = () =>
    new Notifier({
      routes: [routeTo(["am"])],
      receivers: createReceivers([{ name: "am", alertmanager: { urls: [alertmanager.url] }, allow: [] }], {
        clock,
        logger: silentLogger,
      }),
      rules: [{ name: "hot-key", cooldown: 3_600_000 }],
      clock,
      logger: silentLogger,
      ledger: new Ledger("notify"),
      onNotified: (_, notified) => log.push(notified),
    });
  const first = begin();
  const incident: Incident = incidentOf({ startedAtMs: clock.now(), firedAtMs: clock.now() });
  first.offer(incident);
  clock.advance(1);
  await alertmanager.shows(1);
  await waitFor("the log", () => log.length === 1);
  const passUntil = (what: string, condition: () => Promise<boolean>) =>
    waitFor(what, async () => {
      clock.advance(1000);
      return await condition();
    });
  const firstMs = clock.now();
  await passUntil("4 sends", async () => (await alertmanager.received("firing")) >= 4);
  assert.ok(clock.now() - firstMs >= 90_000, "it was told more often than each 30 s");
  const [before] = await alertmanager.shows(1);
  await first.close(0);

  const second = begin();
  t.after(() => second.close(0));
  second.offer({ ...incident, notified: [...log], reason: "stale" });
  clock.advance(1);
  await waitFor("another send", async () => (await alertmanager.received("firing")) >= 5);
  const [after] = await alertmanager.shows(1);
  assert.deepEqual(after?.labels, before?.labels);
  assert.ok(Date.parse(after?.endsAt ?? "") > Date.now());
  assert.equal(log.length, 1, "none of it is a notification");

  second.offer({
    ...incident,
    status: "resolved",
    reason: "cooled",
    resolvedAtMs: clock.now(),
    notified: [...log],
  });
  // The end is owed only after the cooldown, but how things are is told before.
  await passUntil("its end", async () => (await alertmanager.alerts()).length === 0);
  assert.equal(log.length, 1);
});
