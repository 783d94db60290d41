import type { ServiceState } from "../../model/services.ts";
import type { SampleBatch } from "./sample.ts";
import { SeqWindow } from "./seq-window.ts";

const SERVICES_MAX = 1000;
const INSTANCES_MAX = 20_000;
/** One that was not heard of for so long gives its place to another. */
const IDLE_MS = 60_000;
/** Reporters send each second: a longer pause of a service is a silence, unless it always sends so seldom. */
const SILENT_MS = 2500;
const GAPS_KEPT = 4;
/** A service of which nothing is heard is told of for so long. */
const SERVICE_KEPT_MS = 3_600_000;

export type Refusal = "services" | "instances" | "duplicate";

interface Service {
  readonly name: string;
  heardMs: number;
  /** Its instances that have neither ended nor fallen silent. */
  live: number;
  /** Those of them that rest. */
  resting: number;
  /** Whether the last of its instances to go said so, or rested. */
  saidGoodbye: boolean;
  /** Clusters that its samples were of. */
  readonly clusters: Set<string>;
  /** When it came back after a silence. */
  returnedMs: number;
  /** The last pauses between its batches, in ms. */
  readonly gapsMs: number[];
}

interface Instance {
  readonly service: Service;
  readonly seqs: SeqWindow;
  heardMs: number;
  /** It said goodbye: kept, while there is room, so that its last batches are not counted again. */
  isGone: boolean;
  /** Its last batch was empty: it has nothing to tell until the next one, and is not missed. */
  isResting: boolean;
}

export interface InstancesLimits {
  readonly services: number;
  readonly instances: number;
}

/** Who reports: tells batches that came before, and which services there are. Bounded by the two limits. */
export class Instances {
  readonly #limits: InstancesLimits;
  readonly #services = new Map<string, Service>();
  /** Least recently heard of first. */
  readonly #live = new Map<string, Instance>();
  readonly #gone = new Map<string, Instance>();

  constructor(limits: InstancesLimits = { services: SERVICES_MAX, instances: INSTANCES_MAX }) {
    this.#limits = limits;
  }

  /** Notes a batch; `null`: it is to be counted, else why it is not. */
  admit(batch: SampleBatch, nowMs: number): Refusal | null {
    this.#forgetIdle(nowMs);
    const service = this.#service(batch.service, nowMs);
    if (!service) return "services";
    const id = idOf(batch);
    const known = this.#live.get(id) ?? this.#gone.get(id);
    const instance = known ?? this.#newInstance(service);
    if (!instance) return "instances";
    instance.heardMs = nowMs;
    const isNew = instance.seqs.note(batch);
    if (isNew) noteGap(service, nowMs);
    service.heardMs = Math.max(service.heardMs, nowMs);
    if (isNew) this.#rest(instance, batch.samples.length === 0);
    this.#place(id, instance, isNew ? batch.goodbye : instance.isGone);
    return isNew ? null : "duplicate";
  }

  /** A batch of the service held samples of a key in this cluster. */
  noteCluster(service: string, cluster: string): void {
    this.#services.get(service)?.clusters.add(cluster);
  }

  /** Every service, and the clusters that its samples were of. */
  *states(nowMs: number): Iterable<ServiceState & { readonly clusters: ReadonlySet<string> }> {
    this.#forgetIdle(nowMs);
    for (const service of this.#services.values()) {
      const { name, live, resting, saidGoodbye, clusters, returnedMs, gapsMs } = service;
      const heardMs = live > 0 && live === resting ? nowMs : service.heardMs;
      if (live === 0 && nowMs - heardMs >= SERVICE_KEPT_MS) this.#services.delete(name);
      else {
        const gapMs = Math.max(0, ...gapsMs);
        const isGone = live === 0 && saidGoodbye;
        yield { name, instances: live, heardMs, saidGoodbye: isGone, returnedMs, gapMs, clusters };
      }
    }
  }

  get size(): number {
    return this.#live.size + this.#gone.size;
  }

  #service(name: string, nowMs: number): Service | null {
    const known = this.#services.get(name);
    if (known) return known;
    if (this.#services.size >= this.#limits.services && !this.#dropIdleService(nowMs)) return null;
    const clusters = new Set<string>();
    const silences = { returnedMs: 0, gapsMs: [] };
    const service = { name, heardMs: nowMs, live: 0, resting: 0, saidGoodbye: false, clusters, ...silences };
    this.#services.set(name, service);
    return service;
  }

  #newInstance(service: Service): Instance | null {
    if (this.size >= this.#limits.instances) {
      const [oldestGone] = this.#gone.keys();
      if (oldestGone === undefined) return null;
      this.#gone.delete(oldestGone);
    }
    return { service, heardMs: 0, isGone: true, isResting: false, seqs: new SeqWindow() };
  }

  #rest(instance: Instance, isResting: boolean): void {
    if (!instance.isGone && instance.isResting !== isResting) instance.service.resting += isResting ? 1 : -1;
    instance.isResting = isResting;
  }

  #place(id: string, instance: Instance, goodbye: boolean): void {
    const { service } = instance;
    this.#live.delete(id);
    this.#gone.delete(id);
    if (instance.isGone !== goodbye) {
      const step = goodbye ? -1 : 1;
      service.live += step;
      if (instance.isResting) service.resting += step;
    }
    if (goodbye) service.saidGoodbye = true;
    instance.isGone = goodbye;
    // At the end: the maps are in the order of the last batches.
    (goodbye ? this.#gone : this.#live).set(id, instance);
  }

  #forgetIdle(nowMs: number): void {
    for (const [id, { heardMs, service, isResting }] of this.#live) {
      if (nowMs - heardMs < IDLE_MS) break;
      this.#live.delete(id);
      service.live--;
      if (isResting) service.resting--;
      service.saidGoodbye = isResting;
    }
    for (const [id, { heardMs }] of this.#gone) {
      if (nowMs - heardMs < IDLE_MS) break;
      this.#gone.delete(id);
    }
  }

  /** Makes room for a service; false: all were heard of lately. */
  #dropIdleService(nowMs: number): boolean {
    for (const [name, { live, heardMs }] of this.#services) {
      if (live > 0 || nowMs - heardMs < IDLE_MS) continue;
      this.#services.delete(name);
      return true;
    }
    return false;
  }
}

/** Notes how long nothing came of a service that was not resting. */
function noteGap(service: Service, nowMs: number): void {
  const { live, resting, gapsMs, heardMs } = service;
  const gapMs = nowMs - heardMs;
  if (gapMs <= 0 || (live > 0 && live === resting)) return;
  if (gapMs > Math.max(SILENT_MS, 2 * Math.max(0, ...gapsMs))) service.returnedMs = nowMs;
  gapsMs.push(gapMs);
  if (gapsMs.length > GAPS_KEPT) gapsMs.shift();
}

/** A service's name has no control characters. */
function idOf({ service, instance }: SampleBatch): string {
  return `${service}\n${instance ?? ""}`;
}
