export type { AccessKind } from "./access-kind.ts";
export { type HotKeyAnalysis, type HotKeyMetrics, HotKeyMonitor } from "./hot-key-monitor.ts";
export type { HotKey, HotKeyMonitorOptions } from "./monitor-options.ts";
export {
  type DropReason,
  type Observation,
  type ObservationStats,
  observe,
} from "./observe.ts";
export type { AgentOptions, ObserveOptions } from "./options.ts";
export type { KeyCount } from "./recent-heat.ts";
