import assert from "node:assert/strict";
import { type OutgoingHttpHeaders, request } from "node:http";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import type { ServerOptions } from "../../../src/http/server.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import type { SampleBatch } from "../../../src/sources/samples/sample.ts";
import { waitFor } from "../../support/wait.ts";
import { makeConfig } from "./fake-views.ts";
import { askRaw, openSocket, startServer } from "./requests.ts";

const BATCH = { service: "checkout", instance: "pod-7", seq: 1, samples: [{ key: "a", reads: 3 }] };

async function startIngest(t: TestContext, options: Partial<ServerOptions> = {}) {
  const batches: SampleBatch[] = [];
  const samples = {
    take: (batch: SampleBatch) => {
      batches.push(batch);
      return { accepted: batch.samples.length, dropped: 0 };
    },
  };
  const server = await startServer(t, { samples, ...options });
  const books = () => {
    const found = server.books().find(({ stage }) => stage === "ingest");
    assert.ok(found);
    assert.equal(unaccounted(found), 0);
    return found;
  };
  return { url: `${server.address}/v1/samples`, batches, books };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies of every shape
  readonly body: any;
}

function post(url: string, body: string | Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: "POST", agent: false, headers: { "content-type": "application/json", ...headers } },
      async (response) => {
        let text = "";
        for await (const piece of response) text += piece;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

test("a batch is taken, plain and packed, and the answer tells the time", async (t) => {
  const { url, batches, books } = await startIngest(t);
  const beforeMs = Date.now();
  const plain = await post(url, JSON.stringify(BATCH));
  assert.equal(plain.status, 202);
  assert.deepEqual([plain.body.accepted, plain.body.dropped], [1, 0]);
  assert.ok(plain.body.nowMs >= beforeMs && plain.body.nowMs <= Date.now());
  const packed = gzipSync(JSON.stringify(BATCH));
  assert.equal((await post(url, packed, { "content-encoding": "gzip" })).status, 202);
  const withCharset = { "content-type": "application/json; charset=utf-8", "content-encoding": "identity" };
  assert.equal((await post(url, JSON.stringify(BATCH), withCharset)).status, 202);
  assert.deepEqual([batches[0], batches[0]], batches.slice(1));
  assert.deepEqual(books(), { stage: "ingest", received: 3, kept: 3, dropped: {} });
});

test("the first bad field is named, and nothing of the batch is taken", async (t) => {
  const { url, batches, books } = await startIngest(t);
  const samples = [{ key: "a", reads: 1 }, { key: "b" }, { reads: -1 }];
  const bad = await post(url, JSON.stringify({ service: "checkout", samples }));
  assert.equal(bad.status, 400);
  assert.deepEqual([bad.body.error.code, bad.body.error.path], ["BAD_REQUEST", "samples[1]"]);
  const noJson = await post(url, "{");
  assert.deepEqual([noJson.status, noJson.body.error.path], [400, "/v1/samples"]);
  const noUtf8 = await post(url, Buffer.from('{"service":"\xff","samples":[]}', "latin1"));
  assert.deepEqual([noUtf8.status, noUtf8.body.error.message], [400, "expected text in UTF-8"]);
  assert.deepEqual(batches, []);
  assert.deepEqual(books().dropped, { invalid: 3 });
});

test("other types, other encodings and what is no gzip are refused", async (t) => {
  const { url, batches, books } = await startIngest(t);
  const body = JSON.stringify(BATCH);
  const text = await post(url, body, { "content-type": "text/plain" });
  assert.deepEqual([text.status, text.body.error.code], [415, "UNSUPPORTED_MEDIA_TYPE"]);
  assert.equal((await post(url, "", { "content-type": "" })).status, 415);
  assert.equal((await post(url, body, { "content-encoding": "br" })).status, 415);
  assert.equal((await post(url, body, { "content-encoding": "gzip" })).status, 400);
  const half = gzipSync(body).subarray(0, 30);
  assert.equal((await post(url, half, { "content-encoding": "gzip" })).status, 400);
  assert.deepEqual(batches, []);
  assert.deepEqual(books().dropped, { "media-type": 2, encoding: 1, invalid: 2 });
});

test("bodies beyond 1 MiB are refused, as sent and unpacked", async (t) => {
  const { url, batches, books } = await startIngest(t);
  const large = Buffer.alloc(1024 * 1024 + 1, " ");
  assert.equal((await post(url, large)).status, 413);
  // Without a length, it is only found while reading.
  const chunked = await post(url, large, { "transfer-encoding": "chunked" }).catch(() => null);
  assert.ok(chunked === null || chunked.status === 413);
  const bomb = gzipSync(Buffer.alloc(1024 * 1024 * 1024, " "));
  assert.ok(bomb.length < 1024 * 1024 + 65_536);
  const startMs = performance.now();
  const residentBefore = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) {
    const cut = bomb.subarray(0, 1024 * 1024 - i);
    assert.equal((await post(url, cut, { "content-encoding": "gzip" })).status, 413);
  }
  assert.ok(performance.now() - startMs < 10_000, "unpacking did not stop");
  assert.ok(process.memoryUsage().rss - residentBefore < 512 * 1024 * 1024);
  const full = JSON.stringify({ ...BATCH, padding: "x".repeat(1024 * 1024 - 200) });
  assert.equal((await post(url, gzipSync(full), { "content-encoding": "gzip" })).status, 202);
  assert.equal(batches.length, 1);
  assert.equal(books().dropped["too-large"], 22);
});

