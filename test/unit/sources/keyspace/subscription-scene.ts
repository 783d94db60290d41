import assert from "node:assert/strict";
import { FrameReader } from "../../../../src/sources/keyspace/frames.ts";
import { Subscription, type SubscriptionLoss } from "../../../../src/sources/keyspace/subscription.ts";
import { FakeSocket } from "../../../support/fake-socket.ts";
import { confirmation, keyevent, PONG_MESSAGE } from "../../../support/pubsub-bytes.ts";
import { SimulatedClock } from "../../../support/simulated-clock.ts";

/** What a scene subscribes to. */
export const PATTERNS = ["__keyevent@*__:*", "__keyspace@*__:k*"];
export const KIB = 1024;

/** A subscription to a server that the test plays. */
export class Scene {
  readonly clock = new SimulatedClock();
  readonly sockets: FakeSocket[] = [];
  readonly losses: [SubscriptionLoss["code"], wasUp: boolean][] = [];
  readonly subscription: Subscription;
  events = 0;
  ups = 0;
  reads = 0;

  constructor(login: readonly string[] | null = null) {
    this.subscription = new Subscription({
      login,
      patterns: PATTERNS,
      clock: this.clock,
      connect: (onread) => {
        const socket = new FakeSocket(onread);
        this.sockets.push(socket);
        return socket.socket;
      },
      newReader: (replies) =>
        new FrameReader(
          {
            event: () => {
              this.events++;
            },
            unknownEvent: () => {},
            foreign: () => {},
            endOfRead: () => {},
          },
          replies,
          { keyPlace: "payload", codeOf: () => 1, unknownCode: 0 },
        ),
      onRead: () => {
        this.reads++;
      },
      onUp: () => {
        this.ups++;
      },
      onDown: ({ code }, wasUp) => {
        this.losses.push([code, wasUp]);
      },
    });
  }

  get nowMs(): number {
    return this.clock.monotonic();
  }

  /** The socket of the latest attempt. */
  get socket(): FakeSocket {
    return this.sockets.at(-1) ?? assert.fail("no attempt");
  }

  /** The server takes the latest attempt, and confirms all that is asked. */
  comeUp(): FakeSocket {
    const { socket } = this;
    socket.accept();
    socket.send(...PATTERNS.map((pattern, i) => confirmation("psubscribe", pattern, i + 1)));
    socket.send(PONG_MESSAGE);
    assert.ok(this.subscription.isUp);
    return socket;
  }
}

/** Messages of about `bytes` in all. */
export function events(bytes: number): Buffer {
  const one = keyevent("set", "k".repeat(1000));
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / one.length) }, () => one));
}

/** One small message. */
export const few = keyevent("set", "k");
