import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { findBrowser } from "../support/chromium.ts";
import { FleetProcess } from "../support/fleet.ts";
import { freePort, load, startRedis, type TestServer, waitFor } from "../support/redis.ts";

const { browser, skip } = await findBrowser();
after(() => browser?.close());

const HOSTILE = "<img src=x onerror=\"document.title='owned'\">\u202egpj\u0000";
const SHOWN = "<img src=x onerror=\"document.title='owned'\">\\u{202e}gpj\\u{0}";
/** As long as it has to be: what a page shows may come late on a busy machine. */
const SHOWN_WITHIN_MS = 40_000;

/** A standalone in a process of its own, on a server of its own. */
async function start(t: TestContext, http: object = {}) {
  const redis = await startRedis(t, { args: ["--notify-keyspace-events", "AKEm"] });
  const folder = mkdtempSync(join(tmpdir(), "keyheat-console-"));
  const file = join(folder, "keyheat.yaml");
  const port = await freePort();
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "s3cret\n");
  const config = {
    targets: [{ url: redis.url }],
    http: { listen: `127.0.0.1:${port}`, ...("auth" in http ? { auth: { tokenFile } } : {}) },
    // A long window: what is hot stays so for the test.
    windows: ["10s", "5m"],
    rules: [{ name: "hot", type: "rate", window: "5m", threshold: "1/s" }],
  };
  writeFileSync(file, JSON.stringify(config));
  const keyheat = new FleetProcess(
    ["standalone", "--config", file, "--data-dir", join(folder, "data")],
    port,
  );
  t.after(async () => {
    await keyheat.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  await keyheat.ready();
  return { redis, keyheat };
}

/** A page of a browser without history, and what went wrong on it: scripts that failed, and requests to elsewhere. */
async function openPage(t: TestContext, url: string): Promise<{ page: Page; problems: string[] }> {
  assert.ok(browser);
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } });
  t.after(() => context.close());
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
  page.on("dialog", (dialog) => problems.push(`dialog: ${dialog.message()}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/i.test(message.text())) problems.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) problems.push(`request: ${request.url()}`);
  });
  await page.goto(`${url}/`);
  return { page, problems };
}

function says(page: Page, selector: string, pattern: RegExp): Promise<unknown> {
  return waitFor(
    `${selector} to say ${pattern}`,
    async () => {
      const text = await page.locator(selector).textContent({ timeout: 5000 });
      if (text === null || !pattern.test(text)) throw new Error(`it says ${text}`);
      return true;
    },
    SHOWN_WITHIN_MS,
    100,
  );
}

/** For more than one step of an incident's trail. */
async function heat(redis: TestServer): Promise<void> {
  await load(redis.port, 900, () => ["SET", HOSTILE, "v"], 120);
}

test("an incident on a key with a hostile name appears live, as text, and the page says when the server is gone", {
  skip,
}, async (t) => {
  const { redis, keyheat } = await start(t);
  const { page, problems } = await openPage(t, keyheat.url);
  await says(page, "#headline", /^Quiet: nothing fires, and every server is seen\.$/);
  await says(page, "#incidents", /^None is open\.$/);

  const heated = heat(redis);
  await says(page, "#headline", /^1 incident fires\.$/);
  const link = page.locator("#incidents a[data-incident]");
  assert.equal(await link.textContent(), SHOWN);
  await says(page, "#hot-keys td .key", /^<img src=x onerror=/);

  await link.focus();
  await page.keyboard.press("Enter");
  await says(page, "#incident h2", /firing <img src=x onerror=/);
  assert.match(page.url(), /\?incident=\w+/);
  await says(page, "#incident", /Judged by[\s\S]*from 1\/s on[\s\S]*Told\s*log at/);
  await page.locator("#incident svg polyline").waitFor({ state: "attached", timeout: SHOWN_WITHIN_MS });
  await heated;
  // The link of an alert.
  await page.goto(page.url());
  await says(page, "#incident h2", /firing <img src=x onerror=/);

  assert.equal(await page.locator("img").count(), 0);
  assert.doesNotMatch(await page.title(), /owned/);
  assert.deepEqual(problems, []);
  assert.ok(
    (await page.evaluate<number>("document.documentElement.scrollWidth")) <= 320,
    "it is wider than 320 px",
  );

  await keyheat.signal("SIGSTOP");
  await says(page, "#summary", /No longer live since \d\d:\d\d:\d\d\.[\s\S]*fell silent/);
  await keyheat.signal("SIGCONT");
  await says(page, "#headline", /^1 incident fires\.$/);
  await keyheat.signal("SIGKILL");
  await says(page, "#summary", /No longer live since \d\d:\d\d:\d\d\.[\s\S]*what is hot now is not known/);
  assert.deepEqual(problems, []);
});

test("where the API wants a token, the page asks for it, says when it is refused, and tells blind from quiet", {
  skip,
}, async (t) => {
  const { redis, keyheat } = await start(t, { auth: true });
  const { page, problems } = await openPage(t, keyheat.url);
  const enter = async (token: string) => {
    await page.locator("#token-field").fill(token);
    await page.keyboard.press("Enter");
  };
  await says(page, "#headline", /^This server wants a token\.$/);
  await enter("wrong");
  await says(page, "#details", /^The server refuses this token\.$/);
  assert.equal(await page.locator("main").isVisible(), false);
  await enter("s3cret");
  await says(page, "#headline", /^(Quiet|Nothing fires)/);
  await page.goto(`${keyheat.url}/?incident=unknown`);
  await says(page, "#headline", /^(Quiet|Nothing fires)/);
  await says(page, "#incident", /There is no incident unknown here/);
  assert.doesNotMatch(page.url(), /s3cret/);

  await redis.stop();
  await says(page, "#headline", /its only server is not seen: this is not quiet, it is blind\./);
  await says(page, "#coverage", /blind[\s\S]*whether anything is hot there is not known/);
  assert.deepEqual(problems, []);
});