test("where a token is set, nothing is taken without it", async (t) => {
  const config = makeConfig({ auth: { token: "s3cret" } });
  const { url, batches, books } = await startIngest(t, { config });
  const refused = await post(url, JSON.stringify(BATCH));
  assert.deepEqual([refused.status, refused.body.error.code], [401, "UNAUTHORIZED"]);
  assert.equal(batches.length, 0);
  assert.equal((await post(url, JSON.stringify(BATCH), { authorization: "Bearer s3cret" })).status, 202);
  assert.deepEqual(books().dropped, { unauthorized: 1 });
});

test("there is no ingest where no one takes samples", async (t) => {
  const { address } = await startServer(t);
  assert.equal((await post(`${address}/v1/samples`, JSON.stringify(BATCH))).status, 404);
});

test("bodies on their way have a limit over all connections, and give it back", async (t) => {
  const { url, batches, books } = await startIngest(t, { ingestBytesMax: 1_500_000 });
  const head = "POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
  const slow = openSocket(url);
  slow.on("error", () => {});
  slow.write(`${head}content-length: 1000001\r\n\r\n${" ".repeat(1_000_000)}`);
  const padded = JSON.stringify({ ...BATCH, padding: "x".repeat(900_000) });
  const isBusy = async () => (await post(url, padded).catch(() => null))?.status === 503;
  await waitFor("the limit to be reached", isBusy);
  const busy = await post(url, padded);
  assert.deepEqual([busy.status, busy.body.error.code, busy.headers["retry-after"]], [503, "BUSY", "1"]);
  const small = await post(url, JSON.stringify(BATCH));
  assert.equal(small.status, 202);
  slow.destroy();
  await waitFor("the room to be given back", async () => (await post(url, padded)).status === 202);
  assert.ok(batches.length >= 2);
  await waitFor("the books", () => books().dropped.aborted === 1);
});

test("a body that trickles in is cut, and holds nobody up", async (t) => {
  const { url, batches } = await startIngest(t);
  const socket = openSocket(url);
  const startMs = performance.now();
  socket.write("POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
  socket.write("content-length: 100000\r\n\r\n");
  const drip = setInterval(() => socket.write(" "), 50);
  t.after(() => clearInterval(drip));
  socket.on("error", () => {});
  const closed = new Promise((done) => socket.resume().once("close", done));
  assert.equal((await post(url, JSON.stringify(BATCH))).status, 202);
  await closed;
  const elapsedMs = performance.now() - startMs;
  assert.ok(elapsedMs > 9000 && elapsedMs < 13_000, `cut after ${elapsedMs} ms`);
  assert.equal(batches.length, 1);
});

test("a method that it does not know is refused", async (t) => {
  const { url } = await startIngest(t);
  const answer = await askRaw(
    url,
    "GET /v1/samples HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
  );
  assert.match(answer, /^HTTP\/1\.1 405 [\s\S]*allow: POST/);
});

test("a connection may have 8 requests without an answer, one that floods is cut", async (t) => {
  const { url, batches } = await startIngest(t);
  const body = JSON.stringify(BATCH);
  const head = `POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
  const last = `GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`;
  const answers = await askRaw(url, `${head}\r\n\r\n${body}`.repeat(7) + last);
  assert.equal(answers.split("HTTP/1.1 202 ").length, 8);
  assert.equal(batches.length, 7);
  const flood = openSocket(url);
  flood.on("error", () => {});
  const closed = new Promise((done) => flood.resume().once("close", done));
  flood.write(`${head}\r\n\r\n${body}`.repeat(500));
  await closed;
  // How many came before depends on the pieces in which they were read.
  assert.ok(batches.length < 7 + 500, `${batches.length} batches`);
  assert.equal((await post(url, body)).status, 202);
});
