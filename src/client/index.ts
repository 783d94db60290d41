export type { AccessKind } from "./access-kind.ts";
export { type HotKeyAnalysis, type HotKeyMetrics, HotKeyMonitor } from "./hot-key-monitor.ts";
export { HotSet, type HotSetChange, type HotSetOptions, type HotSetState } from "./hot-set.ts";
export type { MitigateOptions } from "./mitigation/mitigate-options.ts";
export type { MitigationStats } from "./mitigation/mitigation.ts";
export type { HotKey, HotKeyMonitorOptions } from "./monitor-options.ts";
export {
  type DropReason,
  type Observation,
  type ObservationStats,
  observe,
} from "./observe.ts";
export type { AgentOptions, ObserveOptions } from "./options.ts";
export type { KeyCount } from "./recent-heat.ts";
export type { Bytes } from "./remedies/commands.ts";
export type { Compute, ComputeContext } from "./remedies/computed-value.ts";
export {
  EarlyRefresh,
  type EarlyRefreshOptions,
  type EarlyRefreshStats,
  type Peeked,
  type RefreshGetOptions,
  type RefreshSetOptions,
} from "./remedies/early-refresh.ts";
export type { LockOptions } from "./remedies/fleet-lock/lock-options.ts";
export {
  type Entries,
  type HashSetOptions,
  HashShards,
  type HashShardsOptions,
} from "./remedies/hash-shards.ts";
export type { HotKeySource } from "./remedies/hot-key-source.ts";
export { IncompleteWriteError } from "./remedies/incomplete-write-error.ts";
export { LocalCache, type LocalCacheStats, type TrackingState } from "./remedies/local-cache.ts";
export type { CachedHotKey } from "./remedies/local-cache-hot-keys.ts";
export type { AbsorbedListener, LocalCacheOptions, TrackingOptions } from "./remedies/local-cache-options.ts";
export {
  type ReplicaReadOptions,
  ReplicaRouter,
  type ReplicaRouterClients,
  type ReplicaRouterOptions,
  type ReplicaRouterStats,
  type ReplicaSetOptions,
  type ReplicaStrategy,
  type RouterFallbacks,
  type RouterNode,
} from "./remedies/replica-router.ts";
export {
  ReplicatedValue,
  type ReplicatedValueOptions,
  type ReplicatedValueSetOptions,
} from "./remedies/replicated-value.ts";
export { CounterResetError, ShardedCounter, type ShardedCounterOptions } from "./remedies/sharded-counter.ts";
export { type Members, ShardedSet, type ShardedSetOptions } from "./remedies/sharded-set.ts";
export {
  SlotSpread,
  type SlotSpreadOptions,
  type SlotSpreadSetOptions,
  type Variant,
} from "./remedies/slot-spread.ts";
export {
  type StampedeGetOptions,
  StampedeLock,
  type StampedeLockOptions,
  type StampedeLockStats,
} from "./remedies/stampede-lock.ts";
