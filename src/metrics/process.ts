import type { Meter } from "@opentelemetry/api";

/**
 * What the process itself uses, under the names that all Prometheus clients give it: dashboards and alerts that are
 * there already fit.
 */
export function addProcess(meter: Meter): void {
  meter
    .createObservableCounter("process_cpu_seconds", { description: "CPU time, user and system.", unit: "s" })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  meter
    .createObservableGauge("process_resident_memory_bytes", { description: "Resident memory.", unit: "By" })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge("process_start_time_seconds", {
      description: "When the process started, in seconds since 1970.",
      unit: "s",
    })
    .addCallback((result) => result.observe(performance.timeOrigin / 1000));
}
