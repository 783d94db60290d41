import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../../src/http/errors.ts";
import type { SilenceDesk } from "../../../src/http/silences.ts";
import type { Silence } from "../../../src/model/silence.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { makeConfig, makeIncident, makeViews } from "./fake-views.ts";
import { ask, startServer } from "./requests.ts";

const JSON_TYPE = { "content-type": "application/json" };
const HOUR_MS = 3_600_000;

class FakeDesk implements SilenceDesk {
  readonly silences: Silence[] = [];
  refusal: HttpError | null = null;

  list() {
    return this.silences;
  }

  async add(silence: Silence) {
    if (this.refusal) throw this.refusal;
    this.silences.push(silence);
  }

  async remove(id: string) {
    if (this.refusal) throw this.refusal;
    const index = this.silences.findIndex((silence) => silence.id === id);
    return this.silences.splice(index, index === -1 ? 0 : 1).length > 0;
  }
}

async function setUp(t: Parameters<typeof startServer>[0], http: Parameters<typeof makeConfig>[0] = {}) {
  const desk = new FakeDesk();
  const clock = new SimulatedClock();
  const { address } = await startServer(t, { config: makeConfig(http), silences: desk, clock });
  const url = `${address}/api/v1/silences`;
  const post = (body: unknown, headers: Record<string, string> = JSON_TYPE) =>
    ask(url, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  return { desk, clock, url, post, iso: (afterMs: number) => new Date(clock.now() + afterMs).toISOString() };
}

test("a silence is made, listed with its state, and removed", async (t) => {
  const { desk, clock, url, post, iso } = await setUp(t);
  const made = await post({
    matchers: { cluster: "default", key: "sale:*" },
    endsAt: iso(2 * HOUR_MS),
    comment: "the sale",
    createdBy: "ops",
  });
  assert.equal(made.status, 201);
  const { id } = made.json();
  assert.deepEqual(Object.keys(made.json()), ["id"]);
  const listed = await ask(url);
  assert.deepEqual(listed.json(), {
    silences: [
      {
        id,
        matchers: { cluster: "default", key: "sale:*" },
        startsAt: iso(0),
        endsAt: iso(2 * HOUR_MS),
        comment: "the sale",
        createdBy: "ops",
        createdAt: iso(0),
        state: "active",
      },
    ],
  });
  clock.advance(3 * HOUR_MS);
  assert.equal((await ask(url)).json().silences[0].state, "expired");
  const removed = await ask(`${url}/${id}`, { method: "DELETE" });
  assert.equal(removed.status, 204);
  assert.equal(removed.text, "");
  assert.equal(desk.silences.length, 0);
  const again = await ask(`${url}/${id}`, { method: "DELETE" });
  assert.equal(again.status, 404);
  assert.equal(again.json().error.code, "NOT_FOUND");
});

test("a duration may stand in the place of endsAt, and startsAt may be to come", async (t) => {
  const { desk, url, post, iso, clock } = await setUp(t);
  const made = await post({ matchers: { key: "*" }, startsAt: iso(HOUR_MS), duration: "2h" });
  assert.equal(made.status, 201);
  assert.equal(desk.silences[0]?.startsAtMs, clock.now() + HOUR_MS);
  assert.equal(desk.silences[0]?.endsAtMs, clock.now() + 3 * HOUR_MS);
  assert.equal((await ask(url)).json().silences[0].state, "pending");
});

test("ids are random", async (t) => {
  const { post } = await setUp(t);
  const body = { matchers: { key: "*" }, duration: "1h" };
  const ids = [(await post(body)).json().id, (await post(body)).json().id];
  assert.notEqual(ids[0], ids[1]);
  assert.match(ids[0], /^[0-9a-f-]{36}$/);
});

test("a bad body is refused with the path of what is wrong", async (t) => {
  const { desk, post, iso } = await setUp(t);
  const good = { matchers: { key: "sale:*" }, duration: "2h" };
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [{ ...good, matchers: { kee: "x" } }, "matchers.kee", /did you mean "key"/],
    [{ ...good, until: "x" }, "until", /unknown key/],
    [{ ...good, matchers: {} }, "matchers", /at least one of cluster, key/],
    [{ duration: "2h" }, "matchers", /is missing/],
    [{ ...good, matchers: { key: "" } }, "matchers.key", /not empty/],
    [{ ...good, matchers: { key: 7 } }, "matchers.key", /expected a glob/],
    [{ ...good, matchers: { key: "k".repeat(1025) } }, "matchers.key", /at most 1024 bytes/],
    [{ ...good, comment: "é".repeat(513) }, "comment", /at most 1024 bytes/],
    ['{"matchers":{"key":"\\ud800"},"duration":"2h"}', "matchers.key", /expected a glob/],
    [{ matchers: { key: "x" } }, "endsAt", /is missing/],
    [{ ...good, endsAt: iso(HOUR_MS) }, "duration", /not both/],
    [{ ...good, duration: "2 hours" }, "duration", /expected a duration/],
    [{ ...good, duration: "400d" }, "duration", /366d/],
    [{ matchers: { key: "x" }, endsAt: "tomorrow" }, "endsAt", /expected a time such as/],
    [{ matchers: { key: "x" }, endsAt: "2027-02-29T00:00:00Z" }, "endsAt", /expected a time such as/],
    [{ matchers: { key: "x" }, endsAt: iso(-1) }, "endsAt", /to come/],
    [
      { matchers: { key: "x" }, startsAt: iso(3 * HOUR_MS), endsAt: iso(HOUR_MS) },
      "endsAt",
      /after that of startsAt/,
    ],
    [{ matchers: { key: "x" }, endsAt: iso(400 * 24 * HOUR_MS) }, "endsAt", /at most a year/],
    [{ ...good, startsAt: iso(400 * 24 * HOUR_MS) }, "startsAt", /within a year/],
    [{ ...good, startsAt: iso(-3 * HOUR_MS) }, "duration", /to come/],
    ["[]", "/api/v1/silences", /expected an object/],
    ["{", "/api/v1/silences", /JSON/],
  ];
  for (const [body, path, message] of cases) {
    const reply = await post(body);
    assert.equal(reply.status, 400, JSON.stringify(body));
    const { error } = reply.json();
    assert.equal(error.path, path, JSON.stringify(body));
    assert.match(error.message, message);
    assert.equal(error.code, "BAD_REQUEST");
  }
  assert.equal(desk.silences.length, 0);
});

