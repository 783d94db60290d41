import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FleetProcess } from "../support/fleet.ts";
import { freePort, load, startRedis, waitFor } from "../support/redis.ts";

const HOT = {
  name: "hot",
  type: "rate",
  window: "10s",
  threshold: "100000/s",
  keepFiringFor: "1s",
  cooldown: "0s",
};

test("SIGHUP takes new rules over without losing what was counted, and a bad file leaves them as they are", async (t) => {
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
  const folder = mkdtempSync(join(tmpdir(), "keyheat-reload-"));
  const file = join(folder, "keyheat.yaml");
  const port = await freePort();
  const write = (...rules: object[]) => {
    const config = { targets: [{ url: redis.url }], http: { listen: `127.0.0.1:${port}` }, rules };
    writeFileSync(file, JSON.stringify(config));
  };
  write(HOT);
  const args = ["standalone", "--config", file, "--data-dir", join(folder, "data")];
  const keyheat = new FleetProcess(args, port);
  t.after(async () => {
    await keyheat.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  await keyheat.ready();
  await waitFor("the server to be watched", async () => (await keyheat.targets())[0]?.state === "seen");
  await load(redis.port, 6000, () => ["SET", "sale:1", "v"], 3000);
  await waitFor(
    "the key to be counted",
    async () => ((await keyheat.hotkey("sale:1"))?.count.lower ?? 0) > 0,
  );
  assert.deepEqual(await keyheat.incidents(), []);

  write({ ...HOT, threshold: "lots" });
  await keyheat.signal("SIGHUP");
  await keyheat.says(/the config file is bad, the running rules stay/);
  assert.match(keyheat.output, /rules\[0\]\.threshold: expected a rate above 0/);

  // What was counted before is still in the window: the key has to be touched, not heated again.
  write({ ...HOT, threshold: "50/s" });
  await keyheat.signal("SIGHUP");
  await keyheat.says(/rules were read again/);
  await load(redis.port, 200, () => ["SET", "sale:1", "v"], 200);
  const hot = await waitFor("the key to fire", async () => (await keyheat.incidents())[0]);
  assert.equal(hot.key, "sale:1");

  write({ ...HOT, name: "another", threshold: "100000/s" });
  await keyheat.signal("SIGHUP");
  const over = await waitFor("the incident to end", async () =>
    (await keyheat.incidents()).find(({ status }) => status === "resolved"),
  );
  assert.equal(over.id, hot.id);
  assert.equal(over.reason, "decommissioned", keyheat.output);
});
