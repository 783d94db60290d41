// @ts-check
/**
 * A shop: Fastify, ioredis, and the remedies of Keyheat where keys run hot.
 *
 * Environment: REDIS_URL (redis://127.0.0.1:6379), PORT (3000; 0: a free one), KEYHEAT_AGENT (none), such as
 * http://127.0.0.1:9379.
 */
import { setTimeout as sleep } from "node:timers/promises";
import fastify from "fastify";
import { Redis } from "ioredis";
import { EarlyRefresh, HotSet, LocalCache, observe, ShardedCounter, ShardedSet } from "keyheat/client";

const redisUrl = process.env.REDIS_URL || "redis://127.0.0.1:6379";
const port = Number(process.env.PORT || 3000);
const agent = process.env.KEYHEAT_AGENT || undefined;

const app = fastify({
  logger: true,
  disableRequestLogging: true,
  // So long the connection of a last request holds up a shutdown; the default is 72 s.
  keepAliveTimeout: 5000,
});

const redis = new Redis(redisUrl, {
  // While Redis is away a request is to fail at once. By default commands wait until it is back.
  enableOfflineQueue: false,
  // No command is sent a second time by itself: a view would count twice.
  maxRetriesPerRequest: 0,
  // A server that has not answered for so long is as good as away.
  socketTimeout: 3000,
});
redis.on("error", (error) => app.log.warn({ err: error }, "redis is away"));

const observation = observe(redis, { service: "shop", agent });
const hotSet = agent === undefined ? undefined : new HotSet({ agent });

/** Products that are hot in this process, or by the agent's word in the whole fleet, are read once a second. */
const products = new LocalCache(redis, {
  ttlMs: 1000,
  hotThreshold: 100,
  hotSet,
  tracking: true,
  observation,
});

/** Renewed in the background before its minute is over, by one process of all. */
const reports = new EarlyRefresh(redis, {
  ttlMs: 60_000,
  fleet: true,
  onError: (error, key) => app.log.error({ err: error, key: String(key) }, "a report could not be renewed"),
});

const views = new ShardedCounter(redis, "views", { shards: 32 });
const online = new ShardedSet(redis, "online", { shards: 16 });

app.get("/products/:id", async (request, reply) => {
  const { id } = /** @type {{ id: string }} */ (request.params);
  const product = await products.get(`product:${id}`);
  if (product === null) return reply.code(404).send({ error: `there is no product ${id}` });
  return reply.type("application/json").send(product);
});

app.put("/products/:id", async (request, reply) => {
  const { id } = /** @type {{ id: string }} */ (request.params);
  // Not redis.set: this process would go on showing the old product for up to 1.2 s.
  await products.set(`product:${id}`, JSON.stringify(request.body));
  return reply.code(204).send();
});

/** The page calls it when it is shown. */
app.post("/views", async (_request, reply) => {
  await views.increment();
  return reply.code(204).send();
});

app.get("/views", async () => ({ views: Number(await views.total()) }));

app.get("/bestsellers", async (_request, reply) => {
  const report = await reports.get("report:bestsellers", makeBestsellers);
  return reply.type("application/json").send(report);
});

app.put("/online/:user", async (request, reply) => {
  const { user } = /** @type {{ user: string }} */ (request.params);
  await online.add(user);
  return reply.code(204).send();
});

app.delete("/online/:user", async (request, reply) => {
  const { user } = /** @type {{ user: string }} */ (request.params);
  await online.remove(user);
  return reply.code(204).send();
});

app.get("/online", async () => ({ online: await online.size() }));

/** For the operator: what is hot, and what the remedies have done. */
app.get("/stats", async () => ({
  hottest: observation.topKeys(10),
  cache: products.stats,
  reports: reports.stats,
  hotSet: hotSet?.state ?? "off",
}));

app.setErrorHandler(async (thrown, _request, reply) => {
  const error = /** @type {import("fastify").FastifyError} */ (thrown);
  // Such as a body that is no JSON: Fastify answers that.
  if (error.statusCode !== undefined && error.statusCode < 500) return reply.send(error);
  app.log.error({ err: error }, "a request failed");
  // Not by redis.status, which is "ready" for a moment after the connection has died.
  const isRedisThere = await redis.ping().then(Boolean, () => false);
  if (isRedisThere) return reply.code(500).send({ error: "something went wrong here" });
  return reply.code(503).header("retry-after", "1").send({ error: "Redis is away, try again in a moment" });
});

let reportsMade = 0;

/**
 * Stands for a query that keeps a database busy.
 *
 * @param {import("keyheat/client").ComputeContext} context
 */
async function makeBestsellers({ signal }) {
  await sleep(500, undefined, { signal });
  reportsMade += 1;
  return JSON.stringify({ bestsellers: ["lamp", "chair"], madeBy: `${process.pid}#${reportsMade}` });
}

// After the last request was answered.
app.addHook("onClose", async () => {
  await observation.stop();
  hotSet?.close();
  products.close();
  reports.close();
  redis.disconnect();
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => app.close());

await app.listen({ port, host: "127.0.0.1" });