test("bodies are JSON of at most 16 KiB", async (t) => {
  const { post } = await setUp(t);
  const body = { matchers: { key: "x" }, duration: "2h" };
  assert.equal((await post(body, { "content-type": "text/plain" })).status, 415);
  assert.equal((await post(body, { "content-type": "application/x-www-form-urlencoded" })).status, 415);
  assert.equal((await post("", {})).status, 415);
  assert.equal((await post({ ...body, filler: "x".repeat(16 * 1024) })).status, 413);
  assert.equal((await post(body, { "content-type": "application/json; charset=utf-8" })).status, 201);
});

test("a page of another origin changes nothing, one of this server does", async (t) => {
  const { desk, url, post } = await setUp(t, { externalUrl: "https://keyheat.example/base" });
  const { host } = new URL(url);
  const body = { matchers: { key: "x" }, duration: "2h" };
  const foreign: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://${host}0` },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  for (const headers of foreign) {
    const reply = await post(body, { ...JSON_TYPE, ...headers });
    assert.equal(reply.status, 403, JSON.stringify(headers));
    assert.equal(reply.json().error.code, "CROSS_ORIGIN_REFUSED");
    assert.equal((await ask(`${url}/x`, { method: "DELETE", headers })).status, 403);
  }
  assert.equal(desk.silences.length, 0);
  const own: Record<string, string>[] = [
    {},
    { origin: `http://${host}`, "sec-fetch-site": "same-origin" },
    { origin: "https://keyheat.example" },
  ];
  for (const headers of own) {
    assert.equal((await post(body, { ...JSON_TYPE, ...headers })).status, 201, JSON.stringify(headers));
  }
});

test("with a token set, the token is asked for", async (t) => {
  const { post, url } = await setUp(t, { auth: { token: "s3cret" } } as Parameters<typeof makeConfig>[0]);
  const body = { matchers: { key: "x" }, duration: "2h" };
  assert.equal((await post(body)).status, 401);
  assert.equal((await ask(`${url}/x`, { method: "DELETE" })).status, 401);
  assert.equal((await post(body, { ...JSON_TYPE, authorization: "Bearer s3cret" })).status, 201);
});

test("what cannot be kept is answered as such", async (t) => {
  const { desk, post, url } = await setUp(t);
  desk.refusal = new HttpError(503, "UNAVAILABLE", "Kafka does not take it");
  const reply = await post({ matchers: { key: "x" }, duration: "2h" });
  assert.equal(reply.status, 503);
  assert.deepEqual(reply.json().error, {
    code: "UNAVAILABLE",
    message: "Kafka does not take it",
    path: "/api/v1/silences",
  });
  assert.equal((await ask(`${url}/x`, { method: "DELETE" })).status, 503);
});

test("incidents say whether they are muted just now", async (t) => {
  const incidents = () => [makeIncident({ id: "a" }), makeIncident({ id: "b" })];
  const views = makeViews({ incidents, muted: ({ id }) => (id === "a" ? "silenced" : null) });
  const { address } = await startServer(t, { views });
  const reply = await ask(`${address}/api/v1/incidents`);
  assert.deepEqual(
    reply.json().incidents.map(({ muted }: { muted: unknown }) => muted),
    ["silenced", null],
  );
});
