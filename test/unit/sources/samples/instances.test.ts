import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Instances } from "../../../../src/sources/samples/instances.ts";
import type { SampleBatch } from "../../../../src/sources/samples/sample.ts";
import { sample, T0 } from "./scene.ts";

const SAMPLE = sample("user:1", { reads: 1 });

function batch(fields: Partial<SampleBatch> = {}): SampleBatch {
  return {
    service: "checkout",
    instance: "pod-1",
    seq: 0,
    span: null,
    goodbye: false,
    samples: [SAMPLE],
    ...fields,
  };
}

/** A batch of second `second`, as a reporter numbers them. */
function second(seq: number, at = seq): SampleBatch {
  return batch({ seq, span: { startMs: T0 + at * 1000, endMs: T0 + (at + 1) * 1000 } });
}

function statesOf(instances: Instances, nowMs: number) {
  return Array.from(
    instances.states(nowMs),
    ({ clusters: _, returnedMs: __, gapMs: ___, ...state }) => state,
  );
}

describe("duplicates", () => {
  it("are told by service, instance and number", () => {
    const instances = new Instances();
    assert.equal(instances.admit(batch(), T0), null);
    assert.equal(instances.admit(batch(), T0), "duplicate");
    assert.equal(instances.admit(batch(), T0 + 1000), "duplicate");
    assert.equal(instances.admit(batch({ instance: "pod-2" }), T0), null);
    assert.equal(instances.admit(batch({ service: "search" }), T0), null);
    assert.equal(instances.admit(batch({ seq: 1 }), T0), null);
  });

  it("cannot be told without a number or an instance", () => {
    const instances = new Instances();
    for (const fields of [{ seq: null }, { instance: null }]) {
      assert.equal(instances.admit(batch(fields), T0), null);
      assert.equal(instances.admit(batch(fields), T0), null);
    }
  });

  it("are remembered for the last 64 numbers, in any order, and older ones count as seen", () => {
    const instances = new Instances();
    const order = Array.from({ length: 64 }, (_, i) => (i * 37) % 64);
    for (const seq of order) assert.equal(instances.admit(batch({ seq }), T0), null, `${seq}`);
    for (const seq of order) assert.equal(instances.admit(batch({ seq }), T0), "duplicate", `${seq}`);
    assert.equal(instances.admit(batch({ seq: 110 }), T0), null);
    for (let seq = 0; seq < 64; seq++)
      assert.equal(instances.admit(batch({ seq }), T0), "duplicate", `${seq}`);
    for (let seq = 64; seq < 110; seq++) assert.equal(instances.admit(batch({ seq }), T0), null, `${seq}`);
    assert.equal(instances.admit(batch({ seq: 1000 }), T0), null);
    assert.equal(instances.admit(batch({ seq: 110 }), T0), "duplicate");
    assert.equal(instances.admit(batch({ seq: 937 }), T0), null);
    assert.equal(instances.admit(batch({ seq: 936 }), T0), "duplicate");
  });

  it("are none where an instance starts anew under its name: its time goes on", () => {
    const instances = new Instances();
    for (let seq = 0; seq < 100; seq++) assert.equal(instances.admit(second(seq), T0), null);
    assert.equal(instances.admit(second(0, 100), T0), null);
    assert.equal(instances.admit(second(0, 100), T0), "duplicate");
    assert.equal(instances.admit(second(1, 101), T0), null);
    assert.equal(instances.admit(second(99, 99), T0), null, "a late one of the life before may count");
    assert.equal(instances.admit(second(99, 99), T0), "duplicate");
  });

  it("are told after a goodbye, too", () => {
    const instances = new Instances();
    assert.equal(instances.admit(batch({ seq: 1, goodbye: true }), T0), null);
    assert.equal(instances.admit(batch({ seq: 1, goodbye: true }), T0 + 100), "duplicate");
    assert.deepEqual(statesOf(instances, T0 + 100)[0]?.instances, 0);
  });
});

describe("services", () => {
  it("are told of with their instances, until those end or fall silent", () => {
    const instances = new Instances();
    for (let i = 0; i < 3; i++) instances.admit(batch({ instance: `pod-${i}` }), T0 + i);
    instances.admit(batch({ service: "search", instance: null, seq: null }), T0);
    const checkout = { name: "checkout", instances: 3, heardMs: T0 + 2, saidGoodbye: false };
    assert.deepEqual(statesOf(instances, T0 + 10), [
      checkout,
      { name: "search", instances: 1, heardMs: T0, saidGoodbye: false },
    ]);
    instances.admit(batch({ instance: "pod-0", seq: 1, goodbye: true }), T0 + 20);
    assert.deepEqual(statesOf(instances, T0 + 20)[0], { ...checkout, instances: 2, heardMs: T0 + 20 });
    assert.equal(statesOf(instances, T0 + 60_001)[0]?.instances, 1);
    assert.equal(statesOf(instances, T0 + 60_002)[0]?.instances, 0);
    assert.equal(statesOf(instances, T0 + 60_002)[0]?.saidGoodbye, false, "two just fell silent");
    assert.deepEqual(statesOf(instances, T0 + 3_700_000), []);
  });

  it("have said goodbye when the last of their instances has", () => {
    const instances = new Instances();
    instances.admit(batch({ instance: "pod-0" }), T0);
    instances.admit(batch({ instance: "pod-1" }), T0);
    instances.admit(batch({ instance: "pod-0", seq: 1, goodbye: true }), T0);
    assert.equal(statesOf(instances, T0)[0]?.saidGoodbye, false);
    instances.admit(batch({ instance: "pod-1", seq: 1, goodbye: true }), T0);
    assert.equal(statesOf(instances, T0)[0]?.saidGoodbye, true);
    instances.admit(batch({ instance: "pod-2" }), T0 + 5000);
    assert.deepEqual(statesOf(instances, T0 + 5000)[0]?.saidGoodbye, false);
  });

  it("know the clusters that their samples were of", () => {
    const instances = new Instances();
    instances.admit(batch(), T0);
    instances.noteCluster("checkout", "shop");
    instances.noteCluster("nobody", "shop");
    assert.deepEqual([...([...instances.states(T0)][0]?.clusters ?? [])], ["shop"]);
  });
});

