export type { AccessKind } from "./access-kind.ts";
export {
  type DropReason,
  type Observation,
  type ObservationStats,
  observe,
} from "./observe.ts";
export type { AgentOptions, ObserveOptions } from "./options.ts";
export type { KeyCount } from "./recent-heat.ts";
