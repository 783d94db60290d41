import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AddSilenceOptions, addCommand, listCommand, removeCommand } from "../../../src/cli/silence.ts";
import { forgetfulSilences } from "../../../src/incidents/silence-store.ts";
import { LocalSilences } from "../../../src/local-silences.ts";
import { Silences } from "../../../src/notify/silence.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { makeConfig } from "../http/fake-views.ts";
import { startServer } from "../http/requests.ts";

/** The commands, against a server that keeps its silences in memory. */
async function setUp(t: TestContext, token?: string) {
  const kept = new Silences(systemClock, () => {});
  t.after(() => kept.stop());
  const silences = new LocalSilences(kept, forgetfulSilences, systemClock);
  const http = token === undefined ? {} : { auth: { token } };
  const config = makeConfig(http as Parameters<typeof makeConfig>[0]);
  const { address: url } = await startServer(t, { config, silences });
  let out = "";
  let err = "";
  const io = {
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    env: { USER: "ada" },
  };
  const taken = () => {
    const texts = { out, err };
    out = "";
    err = "";
    return texts;
  };
  return {
    silences,
    url,
    add: async (options: Omit<AddSilenceOptions, "url">) => ({
      code: await addCommand({ url, ...options }, io),
      ...taken(),
    }),
    list: async (options: { json?: boolean; tokenFile?: string } = {}) => ({
      code: await listCommand({ url, ...options }, io),
      ...taken(),
    }),
  };
}

test("add prints the id, list shows the silence, remove ends it", async (t) => {
  const { silences, url, add, list } = await setUp(t);
  const added = await add({ key: "sale:*", cluster: "shop", for: "2h", comment: "the sale" });
  assert.equal(added.code, 0);
  const id = added.out.trim();
  assert.match(added.out, /^[0-9a-f-]{36}\n$/);
  const [silence] = silences.list();
  assert.equal(silence?.id, id);
  assert.equal(silence?.createdBy, "ada");
  assert.equal((silence?.endsAtMs ?? 0) - (silence?.startsAtMs ?? 0), 7_200_000);
  const { out } = await list();
  const [head, line] = out.split("\n");
  assert.match(head ?? "", /^ID +STATE +STARTS +ENDS +MATCHES +BY +COMMENT$/);
  assert.match(line ?? "", new RegExp(`^${id} +active .*cluster=shop key=sale:\\* +ada +the sale$`));
  assert.equal(await removeCommand(id, { url }), 0);
  assert.equal((await list()).out, "there are no silences\n");
});

test("list gives JSON in the form of the API", async (t) => {
  const { add, list } = await setUp(t);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await add({ severity: "warning", until, by: "ops" });
  const { silences } = JSON.parse((await list({ json: true })).out);
  assert.equal(silences.length, 1);
  assert.deepEqual(silences[0].matchers, { severity: "warning" });
  assert.equal(silences[0].endsAt, until);
  assert.equal(silences[0].createdBy, "ops");
});

test("what a terminal would take for a command is shown escaped", async (t) => {
  const { add, list } = await setUp(t);
  await add({
    key: "a\u001b[31m\n*",
    rule: "r\u0007",
    for: "1h",
    comment: "one\ntwo\u001b[0m",
    by: "\u202eops",
  });
  const { out } = await list();
  assert.equal(out.split("\n").length, 3, "a line each");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  assert.doesNotMatch(out.replaceAll("\n", ""), /[\u0000-\u001f\u202e]/);
  assert.ok(out.includes(String.raw`key=a\u{1b}[31m\n*`), out);
});

test("bad usage is 2 with the reason, whether it is seen here or by the API", async (t) => {
  const { add } = await setUp(t);
  const cases: readonly (readonly [Omit<AddSilenceOptions, "url">, RegExp])[] = [
    [{ for: "2h" }, /at least one of --cluster, --key/],
    [{ key: "x" }, /--for or --until is needed/],
    [{ key: "x", for: "2 hours" }, /duration: expected a duration/],
    [{ key: "x", until: "tomorrow" }, /endsAt: expected a time such as/],
    [{ key: "x", until: "2020-01-01T00:00:00Z" }, /endsAt: expected a time to come/],
    [{ key: "", for: "2h" }, /matchers\.key: expected a glob/],
  ];
  for (const [options, message] of cases) {
    const { code, err, out } = await add(options);
    assert.equal(code, 2, JSON.stringify(options));
    assert.match(err, message);
    assert.equal(out, "");
  }
});

test("what fails at run time says why", async (t) => {
  const { url } = await setUp(t);
  await assert.rejects(removeCommand("nosuch", { url }), /answered 404: there is no silence of this id/);
  await assert.rejects(
    removeCommand("x", { url: "http://127.0.0.1:1" }),
    /no answer from http:\/\/127\.0\.0\.1:1/,
  );
});

test("the token is read from its file", async (t) => {
  const { url, add, list } = await setUp(t, "s3cret");
  const folder = mkdtempSync(join(tmpdir(), "keyheat-silence-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, "s3cret\n");
  await assert.rejects(add({ key: "x", for: "1h" }), /answered 401: Authorization: expected/);
  const { out } = await add({ key: "x", for: "1h", tokenFile });
  assert.match((await list({ tokenFile })).out, /key=x/);
  assert.equal(await removeCommand(out.trim(), { url, tokenFile }), 0);
});
