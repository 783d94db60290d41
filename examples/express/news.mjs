// @ts-check
/**
 * A news site: Express, node-redis, and the remedies of Keyheat where keys run hot.
 *
 * Environment: REDIS_URL (redis://127.0.0.1:6379), PORT (3000; 0: a free one), KEYHEAT_AGENT (none), such as
 * http://127.0.0.1:9379.
 */
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { HotSet, LocalCache, observe, ShardedCounter, ShardedSet, StampedeLock } from "keyheat/client";
import { createClient } from "redis";

const redisUrl = process.env.REDIS_URL || "redis://127.0.0.1:6379";
const port = Number(process.env.PORT || 3000);
const agent = process.env.KEYHEAT_AGENT || undefined;

const redis = createClient({
  url: redisUrl,
  // While Redis is away a request is to fail at once. By default commands wait until it is back.
  disableOfflineQueue: true,
  socket: {
    // A server that has not answered for so long is as good as away; the pings give it something to answer.
    socketTimeout: 3000,
    // Without this the client would give up for good after such a timeout.
    reconnectStrategy: (retries) => Math.min(100 * 2 ** retries, 2000),
  },
  pingInterval: 1000,
});
redis.on("error", (error) => console.warn(`redis is away: ${reasonOf(error)}`));

const observation = observe(redis, { service: "news", agent });
const hotSet = agent === undefined ? undefined : new HotSet({ agent });

/** Articles that are hot in this process, or by the agent's word in the whole fleet, are read once a second. */
const articles = new LocalCache(redis, { ttlMs: 1000, hotThreshold: 100, hotSet, observation });

/** Made by one process of all, while the others wait for it. */
const reports = new StampedeLock(redis, { lockTtlMs: 10_000, waitMs: 5000 });

const views = new ShardedCounter(redis, "views", { shards: 32 });
const readers = new ShardedSet(redis, "readers", { shards: 16 });

const app = express();
app.use(express.json());

app.get("/articles/:id", async (request, response) => {
  const article = await articles.get(`article:${request.params.id}`);
  if (article === null) response.status(404).json({ error: `there is no article ${request.params.id}` });
  else response.type("application/json").send(article);
});

app.put("/articles/:id", async (request, response) => {
  // Not redis.set: this process would go on showing the old article for up to 1.2 s.
  await articles.set(`article:${request.params.id}`, JSON.stringify(request.body));
  response.sendStatus(204);
});

/** The page calls it when it is shown. */
app.post("/views", async (_request, response) => {
  await views.increment();
  response.sendStatus(204);
});

app.get("/views", async (_request, response) => {
  response.json({ views: Number(await views.total()) });
});

app.get("/trends", async (_request, response) => {
  const report = await reports.get("report:trends", makeTrends, { ttlMs: 60_000 });
  response.type("application/json").send(report);
});

app.put("/readers/:name", async (request, response) => {
  await readers.add(request.params.name);
  response.sendStatus(204);
});

app.delete("/readers/:name", async (request, response) => {
  await readers.remove(request.params.name);
  response.sendStatus(204);
});

app.get("/readers", async (_request, response) => {
  response.json({ readers: await readers.size() });
});

/** For the operator: what is hot, and what the remedies have done. */
app.get("/stats", (_request, response) => {
  response.json({
    hottest: observation.topKeys(10),
    cache: articles.stats,
    reports: reports.stats,
    hotSet: hotSet?.state ?? "off",
  });
});

/** @type {import("express").ErrorRequestHandler} Express knows it by its four parameters. */
const answerError = (error, _request, response, next) => {
  // Such as a body that is no JSON, or a response that has begun: Express answers that.
  if (response.headersSent || error.status < 500) return next(error);
  console.error(`a request failed: ${reasonOf(error)}`);
  if (redis.isReady) return response.status(500).json({ error: "something went wrong here" });
  response.status(503).set("retry-after", "1").json({ error: "Redis is away, try again in a moment" });
};
app.use(answerError);

let reportsMade = 0;

/**
 * Stands for a query that keeps a database busy.
 *
 * @param {import("keyheat/client").ComputeContext} context
 */
async function makeTrends({ signal }) {
  await sleep(500, undefined, { signal });
  reportsMade += 1;
  return JSON.stringify({ trends: ["weather", "football"], madeBy: `${process.pid}#${reportsMade}` });
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof AggregateError ? error.errors.join(", ") : String(error);
}

// It goes on trying until Redis is there; what it says meanwhile comes as "error" above.
const connecting = redis.connect().catch(() => {});

const server = app.listen(port, "127.0.0.1", (error) => {
  if (error) throw error;
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`listening at http://127.0.0.1:${address.port}`);
});

async function close() {
  // Requests under way are answered first.
  await new Promise((resolve) => server.close(resolve));
  await observation.stop();
  hotSet?.close();
  articles.close();
  reports.close();
  redis.destroy();
  await connecting;
}

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, close);
