import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection, ConnectionStream } from "../../../../../src/client/remedies/tracking/primaries.ts";
import { TrackingLink } from "../../../../../src/client/remedies/tracking/tracking-link.ts";
import { SimulatedClock, settle } from "../../../../support/simulated-clock.ts";

const SETTINGS = { mode: "default", prefixes: [], keyPrefix: Buffer.alloc(0) } as const;

/** Answers everything at once; to PING as a test says. */
class FakeConnection implements Connection {
  readonly stream: ConnectionStream;
  pong: () => Promise<unknown> = () => Promise.resolve("PONG");

  constructor(remoteAddress: string) {
    this.stream = { remoteAddress, remotePort: 6379, destroy: () => {} };
  }

  async connect(): Promise<void> {}
  disconnect(): void {}
  on(): void {}
  async client(): Promise<unknown> {
    return 1;
  }
  async subscribe(): Promise<unknown> {
    return 1;
  }
  ping(): Promise<unknown> {
    return this.pong();
  }
  async callBuffer(): Promise<unknown> {
    return null;
  }
}

function linkOver(connections: readonly FakeConnection[]) {
  const clock = new SimulatedClock();
  const ended: number[] = [];
  const left = [...connections];
  const listener = { onInvalidated: () => {}, onEnded: () => void ended.push(clock.monotonic()) };
  const link = new TrackingLink({ newConnection: () => left.shift()! }, SETTINGS, listener, clock);
  return { link, clock, ended };
}

test("a PING that fails is one without an answer: only when none is answered for long the link ends", async () => {
  const connections = [new FakeConnection("10.0.0.1"), new FakeConnection("10.0.0.1")];
  const { link, clock, ended } = linkOver(connections);
  await link.open();
  const fails = () => Promise.reject(new Error("Command timed out"));
  for (let second = 1; second <= 10; second++) {
    connections[1]!.pong = second % 2 === 0 ? fails : () => Promise.resolve("PONG");
    clock.advance(1000);
    await settle();
  }
  assert.deepEqual(ended, []);
  connections[1]!.pong = fails;
  for (let second = 11; second <= 14; second++) {
    clock.advance(1000);
    await settle();
  }
  assert.deepEqual(ended, [12_000]);
  assert.equal(clock.waiting, 0);
});

test("connections to two servers, as while a name is given to another one, are no link", async () => {
  const { link } = linkOver([new FakeConnection("10.0.0.1"), new FakeConnection("10.0.0.2")]);
  await assert.rejects(link.open(), /connected to two servers/);
  link.end();
});
