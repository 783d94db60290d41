/**
 * The load of compose.yaml: a small shop that keeps its data in Redis Cluster, and of which some keys overheat for a
 * while, by reads and by writes. It reports what it does to an agent, as an application does that uses `observe`.
 *
 * Environment:
 *   REDIS_NODES        one node of the cluster or more: `valkey-1:6379,valkey-2:6379`
 *   AGENT_URL          of the agent that takes what it reports
 *   AGENT_TOKEN_FILE   with what that agent asks for
 *   READ_KEY           key that is hot by reads (default: flag:new-checkout)
 *   WRITE_KEY          key that is hot by writes (default: product:4711:stock)
 *   HOT_PER_SECOND     accesses of each of them while it is hot (default: 3000)
 *   QUIET_SECONDS      when they become so for the first time (default: 20)
 *   HOT_SECONDS        for how long they are (default: 60)
 *   PAUSE_SECONDS      how long after that they are again (default: 90)
 */
import { readFileSync } from "node:fs";
import { Cluster } from "ioredis";
import { observe } from "keyheat/client";

const { env } = process;
const READ_KEY = env.READ_KEY || "flag:new-checkout";
const WRITE_KEY = env.WRITE_KEY || "product:4711:stock";
const HOT_PER_SECOND = Number(env.HOT_PER_SECOND || 3_000);
const QUIET_MS = 1000 * Number(env.QUIET_SECONDS || 20);
const HOT_MS = 1000 * Number(env.HOT_SECONDS || 60);
const PAUSE_MS = 1000 * Number(env.PAUSE_SECONDS || 90);

const ORDINARY_PER_SECOND = 1_000;
const USERS = 5_000;
const TICK_MS = 20;
/** A server that is slow or away gets no more before it has answered. */
const UNANSWERED_MAX = 2_000;

const nodes = (env.REDIS_NODES || "127.0.0.1:6379").split(",").map((node) => {
  const at = node.lastIndexOf(":");
  return { host: node.slice(0, at), port: Number(node.slice(at + 1)) };
});
const redis = new Cluster(nodes, { enableOfflineQueue: false });
// Without it an error on a connection would end the process.
redis.on("error", (error) => console.error(`redis: ${error.message}`));
const token = env.AGENT_TOKEN_FILE ? readFileSync(env.AGENT_TOKEN_FILE, "utf8").trim() : undefined;
const agent = { url: env.AGENT_URL || "http://127.0.0.1:9379", token };
const watch = observe(redis, { service: "shop", agent });

let unanswered = 0;
function send(command) {
  unanswered++;
  const isAnswered = () => {
    unanswered--;
  };
  command.then(isAnswered, isAnswered);
}

/** Few users are popular: rank r about as often as 1 / r. */
function anyUser() {
  return Math.floor(USERS ** Math.random());
}

function ordinary() {
  const user = anyUser();
  if (Math.random() < 0.7) send(redis.get(`user:${user}:profile`));
  else send(redis.set(`user:${user}:profile`, '{"plan":"basic"}', "EX", 3600));
}

function isHotAt(elapsedMs) {
  return elapsedMs >= QUIET_MS && (elapsedMs - QUIET_MS) % (HOT_MS + PAUSE_MS) < HOT_MS;
}

const startMs = performance.now();
let lastMs = startMs;
let ordinaryOwed = 0;
let hotOwed = 0;
let wasHot = false;

function tick() {
  const nowMs = performance.now();
  // After a pause of the process the load goes on; it does not catch up.
  const seconds = Math.min(5 * TICK_MS, nowMs - lastMs) / 1000;
  lastMs = nowMs;
  if (redis.status !== "ready" || unanswered > UNANSWERED_MAX) return;
  const isHot = isHotAt(nowMs - startMs);
  if (isHot !== wasHot) console.log(isHot ? `${READ_KEY} and ${WRITE_KEY} overheat` : "all is quiet");
  wasHot = isHot;
  ordinaryOwed += ORDINARY_PER_SECOND * seconds;
  for (; ordinaryOwed >= 1; ordinaryOwed--) ordinary();
  hotOwed += isHot ? HOT_PER_SECOND * seconds : 0;
  for (; hotOwed >= 1; hotOwed--) {
    send(redis.get(READ_KEY));
    send(redis.decr(WRITE_KEY));
  }
}

redis.on("ready", () => send(redis.set(READ_KEY, "on")));
const timer = setInterval(tick, TICK_MS);
console.log(`a shop on ${nodes.length} nodes; the first keys overheat after ${QUIET_MS / 1000} s`);

async function stop() {
  clearInterval(timer);
  await watch.stop();
  redis.disconnect();
}
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
