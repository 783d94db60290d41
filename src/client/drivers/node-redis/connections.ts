import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { socketTarget } from "../socket-target.ts";
import { WeakList } from "./weak-list.ts";

/** Is told of every connection of node-redis in this process. */
export interface ConnectionWatcher {
  /** The handshake is over, and none of the app's commands have been sent yet. `target`: null for a unix socket. */
  onReady(clientId: string, target: string | null): void;
  onClosed(clientId: string): void;
}

// A listener of the client's own events would do too, if `off` were safe: on a client that its app knows by a proxy,
// taking the last one of ours off takes the app's `error` listeners along.
const READY_CHANNEL = "node-redis:connection:ready";
const CLOSED_CHANNEL = "node-redis:connection:closed";

const watchers = new WeakList<ConnectionWatcher>();
let isSubscribed = false;

/** Tells `watcher` until `stop` is called, or nobody but us holds it any more. Returns: `stop`. */
export function watchConnections(watcher: ConnectionWatcher): () => void {
  watchers.add(watcher);
  if (!isSubscribed) {
    subscribe(READY_CHANNEL, onReady);
    subscribe(CLOSED_CHANNEL, onClosed);
    isSubscribed = true;
  }
  return () => {
    watchers.delete(watcher);
    if (!isSubscribed || watchers.items().length > 0) return;
    unsubscribe(READY_CHANNEL, onReady);
    unsubscribe(CLOSED_CHANNEL, onClosed);
    isSubscribed = false;
  };
}

function onReady(event: unknown): void {
  const { clientId, serverAddress, serverPort } = event as ReadyEvent;
  const target = socketTarget({ remoteAddress: serverAddress, remotePort: serverPort });
  for (const watcher of watchers.items()) watcher.onReady(clientId, target);
}

function onClosed(event: unknown): void {
  const { clientId } = event as ReadyEvent;
  for (const watcher of watchers.items()) watcher.onClosed(clientId);
}

interface ReadyEvent {
  readonly clientId: string;
  /** Not there for a unix socket. */
  readonly serverAddress?: string;
  readonly serverPort?: number;
}
