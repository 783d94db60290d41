/**
 * The usual way: ioredis, `pmessage`, a Map of counts by key.
 *
 * `node ioredis-subscriber.ts PORT`; answers each IPC message with the number of events so far.
 */
import { Redis } from "ioredis";

let events = 0;
const counts = new Map<string, number>();
const redis = new Redis({ port: Number(process.argv[2]), host: "127.0.0.1" });
redis.on("pmessage", (_pattern: string, _channel: string, key: string) => {
  events += 1;
  counts.set(key, (counts.get(key) ?? 0) + 1);
});
process.on("message", () => process.send?.(events));
process.once("disconnect", () => process.exit(0));
await redis.psubscribe("__keyevent@*__:*");
