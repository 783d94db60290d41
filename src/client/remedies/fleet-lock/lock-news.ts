import { type Clock, systemClock } from "../../../runtime/clock.ts";
import { unrefClock } from "../../unref-clock.ts";
import { LockListener } from "./lock-listener.ts";
import type { OpenSubscription, Subscription } from "./subscription.ts";

/** More locks waited for at once are looked at from time to time. */
const CHANNELS_MAX = 1000;
const IDLE_MS = 10_000;
/** After a connection that was lost or refused, or a subscription that was (by ACL). */
const RETRY_MS = 10_000;

/** A lock's channel, while somebody listens or the server still sends. */
interface Channel {
  readonly listeners: Set<LockListener>;
  isSubscribed: boolean;
  /** Whether somebody is bringing the server's side in line. */
  isServed: boolean;
}

export interface NewsClocks {
  /** For the connection's end. */
  readonly idle?: Clock;
  /** For waits, of which the timers may keep the process alive: a call waits. */
  readonly wait?: Clock;
}

/**
 * Tells who waits for locks that they are free, by pub/sub on one connection a process and remedy. It is opened when
 * first needed, closed after 10 s without need, and where it cannot be had, everybody is deaf and looks by himself.
 */
export class LockNews {
  readonly #open: OpenSubscription | null;
  readonly #clock: Clock;
  readonly #waitClock: Clock;
  readonly #channels = new Map<string, Channel>();
  #subscription: Promise<Subscription> | null = null;
  #deafUntilMs = Number.NEGATIVE_INFINITY;
  #cancelIdle = () => {};
  #isClosed = false;

  constructor(open: OpenSubscription | null, { idle = unrefClock, wait = systemClock }: NewsClocks = {}) {
    this.#open = open;
    this.#clock = idle;
    this.#waitClock = wait;
  }

  /** Does not wait: the listener is deaf at first. */
  listen(name: string): LockListener {
    const listener = new LockListener(this.#waitClock, () => this.#leave(name, listener));
    const channel = this.#channelFor(name);
    if (channel === null) return listener;
    this.#cancelIdle();
    channel.listeners.add(listener);
    if (channel.isSubscribed) listener.hears(true);
    void this.#serve(name, channel);
    return listener;
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  #channelFor(name: string): Channel | null {
    if (this.#open === null || this.#isClosed || this.#clock.monotonic() < this.#deafUntilMs) return null;
    const known = this.#channels.get(name);
    if (known !== undefined || this.#channels.size >= CHANNELS_MAX) return known ?? null;
    const channel: Channel = { listeners: new Set(), isSubscribed: false, isServed: false };
    this.#channels.set(name, channel);
    return channel;
  }

  #leave(name: string, listener: LockListener): void {
    const channel = this.#channels.get(name);
    if (channel?.listeners.delete(listener)) void this.#serve(name, channel);
  }

  /** One step at a time a channel, as drivers are not sure of what overlaps. */
  async #serve(name: string, channel: Channel): Promise<void> {
    if (channel.isServed) return;
    channel.isServed = true;
    const isKnown = () => this.#channels.get(name) === channel;
    const subscription = this.#connected();
    try {
      const connection = await subscription;
      while (isKnown() && channel.isSubscribed !== channel.listeners.size > 0) {
        if (channel.isSubscribed) {
          channel.isSubscribed = false;
          await connection.unsubscribe(name);
        } else {
          await connection.subscribe(name);
          if (!isKnown()) return;
          channel.isSubscribed = true;
          for (const listener of channel.listeners) listener.hears(true);
        }
      }
    } catch {
      this.#lost(subscription);
      return;
    }
    channel.isServed = false;
    if (isKnown() && channel.listeners.size === 0) this.#channels.delete(name);
    if (this.#channels.size === 0) this.#closeWhenIdle();
  }

  #connected(): Promise<Subscription> {
    this.#subscription ??= this.#connect();
    return this.#subscription;
  }

  #connect(): Promise<Subscription> {
    const opening: Promise<Subscription> = (async () => {
      if (this.#open === null) throw new Error("redis: gives no connection for subscriptions");
      return await this.#open({
        onMessage: (name) => {
          for (const listener of this.#channels.get(name)?.listeners ?? []) listener.tell();
        },
        onLost: () => this.#lost(opening),
      });
    })();
    return opening;
  }

  #lost(subscription: Promise<Subscription>): void {
    if (this.#subscription !== subscription) return;
    this.#deafUntilMs = this.#clock.monotonic() + RETRY_MS;
    this.#drop();
  }

  #closeWhenIdle(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#drop());
  }

  /** Who listens is deaf from now on. */
  #drop(): void {
    this.#cancelIdle();
    const subscription = this.#subscription;
    this.#subscription = null;
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const { listeners } of channels) for (const listener of listeners) listener.hears(false);
    subscription?.then(
      (connection) => connection.close(),
      () => {},
    );
  }
}
