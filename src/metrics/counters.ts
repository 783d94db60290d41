import type { Meter, ObservableCounter } from "@opentelemetry/api";
import { DROP_REASONS, GAP_REASONS, withZeros } from "./known-reasons.ts";
import { Sums } from "./labels.ts";
import type { MetricViews } from "./views.ts";

/** What only grows, as instruments. What was counted stays: their labels are few. */
export function addCounters(meter: Meter, views: MetricViews): void {
  addBooks(meter, views);
  addTaps(meter, views);
  observe(
    meter.createObservableCounter("keyheat.notifications", {
      description: "Notifications, by receiver and what became of them.",
      unit: "{notification}",
    }),
    (sums) => {
      for (const { receiver, outcome, count } of views.notifications()) {
        sums.add({ receiver, outcome }, count);
      }
    },
  );
}

function addBooks(meter: Meter, views: MetricViews): void {
  const options = (description: string) => ({ description, unit: "{item}" });
  const received = options("What a stage received: kept, dropped and pending together.");
  observe(meter.createObservableCounter("keyheat.received", received), (sums) => {
    for (const books of views.books()) sums.add({ stage: books.stage }, books.received);
  });
  const kept = options("What a stage kept.");
  observe(meter.createObservableCounter("keyheat.kept", kept), (sums) => {
    for (const books of views.books()) sums.add({ stage: books.stage }, books.kept);
  });
  const dropped = options("What a stage dropped, by reason.");
  observe(meter.createObservableCounter("keyheat.dropped", dropped), (sums) => {
    for (const { stage, dropped } of views.books()) {
      for (const [reason, count] of withZeros(dropped, DROP_REASONS.get(stage))) {
        sums.add({ stage, reason }, count);
      }
    }
  });
}

function addTaps(meter: Meter, views: MetricViews): void {
  const events = { description: "Events that a source saw at a target, by name.", unit: "{event}" };
  observe(meter.createObservableCounter("keyheat.events", events), (sums) => {
    for (const { source, cluster, target, events } of views.taps()) {
      for (const [event, count] of Object.entries(events)) {
        sums.add({ source, target, event, cluster }, count);
      }
    }
  });
  const gaps = { description: "Interruptions in which accesses may have gone unseen.", unit: "{gap}" };
  observe(meter.createObservableCounter("keyheat.tap.gaps", gaps), (sums) => {
    for (const { cluster, target, gaps } of views.taps()) {
      for (const [reason, count] of withZeros(gaps, GAP_REASONS))
        sums.add({ target, reason, cluster }, count);
    }
  });
}

function observe(counter: ObservableCounter, fill: (sums: Sums) => void): void {
  counter.addCallback((result) => {
    const sums = new Sums();
    fill(sums);
    for (const { attributes, value } of sums.values()) result.observe(value, attributes);
  });
}
