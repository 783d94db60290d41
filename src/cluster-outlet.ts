import type { HeatSnapshot } from "./model/heat-snapshot.ts";
import type { HotSet } from "./model/hot-set.ts";
import type { StateRecord } from "./model/state-record.ts";

/** Where it writes what others read; never blocks, never throws. */
export interface ClusterOutlet {
  state(record: StateRecord): void;
  /** Deletes the record under a key for good; `cluster`: of which it is. */
  eraseState(cluster: string, key: string): void;
  heat(snapshot: HeatSnapshot): void;
  hotSet(hotSet: HotSet): void;
}
