import type { FastifyInstance } from "fastify";
import type { Lease } from "../model/hot-set.ts";
import { showKey } from "../model/key.ts";
import type { StageBooks } from "../runtime/accounting.ts";
import type { Clock } from "../runtime/clock.ts";
import { beginEvents, refuseIfFull } from "./event-stream.ts";
import { Query } from "./query.ts";
import { eventOf, Stream } from "./stream.ts";

/** Every observed application of a host may listen. */
const STREAM_OPTIONS = { clientsMax: 4096, unreadBytesMax: 1024 * 1024 };
const HEARTBEAT_MS = 15_000;
/** Events of all clusters go to everybody. */
const ALL = "";

/** A lease with the cluster that it is of. */
export interface ClusterLease extends Lease {
  readonly cluster: string;
}

/** The hot sets of all clusters, as this process knows them. */
export interface HotSetView {
  leases(): readonly ClusterLease[];
  /** Calls `listener` after each change; the returned function ends it. */
  onChange(listener: () => void): () => void;
}

export interface HotSetStream {
  books(): StageBooks;
  close(): void;
}

/** `GET /v1/hotset`: server-sent events, `snapshot` first, then an `update` for each change. */
export function addHotSet(
  app: FastifyInstance,
  { hotSet, clock }: { hotSet: HotSetView; clock: Clock },
): HotSetStream {
  const stream = new Stream(STREAM_OPTIONS, "hotset");
  let told = byIdentity(hotSet.leases());
  const stopChanges = hotSet.onChange(() => {
    const next = byIdentity(hotSet.leases());
    const update = changesOf(told, next);
    told = next;
    if (update !== null) stream.send(eventOf("update", update));
  });
  const beat = () => {
    stream.heartbeat();
    cancelBeat = clock.after(HEARTBEAT_MS, beat);
  };
  let cancelBeat = clock.after(HEARTBEAT_MS, beat);
  app.get("/v1/hotset", { exposeHeadRoute: false }, (request, reply) => {
    new Query(request.query, []);
    refuseIfFull(stream);
    const keys = [...told.values()].map(leaseJson);
    stream.open(beginEvents(reply), ALL, [eventOf("snapshot", { version: 1, keys })]);
  });
  return {
    books: () => stream.books(),
    close: () => {
      stopChanges();
      cancelBeat();
      stream.close();
    },
  };
}

function byIdentity(leases: readonly ClusterLease[]): ReadonlyMap<string, ClusterLease> {
  return new Map(leases.map((lease) => [JSON.stringify(identityJson(lease)), lease]));
}

/** `null`: they are the same. */
function changesOf(before: ReadonlyMap<string, ClusterLease>, after: ReadonlyMap<string, ClusterLease>) {
  const isKnown = (id: string, { leaseUntilMs, remedies }: ClusterLease) => {
    const known = before.get(id);
    return known?.leaseUntilMs === leaseUntilMs && known.remedies.join() === remedies.join();
  };
  const add = [...after].filter(([id, lease]) => !isKnown(id, lease)).map(([, lease]) => leaseJson(lease));
  const remove = [...before].filter(([id]) => !after.has(id)).map(([, lease]) => identityJson(lease));
  return add.length + remove.length === 0 ? null : { add, remove };
}

function identityJson({ cluster, db, key }: ClusterLease) {
  const { key: text, keyEncoding } = showKey(key);
  return { cluster, db, key: text, keyEncoding };
}

function leaseJson(lease: ClusterLease) {
  const { leaseUntilMs, remedies, ratePerSecond } = lease;
  return {
    ...identityJson(lease),
    leaseUntil: new Date(leaseUntilMs).toISOString(),
    remedies,
    ratePerSecond,
  };
}