describe("limits", () => {
  it("refuse services and instances beyond them, until an idle one gives its place", () => {
    const instances = new Instances({ services: 2, instances: 3 });
    const admit = (service: string, instance: string, nowMs: number) =>
      instances.admit(batch({ service, instance, seq: null }), nowMs);
    assert.equal(admit("a", "1", T0), null);
    assert.equal(admit("b", "1", T0), null);
    assert.equal(admit("c", "1", T0), "services");
    assert.equal(admit("a", "2", T0), null);
    assert.equal(admit("a", "3", T0), "instances");
    assert.equal(admit("a", "1", T0 + 59_999), null);
    assert.equal(admit("c", "1", T0 + 59_999), "services");
    assert.equal(admit("c", "1", T0 + 60_000), null);
    assert.deepEqual(
      statesOf(instances, T0 + 60_000).map(({ name }) => name),
      ["a", "c"],
    );
    assert.equal(admit("a", "3", T0 + 60_000), null);
    assert.equal(admit("a", "4", T0 + 60_000), "instances");
  });

  it("let those that said goodbye give their place first", () => {
    const instances = new Instances({ services: 1, instances: 2 });
    instances.admit(batch({ instance: "1" }), T0);
    instances.admit(batch({ instance: "2", goodbye: true }), T0);
    assert.equal(instances.admit(batch({ instance: "3" }), T0), null);
    assert.equal(instances.admit(batch({ instance: "4" }), T0), "instances");
  });

  it("are not worn out by one who repeats himself", () => {
    const instances = new Instances({ services: 10, instances: 2 });
    instances.admit(batch({ instance: "1" }), T0);
    instances.admit(batch({ instance: "2" }), T0 + 1);
    instances.admit(batch({ instance: "1" }), T0 + 59_000);
    assert.equal(instances.admit(batch({ instance: "3" }), T0 + 61_000), null);
  });

  it("hold 20,000 instances and no more, whatever comes", () => {
    const instances = new Instances();
    for (let i = 0; i < 30_000; i++)
      instances.admit(batch({ service: `s${i % 2000}`, instance: `${i}` }), T0);
    assert.ok(instances.size <= 20_000);
    assert.equal([...instances.states(T0)].length, 1000);
  });
});

describe("instances that rest", () => {
  it("are not missed after an empty batch, until they have something to tell", () => {
    const instances = new Instances();
    const heardMs = (nowMs: number) => statesOf(instances, nowMs)[0]?.heardMs;
    instances.admit(batch({ seq: 0 }), T0);
    assert.equal(heardMs(T0 + 5000), T0);
    instances.admit(batch({ seq: 1, samples: [] }), T0 + 1000);
    assert.equal(heardMs(T0 + 30_000), T0 + 30_000);
    instances.admit(batch({ seq: 2 }), T0 + 31_000);
    assert.equal(heardMs(T0 + 40_000), T0 + 31_000);
  });

  it("do not hide that others of their service are missing", () => {
    const instances = new Instances();
    instances.admit(batch({ instance: "pod-1" }), T0);
    instances.admit(batch({ instance: "pod-2", samples: [] }), T0 + 100);
    assert.equal(statesOf(instances, T0 + 10_000)[0]?.heardMs, T0 + 100);
  });

  it("have ended in peace when they are forgotten", () => {
    const instances = new Instances();
    instances.admit(batch({ samples: [] }), T0);
    const [state] = statesOf(instances, T0 + 61_000);
    assert.deepEqual(state, { name: "checkout", instances: 0, heardMs: T0, saidGoodbye: true });
  });
});

describe("silences", () => {
  /** When the service came back last, in ms after the start; batches come at these times. */
  function returnedAfter(times: readonly number[]): number | null {
    const instances = new Instances();
    times.forEach((ms, seq) => void instances.admit(batch({ seq }), T0 + ms));
    const [state] = instances.states(T0 + times.at(-1)!);
    return state!.returnedMs === 0 ? null : state!.returnedMs - T0;
  }

  it("are longer pauses than a few seconds", () => {
    assert.equal(returnedAfter([0, 1000, 2000, 4400, 5000]), null);
    assert.equal(returnedAfter([0, 1000, 2000, 22_000, 23_000]), 22_000);
  });

  it("are not the habit of services that send seldom", () => {
    assert.equal(returnedAfter([0, 1000, 3000, 4000, 7000, 8000, 11_000]), null);
  });

  it("are none while all instances rest", () => {
    const instances = new Instances();
    instances.admit(batch({ seq: 0 }), T0);
    instances.admit(batch({ seq: 1, samples: [] }), T0 + 1000);
    instances.admit(batch({ seq: 2 }), T0 + 30_000);
    assert.equal([...instances.states(T0 + 30_000)][0]?.returnedMs, 0);
  });
});
