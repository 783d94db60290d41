import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partBytes } from "../../../src/model/pane.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { MemoryTransport } from "../../../src/transport/memory.ts";
import type { Message } from "../../../src/transport/transport.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

const PART_BYTES = partBytes(makePart());

function transportOf(fields: { bytesMax?: number; batchBytesMax?: number } = {}) {
  const clock = new SimulatedClock();
  return { clock, transport: new MemoryTransport({ clock, logger: silentLogger, ...fields }) };
}

function books(transport: MemoryTransport) {
  const [stage] = transport.books();
  assert.ok(stage);
  return stage;
}

describe("the in-memory transport", () => {
  it("delivers what is published, in order, and not within publish", async () => {
    const { transport } = transportOf();
    const got: Message[] = [];
    transport.consume((messages) => void got.push(...messages));
    const messages = [makePart(), makeReport(), makePart({ startMs: 1000 })];
    transport.publish(messages);
    assert.deepEqual(got, []);
    await settle();
    await settle();
    assert.deepEqual(got, messages);
    assert.deepEqual(books(transport), { stage: "transport", received: 3, kept: 3, dropped: {} });
    assert.equal(transport.backlogBytes, 0);
  });

  it("keeps what comes before there is a consumer", async () => {
    const { transport } = transportOf();
    transport.publish([makePart()]);
    await settle();
    assert.equal(unaccounted(books(transport)), 1);
    const got: Message[] = [];
    transport.consume((messages) => void got.push(...messages));
    await settle();
    await settle();
    assert.equal(got.length, 1);
  });

  it("gives an early part to the consumer within 2 ms", async () => {
    const transport = new MemoryTransport({ clock: systemClock, logger: silentLogger });
    const delaysMs: number[] = [];
    for (let i = 0; i < 21; i++) {
      const startMs = performance.now();
      await new Promise<void>((resolve) => {
        transport.consume(() => {
          delaysMs.push(performance.now() - startMs);
          resolve();
        });
        transport.publish([makePart({ startMs: i * 1000, closing: false })]);
      });
      await settle();
    }
    // The median, for other processes may take the core in between.
    assert.ok(delaysMs.sort((a, b) => a - b)[10]! < 2, `${delaysMs}`);
  });

  it("waits for the handler before the next batch, and bounds what gathers meanwhile", async () => {
    const { transport } = transportOf({ bytesMax: 4 * PART_BYTES, batchBytesMax: 1 });
    const got: number[] = [];
    let release = () => {};
    transport.consume(async (messages) => {
      got.push(messages.length);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
    transport.publish([makePart({ agent: "first" })]);
    await settle();
    assert.deepEqual(got, [1]);
    for (let i = 0; i < 10; i++) transport.publish([makePart({ agent: `agent-${i}` })]);
    await settle();
    assert.deepEqual(got, [1]);
    assert.ok(transport.backlogBytes <= 4 * PART_BYTES);
    assert.equal(books(transport).dropped["backlog-full"], 7);
    while (transport.backlogBytes > 0) {
      release();
      await settle();
    }
    assert.deepEqual(got, [1, 1, 1, 1]);
    assert.equal(unaccounted(books(transport)), 0);
  });

  it("sends a batch whose handler failed again, unchanged, after a wait", async () => {
    const { clock, transport } = transportOf();
    const tries: (readonly Message[])[] = [];
    transport.consume((messages) => {
      tries.push([...messages]);
      if (tries.length < 3) throw new Error("not now");
    });
    transport.publish([makePart()]);
    await settle();
    assert.equal(tries.length, 1);
    transport.publish([makePart({ startMs: 1000 })]);
    await settle();
    assert.equal(tries.length, 1);
    await clock.pass(1000);
    await settle();
    assert.deepEqual(
      tries.map((batch) => batch.length),
      [1, 1, 1, 1],
    );
    assert.deepEqual(tries[1], tries[0]);
    assert.deepEqual(tries[2], tries[0]);
    assert.equal(books(transport).kept, 2);
  });

  it("delivers what it has when it is closed", async () => {
    const { transport } = transportOf({ batchBytesMax: 1 });
    const got: Message[] = [];
    transport.consume(async (messages) => {
      await settle();
      got.push(...messages);
    });
    transport.publish([makePart(), makePart({ startMs: 1000 }), makePart({ startMs: 2000 })]);
    await transport.close(1000);
    assert.equal(got.length, 3);
    transport.publish([makePart()]);
    assert.deepEqual(books(transport), { stage: "transport", received: 4, kept: 3, dropped: { closed: 1 } });
  });

  it("gives up at the deadline, and counts what was not taken just once", async () => {
    const { clock, transport } = transportOf();
    let release = () => {};
    transport.consume(
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    transport.publish([makePart(), makeReport()]);
    await settle();
    const closed = transport.close(500);
    await clock.pass(500);
    await closed;
    assert.deepEqual(books(transport), { stage: "transport", received: 2, kept: 0, dropped: { closed: 2 } });
    release();
    await settle();
    assert.equal(books(transport).kept, 0);
    assert.equal(transport.backlogBytes, 0);
  });

  it("closes at once where nobody consumes", async () => {
    const { transport } = transportOf();
    transport.publish([makePart()]);
    await transport.close(1000);
    assert.deepEqual(books(transport).dropped, { closed: 1 });
  });
});
